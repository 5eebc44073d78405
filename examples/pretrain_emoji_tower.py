"""Emoji pictures of the concepts to tune on -> a small image tower, saved as a keras-hub preset.

The tower learns as a classifier of augmented pictures: which concept, subgroup and group it shows
(one of each), and which common keywords it carries (any number, as tags). These labels, of the
concepts to tune on, are all that it is told.

No picture of a held-out concept takes part, in no style and no variant: a held-out concept is one
whose split is `test` for the salt, and all variants of an emoji share its concept.

The demo's image tower is two such towers side by side, which tell more than one of twice the size:

```
pip install 'keras-lit[demo]' manimgx-fonts dynamic-font
python examples/pretrain_emoji_tower.py --seed=0 --output=emoji_tower/0
python examples/pretrain_emoji_tower.py --seed=1 --output=emoji_tower/1
```
"""

import collections
import dataclasses
import itertools
import operator
import os

# On a CPU the steps of this small tower take TensorFlow half as long as JAX.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import keras_hub
import numpy as np
import tensorflow as tf
from absl import app, flags
from emoji_drawings import further_drawings

from keras_lit.data import emoji_pictures, emoji_sources
from keras_lit.data.emoji_augmentation import distort

IMAGE_SIZE = 32
# How often a style is drawn; there are three drawings in lines beside the data set's own.
STYLE_WEIGHTS = {
    **dict.fromkeys(emoji_pictures.STYLES, 1.0),
    "noto_color": 0.8,
    "line_drawing": 0.45,
}
LABELS = ("concept", "subgroup", "group")
# A keyword is a tag worth learning if so many concepts carry it. The weight is that of one keyword.
LEAST_CONCEPTS, KEYWORD_WEIGHT = 5, 0.1

_FLAGS = flags.FLAGS


def define_flags():
    flags.DEFINE_string("output", "emoji_tower", "Folder of the preset.")
    flags.DEFINE_string("salt", "f", "Which concepts are held out.")
    flags.DEFINE_integer("steps", 4000, "Training steps.")
    flags.DEFINE_integer("batch_size", 64, "Pictures per step.")
    flags.DEFINE_integer("seed", 0, "Of weights, order and augmentation.")


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture to pretrain on: uint8 `(72, 72, 3)`, the emoji that it shows, its style."""

    image: np.ndarray
    emoji: emoji_sources.Emoji
    style: str


def draw_pictures(emojis):
    """Draws emojis in every style that there is.

    Args:
        emojis: Iterable of `Emoji`.

    Returns:
        List of `Picture`.
    """
    pictures = []
    for emoji in emojis:
        for style in emoji_pictures.STYLES:
            if emoji_pictures.has_picture(emoji.group, style):
                image = emoji_pictures.draw_emoji(emoji.code_points, style)
                pictures.append(Picture(image, emoji, style))
        pictures += [Picture(image, emoji, style) for style, image in further_drawings(emoji)]
    return pictures


def training_pictures(emojis, salt):
    """Draws every picture that pretraining may use.

    A picture that happens to be the same as one of a held-out concept is left out too: a heart
    drawn in lines is the same for every colour.

    Args:
        emojis: Sequence of `Emoji`.
        salt: String, decides which concepts are held out.

    Returns:
        List of `Picture`.
    """
    is_held_out = [emoji_sources.split_of(emoji.concept, salt) == "test" for emoji in emojis]
    held_out = draw_pictures(itertools.compress(emojis, is_held_out))
    forbidden = {picture.image.tobytes() for picture in held_out}
    pictures = [
        picture
        for picture in draw_pictures(itertools.compress(emojis, map(operator.not_, is_held_out)))
        if picture.image.tobytes() not in forbidden
    ]
    check_nothing_held_out(pictures, held_out)
    return pictures


def check_nothing_held_out(pictures, held_out):
    """Raises unless the two lists share no concept and no picture.

    Args:
        pictures: List of `Picture` to train on.
        held_out: List of `Picture` that must not be seen, in no variant.

    Raises:
        ValueError: If they share one.
    """
    concepts = {emoji_sources.concept_of(picture.emoji.code_points) for picture in held_out}
    images = {picture.image.tobytes() for picture in held_out}
    for picture in pictures:
        concept = emoji_sources.concept_of(picture.emoji.code_points)
        if concept in concepts or picture.image.tobytes() in images:
            raise ValueError(
                f"A picture of {picture.emoji.names[0]!r} ({picture.style}) is held out: it must "
                "not be trained on."
            )


def labels_of(pictures):
    """Pictures -> name of the label -> float32 array `(pictures, classes)` of zeros and ones."""
    emojis = [picture.emoji for picture in pictures]
    labels = {}
    for name in LABELS:
        classes, indices = np.unique(
            [getattr(emoji, name) for emoji in emojis], return_inverse=True
        )
        labels[name] = np.eye(len(classes), dtype="float32")[indices]
    of_concept = {emoji.concept: emoji.keywords for emoji in emojis}
    counts = collections.Counter(itertools.chain.from_iterable(of_concept.values()))
    common = sorted(word for word, count in counts.items() if count >= LEAST_CONCEPTS)
    labels["keywords"] = np.array(
        [[word in emoji.keywords for word in common] for emoji in emojis], "float32"
    )
    return labels


def training_dataset(pictures, labels, rows, seed):
    """Batches for `fit`: augmented images, labels by name.

    Args:
        pictures: List of `Picture`.
        labels: What `labels_of` returned.
        rows: int array `(steps, batch_size)`, which pictures each step sees.
        seed: Integer, of the augmentation.

    Returns:
        `tf.data.Dataset` of `steps` batches.
    """
    images = tf.constant(np.stack([picture.image for picture in pictures]))
    labels = {name: tf.constant(values) for name, values in labels.items()}

    def batch(step, rows):
        step_seed = tf.stack([tf.constant(seed), tf.cast(step, tf.int32)])
        distorted = distort(tf.gather(images, rows), IMAGE_SIZE, step_seed)
        chosen = {name: tf.gather(values, rows) for name, values in labels.items()}
        return distorted / 127.5 - 1, chosen

    dataset = tf.data.Dataset.from_tensor_slices(rows).enumerate()
    return dataset.map(batch, num_parallel_calls=2, deterministic=True).prefetch(4)


def draw_rows(pictures, steps, batch_size, seed):
    """Which pictures each step sees: int array `(steps, batch_size)`.

    A concept with many variants is drawn less often per variant, by the root of their number.
    """
    variants = collections.Counter(picture.emoji.concept for picture in pictures)
    weights = np.array(
        [
            STYLE_WEIGHTS[picture.style] / variants[picture.emoji.concept] ** 0.5
            for picture in pictures
        ]
    )
    generator = np.random.default_rng(seed)
    return generator.choice(len(pictures), (steps, batch_size), p=weights / weights.sum())


def image_backbone():
    """ResNet, 0.5 million weights: images (batch, 32, 32, 3) in [-1, 1] -> (batch, 2, 2, 144)."""
    return keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64, 80, 144],
        stackwise_num_blocks=[1, 1, 1],
        stackwise_num_strides=[1, 2, 2],
        block_type="basic_block",
        image_shape=(IMAGE_SIZE, IMAGE_SIZE, 3),
    )


def pretrain(pictures, steps, batch_size, seed):
    """Trains the classifier.

    Args:
        pictures: List of `Picture`.
        steps: Integer, number of training steps.
        batch_size: Integer, pictures per step.
        seed: Integer.

    Returns:
        The image backbone, trained.
    """
    keras.utils.set_random_seed(seed)
    labels = labels_of(pictures)
    backbone = image_backbone()
    features = keras.layers.GlobalAveragePooling2D()(backbone.output)
    features = keras.layers.Dropout(0.2)(features)
    outputs = {
        name: keras.layers.Dense(values.shape[1], name=name)(features)
        for name, values in labels.items()
    }
    classifier = keras.Model(backbone.input, outputs)
    warmup_steps = min(100, steps // 10)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, decay_steps=steps - warmup_steps, warmup_target=3e-3, warmup_steps=warmup_steps
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=0.02, clipnorm=1.0)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    losses = {
        name: keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
        for name in LABELS
    }
    # Binary cross-entropy is a mean over the keywords, hence their number in the weight.
    losses["keywords"] = keras.losses.BinaryCrossentropy(from_logits=True)
    weights = dict.fromkeys(LABELS, 1.0)
    weights["keywords"] = KEYWORD_WEIGHT * labels["keywords"].shape[1]
    classifier.compile(
        optimizer=optimizer,
        loss=losses,
        loss_weights=weights,
        metrics={name: ["accuracy"] for name in LABELS},
        jit_compile=keras.config.backend() != "tensorflow",  # XLA's convolutions are slower
    )
    rows = draw_rows(pictures, steps, batch_size, seed)
    classifier.fit(training_dataset(pictures, labels, rows, seed), shuffle=False, verbose=1)
    return backbone


def main(argv):
    del argv
    if keras.config.backend() != "tensorflow":
        tf.config.set_visible_devices([], "GPU")  # TensorFlow is only here for tf.data
    pictures = training_pictures(emoji_sources.read_emojis(), _FLAGS.salt)
    concepts = {picture.emoji.concept for picture in pictures}
    print(f"{len(pictures)} pictures of {len(concepts)} concepts")
    backbone = pretrain(pictures, _FLAGS.steps, _FLAGS.batch_size, _FLAGS.seed)
    backbone.save_to_preset(_FLAGS.output)
    print(f"{backbone.count_params():,} weights in {_FLAGS.output}")


if __name__ == "__main__":
    define_flags()
    app.run(main)
