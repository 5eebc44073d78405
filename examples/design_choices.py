"""The design study of the LiT paper, small: what to lock, which towers, which loss, which batches.

Tunes on captioned Twemoji pictures and scores unseen emojis in three styles, once per choice and
seed. All else is the same: the first line is the paper's choice, each other line changes one thing.
Every image tower is pretrained here first, with the same pictures and number of steps (see
pretrain_image_tower.py); the pretrained text tower has learned from captions alone that two
captions belong to one emoji. All runs see as many pairs, so larger batches make fewer steps.

Writes one JSON file per run into --folder, and table.md and plot.png. What is there is not run
again: stopped, the same command goes on.

```
python examples/design_choices.py --folder=runs/design_choices
```
"""

import dataclasses
import functools
import os
import pathlib

# On a CPU convolutions take TensorFlow half as long as JAX.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import emoji_comparison
import keras
import keras_hub
import numpy as np
import pretrain_image_tower
import tensorflow as tf
from absl import app, flags

import keras_lit
from keras_lit.data import emoji_examples
from keras_lit.data.emoji_pairs import write_captions
from keras_lit.demo import emoji_tuning

# The scores, in the order of the table; each is a mean over the three styles.
SCORES = {
    "8 groups, zero-shot": "group_accuracy",
    "keyword, precision@5": "keyword_precision@5",
    "name → picture, recall@10": "name_recall@10",
}
# "Local" is the loss of eight devices that do not exchange embeddings.
NUM_DEVICES = 8


@dataclasses.dataclass(frozen=True)
class Choice:
    """One line of the study; the defaults are the paper's choice.

    Args:
        question: String, which of the paper's questions it answers.
        tuning: Two letters, as for `keras_lit.LiTModel`.
        num_unlocked: Integer, how many of the last blocks of a locked image tower train.
        method: How the image tower was pretrained.
        architecture: Of the image tower.
        loss: `"softmax"`, `"local softmax"` or `"sigmoid"`.
        batch_size: Integer.
    """

    question: str
    tuning: str = "Lu"
    num_unlocked: int = 0
    method: str = "supervised"
    architecture: str = "resnet"
    loss: str = "softmax"
    batch_size: int = 128


CHOICES = {
    "Lu": Choice("lock"),
    "Uu": Choice("lock", tuning="Uu"),
    "uu": Choice("lock", tuning="uu"),
    "LU": Choice("lock", tuning="LU"),
    "UU": Choice("lock", tuning="UU"),
    "Lu + last block unlocked": Choice("lock", num_unlocked=1),
    "self-supervised (SimCLR)": Choice("image tower", method="simclr"),
    "ViT": Choice("image tower", architecture="vit"),
    "MLP-Mixer": Choice("image tower", architecture="mixer"),
    "local softmax": Choice("loss", loss="local softmax"),
    "sigmoid": Choice("loss", loss="sigmoid"),
    "batch 32": Choice("batch size", batch_size=32),
    "batch 512": Choice("batch size", batch_size=512),
}


_FOLDER = flags.DEFINE_string("folder", "runs/design_choices", "Where all is kept.")
_CHOICES = flags.DEFINE_list("choices", list(CHOICES), "What to compare.")
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Of start weights and batches.")
_PRETRAINING_STEPS = flags.DEFINE_integer(
    "pretraining_steps", 400, "Steps of each image tower, of 64 pictures."
)
_NUM_PAIRS = flags.DEFINE_integer("num_pairs", 12_800, "Pairs that each run sees.")
_NUM_EMOJIS = flags.DEFINE_integer("num_emojis", None, "Tune on this many emojis only, not all.")


def image_backbone(choice, seed, pictures, folder):
    """Returns the image tower of a choice, and sets the seed of all that follows.

    There is one pretrained tower per method and architecture, which all seeds share; it is
    pretrained where it is not there yet. A tower with random weights depends on the seed.
    """
    if choice.tuning[0] == "u":
        keras.utils.set_random_seed(seed)
        return pretrain_image_tower.BACKBONES[choice.architecture]()
    preset = folder / "towers" / f"{choice.method}_{choice.architecture}"
    if not preset.exists():
        print(f"\nPretraining {preset.name}", flush=True)
        backbone = pretrain_image_tower.pretrain(
            choice.method, choice.architecture, pictures, _PRETRAINING_STEPS.value, 64, seed=0
        )
        backbone.save_to_preset(preset)
    backbone = keras_hub.models.Backbone.from_preset(str(preset))
    keras.utils.set_random_seed(seed)
    return backbone


def pretrain_text_tower(model, emojis, num_steps, seed):
    """Teaches a text tower, without pictures, that two captions belong to the same emoji."""
    captions = np.array(write_captions(emojis))
    token_ids = model.preprocessor.tokenize_captions(captions.ravel().tolist())["token_ids"]
    token_ids = np.reshape(keras.ops.convert_to_numpy(token_ids), (*captions.shape, -1))
    generator = np.random.default_rng(seed)
    batch_size = min(128, len(emojis))

    def two_views():
        for _ in range(num_steps):
            rows = generator.choice(len(emojis), batch_size, replace=False)
            views = generator.integers(captions.shape[1], size=(2, batch_size))
            yield token_ids[rows, views]

    spec = tf.TensorSpec((2, batch_size, token_ids.shape[-1]), "int32")
    views = tf.data.Dataset.from_generator(two_views, output_signature=spec)
    views = views.apply(tf.data.experimental.assert_cardinality(num_steps))
    pretrain_image_tower.learn_from_views(model.text_tower.backbone, views, num_steps)


def build_loss(choice):
    if choice.loss == "local softmax":
        return keras_lit.losses.LocalSoftmaxContrastiveLoss(choice.batch_size // NUM_DEVICES)
    if choice.loss == "sigmoid":
        return keras_lit.losses.SigmoidContrastiveLoss()
    return keras_lit.losses.SoftmaxContrastiveLoss()


def run(choice, seed, data, pictures, folder):
    """Tunes once and returns the scores, by style and name."""
    backbone = image_backbone(choice, seed, pictures, folder)
    model = emoji_tuning.build_model(backbone, data.tuning, choice.tuning)
    num_steps = _NUM_PAIRS.value // choice.batch_size
    if choice.tuning[1] == "U":
        pretrain_text_tower(model, data.tuning, num_steps, seed)
    if choice.loss == "sigmoid":
        head = keras_lit.layers.SimilarityHead(temperature=10.0, bias=-10.0)  # as SigLIP starts
        model = keras_lit.LiTModel(
            model.image_tower, model.text_tower, model.preprocessor, choice.tuning, head
        )
    if choice.num_unlocked:
        model.image_tower.lock(keep_last=choice.num_unlocked)
    cache = folder / "caches" / f"{choice.method}_{choice.architecture}"
    batches = data.batches(model, choice.batch_size, seed, cache)
    emoji_tuning.compile_model(model, num_steps, build_loss(choice))
    model.fit(batches(0), steps_per_epoch=num_steps, verbose=2)
    return data.score(model)


def table_rows(results):
    """Scores by choice, seed, style and name -> those of the table, one value per seed."""
    return {
        name: {
            title: [np.mean([style[score] for style in scores.values()]) for scores in runs]
            for title, score in SCORES.items()
        }
        for name, runs in results.items()
    }


def draw_plot(rows, path):
    """Draws mean and standard deviation of each choice, a panel per score."""
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, len(SCORES), figsize=(12, 0.35 * len(rows) + 1.2), sharey=True)
    questions = list(dict.fromkeys(choice.question for choice in CHOICES.values()))
    for panel, title in zip(panels, SCORES, strict=True):
        for place, (name, row) in enumerate(rows.items()):
            values = 100 * np.array(row[title])
            color = f"C{questions.index(CHOICES[name].question)}"
            panel.errorbar(values.mean(), place, xerr=values.std(), fmt="o", capsize=3, color=color)
            panel.plot(values, [place] * len(values), "|", color=color, alpha=0.5)
        first = np.mean(next(iter(rows.values()))[title])
        panel.axvline(100 * first, color="0.7", zorder=0)
        panel.set_title(title)
        panel.set_xlabel("percent, unseen emojis")
    panels[0].set_yticks(range(len(rows)), list(rows))
    panels[0].invert_yaxis()
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main(argv):
    del argv
    folder = pathlib.Path(_FOLDER.value)
    builder = emoji_examples.prepare_emojis()
    data = emoji_comparison.EmojiData.read(builder, _NUM_EMOJIS.value)
    pictures = pretrain_image_tower.read_pictures(builder)
    settings = {
        "pretraining_steps": _PRETRAINING_STEPS.value,
        "num_pairs": _NUM_PAIRS.value,
        "num_emojis": len(data.tuning),
    }
    results = {name: [] for name in _CHOICES.value}
    for name in _CHOICES.value:
        choice = CHOICES[name]
        for seed in map(int, _SEEDS.value):
            configuration = {**dataclasses.asdict(choice), **settings, "seed": seed}
            path = folder / f"{name.replace(' ', '_')}_seed_{seed}.json"
            scores = emoji_comparison.kept_run(
                path, configuration, functools.partial(run, choice, seed, data, pictures, folder)
            )
            results[name].append(scores)
    rows = table_rows(results)
    table = emoji_comparison.write_table(
        "unseen emojis, percent", emoji_comparison.format_scores(rows)
    )
    (folder / "table.md").write_text(f"{table}\n")
    draw_plot(rows, folder / "plot.png")
    print(f"\n{table}\n\nWritten to {folder / 'table.md'} and {folder / 'plot.png'}")


if __name__ == "__main__":
    app.run(main)
