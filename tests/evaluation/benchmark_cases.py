"""Tiny models, benchmarks and real files that the tests of evaluation and its verbs share."""

import functools
import json

import keras
import numpy as np

import keras_lit
from keras_lit.evaluation import RetrievalBenchmark, ZeroShotBenchmark, benchmarks
from keras_lit.evaluation.benchmark_sources import (
    CaptionFileSource,
    ClassFoldersSource,
    read_crossmodal_captions,
)
from tests import tiny

CLASSES = benchmarks["cifar10"].class_names
COLORS = np.random.default_rng(0).integers(0, 256, (len(CLASSES), 3))


@functools.cache
def lit_model():
    """A model of random weights that knows the names of the ten classes; no test changes it."""
    tokenizer = keras_lit.preprocessing.WordPieceTokenizer(
        ["[PAD]", "[UNK]", "[CLS]", *CLASSES, "two"], sequence_length=tiny.TOKENS
    )
    converter = keras_lit.preprocessing.ImageConverter(image_size=8)
    return tiny.lit_model(preprocessor=keras_lit.LiTPreprocessor(converter, tokenizer))


def picture(label, number):
    """A picture of 9 x 10 in the color of its class, with a border of two other pixels."""
    random = np.random.default_rng([label, number])
    pixels = np.clip(COLORS[label] + random.integers(-30, 30, (9, 10, 3)), 0, 255)
    return np.pad(pixels, ((2, 2), (2, 2), (0, 0)), constant_values=255).astype("uint8")


def write_pictures(data_dir):
    """Writes two pictures per class, and as many with captions, as if downloaded by hand."""
    manual = data_dir / "downloads" / "manual"
    (manual / "captioned" / "images").mkdir(parents=True)
    rows = []
    for label, name in enumerate(CLASSES):
        (manual / "colors" / name).mkdir(parents=True)
        for number in range(2):
            pixels = picture(label, number)
            keras.utils.save_img(manual / "colors" / name / f"{number}.png", pixels, scale=False)
        key = f"{label:03d}"
        keras.utils.save_img(manual / "captioned" / "images" / f"{key}.jpg", pixels, scale=False)
        captions = [name] if label % 2 else [name, f"two {name}"]
        rows.append(json.dumps({"image/key": key, "de": {"caption": captions}}))
    (manual / "captioned" / "captions.jsonl").write_text("\n".join(rows))


ZERO_SHOT = ZeroShotBenchmark(
    "colors",
    "Ten colors",
    ClassFoldersSource("colors", tuple(CLASSES), 2, "Draw them."),
    classes="cifar10",
    templates="class_name_only",
)
RETRIEVAL = RetrievalBenchmark(
    "captioned",
    "Captioned colors",
    CaptionFileSource("captioned", read_crossmodal_captions("de"), "Write them."),
)
