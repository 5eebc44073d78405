"""Tiny models, pairs and folders that the tests of the embedding cache share.

Run as a program it writes a cache slowly, so that a test can kill it:
`python -m tests.data.caches FOLDER SECONDS_PER_BATCH PROCESS NUM_PROCESSES`.
"""

import pathlib
import subprocess
import sys
import time

import keras
import numpy as np
import tensorflow as tf

import keras_lit
from keras_lit.data import cache_files
from tests import tiny

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent.parent
WORDS = ("red", "blue", "cat", "dog", "sun", "sea")
NUM_IMAGES = 23


def lit_model(resize=None, **kwargs):
    """A model that takes raw images and captions."""
    tokenizer = keras_lit.preprocessing.WordPieceTokenizer(
        ["[PAD]", "[UNK]", "[CLS]", *WORDS], sequence_length=tiny.TOKENS
    )
    converter = keras_lit.preprocessing.ImageConverter(image_size=8, resize=resize)
    return tiny.lit_model(preprocessor=keras_lit.LiTPreprocessor(converter, tokenizer), **kwargs)


def arrays(num_images=NUM_IMAGES, views=None, seed=0):
    """Raw images, and captions that name the image's number in words."""
    random = np.random.default_rng(seed)
    shape = (num_images, 9, 10, 3) if views is None else (num_images, views, 9, 10, 3)
    return {
        "images": random.integers(0, 256, shape).astype("uint8"),
        "captions": np.array([caption(number) for number in range(num_images)]),
    }


def caption(number):
    digits = np.base_repr(number, len(WORDS)).zfill(3)
    return " ".join(WORDS[int(digit)] for digit in digits)


def pairs(batch_size=4, **kwargs):
    return tf.data.Dataset.from_tensor_slices(arrays(**kwargs)).batch(batch_size)


def write(folder, embeddings, captions, rows_per_shard=5, **entries):
    """Writes a cache of given embeddings `(rows, views, dim)` and lists of captions; opens it."""
    folder.mkdir(exist_ok=True)
    starts = range(0, len(embeddings), rows_per_shard)
    for shard, start in enumerate(starts):
        rows = slice(start, start + rows_per_shard)
        cache_files.write_shard(
            folder,
            shard,
            embeddings[rows],
            [[text.encode() for text in row] for row in captions[rows]],
            {name: entry[rows] for name, entry in entries.items()},
        )
    identity = {
        "has_captions": True,
        "num_views": embeddings.shape[1],
        "embedding_dim": embeddings.shape[2],
        "entries": {
            name: {"shape": list(entry.shape[1:]), "dtype": entry.dtype.name}
            for name, entry in entries.items()
        },
    }
    shards = [
        cache_files.read_json(cache_files.shard_path(folder, shard) / cache_files.CHECKSUMS)
        for shard in range(len(starts))
    ]
    cache_files.write_json(folder / "cache.json", identity)
    cache_files.write_json(folder / "manifest.json", {"shards": shards})
    return keras_lit.data.EmbeddingCache(folder)


def contents(folder):
    """Returns `{relative path: bytes}` of a folder."""
    folder = pathlib.Path(folder)
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def write_slowly(folder, seconds_per_batch, process=0, num_processes=1):
    """Starts a fresh process that writes a cache of 23 images in shards of two batches of 4."""
    command = [sys.executable, "-m", "tests.data.caches", folder, seconds_per_batch]
    return subprocess.Popen(
        [str(part) for part in (*command, process, num_processes)],
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.02)


if __name__ == "__main__":
    _folder, _seconds, _process, _num_processes = sys.argv[1:]

    def _wait(images):
        time.sleep(float(_seconds))
        return images

    # Layers that another process does not have, hence other automatic names.
    keras.layers.Conv2D(1, 1), keras.layers.Dense(1)
    keras_lit.data.cache_embeddings(
        lit_model(),
        pairs().map(
            lambda batch: {
                "images": tf.ensure_shape(
                    tf.numpy_function(_wait, [batch["images"]], tf.uint8), batch["images"].shape
                ),
                "captions": batch["captions"],
            }
        ),
        _folder,
        batches_per_shard=2,
        input_context=tf.distribute.InputContext(int(_num_processes), int(_process)),
    )
