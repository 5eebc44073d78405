"""A folder -> the tuned emoji model, its scores and its report: the stages of `keras-lit demo`."""

import json
import pathlib
import time

import keras
import numpy as np

from keras_lit.data import emoji_examples
from keras_lit.demo import emoji_report, emoji_scores, emoji_tuning, other_backend
from keras_lit.demo.emoji_tower import load_image_backbone

STYLES = ("twemoji", "openmoji_color", "openmoji_line")


def run_demo(folder, num_steps=None, num_emojis=None, seed=0):
    """Tunes, evaluates and reports; a stopped run goes on where it was.

    Args:
        folder: Path to write to.
        num_steps: Integer, or `None` for the recipe's.
        num_emojis: Integer, how many emojis to tune on, or `None` for all.
        seed: Integer.

    Raises:
        ImportError: If a package of the extra `demo` is missing.
        OSError: If `folder` cannot be written.
        ValueError: If `folder` holds a run with other settings.
    """
    started = time.time()
    folder = pathlib.Path(folder)
    num_steps = num_steps or emoji_tuning.NUM_STEPS
    _claim(folder, {"num_steps": num_steps, "num_emojis": num_emojis, "seed": seed})

    _say("1/5", "Preparing pictures and captions (once; kept by TensorFlow Datasets)")
    builder = emoji_examples.prepare_emojis()
    tuning = emoji_examples.read_emojis(builder, emoji_examples.TUNING_SPLITS, "twemoji")
    tuning = tuning.first(num_emojis or len(tuning))
    unseen = {
        style: emoji_examples.read_emojis(builder, emoji_examples.UNSEEN_SPLIT, style)
        for style in STYLES
    }
    print(f"{len(tuning)} emojis to tune on, {len(unseen['twemoji'])} never captioned.")

    _say("2/5", "Tuning a new text tower onto the locked, pretrained image tower")
    model, curve = _tune(load_image_backbone(), tuning, folder / "tuning", num_steps, seed)

    _say("3/5", "The same onto a locked image tower with random weights, to compare")
    backbone = load_image_backbone(load_weights=False)
    random_model, _ = _tune(backbone, tuning, folder / "tuning_random", num_steps, seed)

    _say("4/5", "Evaluating on emojis that were never captioned")
    scores, random_scores = ({}, {})
    for style in STYLES:
        scores[style], chance = emoji_scores.score_emojis(model, unseen[style], tuning)
        random_scores[style], _ = emoji_scores.score_emojis(random_model, unseen[style], tuning)
        scores[style] = {name: (value, chance[name]) for name, value in scores[style].items()}

    _say("5/5", "Saving the model, and loading it in a fresh process under another backend")
    preset = folder / "lit_emoji"
    model.save_to_preset(preset)
    answers = folder / "answers.npz"
    _write_answers(model, unseen["openmoji_line"], answers)
    checked = other_backend.check_other_backend(preset, answers)

    report = emoji_report.write_emoji_report(
        folder, model, tuning, unseen, curve, (scores, random_scores), checked
    )
    minutes = (time.time() - started) / 60
    print(emoji_report.summarize((scores, random_scores), checked, report, preset, minutes))


def _say(stage, text):
    print(f"\n[{stage}] {text}", flush=True)


def _claim(folder, settings):
    """Creates the folder, or checks that the run in it has the same settings."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "settings.json"
    if path.exists() and json.loads(path.read_text()) != settings:
        raise ValueError(
            f"'{folder}' holds a run with the settings {path.read_text()}, not {settings}. Name "
            "another --folder, or delete this one."
        )
    path.write_text(json.dumps(settings))


def _tune(backbone, tuning, folder, num_steps, seed):
    keras.utils.set_random_seed(seed)
    model = emoji_tuning.build_model(backbone, tuning)
    batches = emoji_tuning.cached_batches(model, tuning, folder / "cache", seed)
    return model, emoji_tuning.tune(model, batches, folder, num_steps)


def _write_answers(model, emojis, path):
    texts = [names[0] for names in emojis.names]
    np.savez(
        path,
        images=emojis.images,
        texts=np.array(texts),
        image_embeddings=model.encode_images(emojis.images),
        text_embeddings=model.encode_texts(texts),
    )
