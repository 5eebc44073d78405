"""Emoji pictures of the concepts to tune on -> a small image tower, saved as a keras-hub preset.

The tower learns as a classifier: which concept, subgroup and group a strongly augmented picture
shows. Those labels, of the concepts to tune on, are all that it is told; it sees no caption.

No picture of a held-out concept takes part, in no style and no variant: a held-out concept is one
whose split is `test` for the salt, and all variants of an emoji share its concept.

```
pip install 'keras-lit[demo,jax]' manimgx-fonts
KERAS_BACKEND=jax python examples/pretrain_emoji_tower.py --output=emoji_tower
```
"""

import collections
import dataclasses
import itertools
import operator
import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import keras_hub
import numpy as np
import tensorflow as tf
from absl import app, flags
from emoji_line_drawings import line_drawings

from keras_lit.data import emoji_pictures, emoji_sources

IMAGE_SIZE = 48
# How often a style is drawn: the further line drawings are three, and less often than the three
# styles of the data set.
STYLE_WEIGHT = collections.defaultdict(lambda: 0.45, dict.fromkeys(emoji_pictures.STYLES, 1.0))
LOSS_WEIGHTS = {"concept": 1.0, "subgroup": 0.5, "group": 0.5}

_FLAGS = flags.FLAGS


def define_flags():
    flags.DEFINE_string("output", "emoji_tower", "Folder of the preset.")
    flags.DEFINE_string("salt", "f", "Which concepts are held out.")
    flags.DEFINE_integer("steps", 3000, "Training steps.")
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
        pictures += [Picture(image, emoji, "line drawing") for image in line_drawings(emoji)]
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


def augment(images):
    """uint8 `(batch, 72, 72, 3)` -> float32 `(batch, 48, 48, 3)` in `[-1, 1]`, distorted at random.

    One affine map (rotation, zoom, stretch, shear, shift, mirror), then colours: mixed channels,
    gray, contrast, negative, tinted paper, and a patch cut out.
    """
    batch = tf.shape(images)[0]

    def uniform(low, high, *shape):
        return tf.random.uniform([batch, *shape], low, high)

    def sometimes(probability):
        return uniform(0.0, 1.0, 1, 1, 1) < probability

    x = tf.cast(images, tf.float32)
    angle, zoom = uniform(-0.35, 0.35), 72 / IMAGE_SIZE * tf.exp(uniform(-0.12, 0.38))
    stretch, shear = tf.exp(uniform(-0.15, 0.15)), uniform(-0.15, 0.15)
    mirror = tf.where(uniform(0.0, 1.0) < 0.5, -1.0, 1.0)
    cosine, sine = tf.cos(angle), tf.sin(angle)
    a, b = zoom * stretch * cosine * mirror, zoom * (shear - sine)
    d, e = zoom * sine * mirror, zoom / stretch * cosine
    center_x, center_y = 36 + uniform(-7.0, 7.0), 36 + uniform(-7.0, 7.0)
    half, zeros = IMAGE_SIZE / 2, tf.zeros([batch])
    affine = [a, b, center_x - (a + b) * half, d, e, center_y - (d + e) * half, zeros, zeros]
    x = tf.raw_ops.ImageProjectiveTransformV3(
        images=x,
        transforms=tf.stack(affine, axis=1),
        output_shape=[IMAGE_SIZE, IMAGE_SIZE],
        fill_value=255.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )

    ink = 1 - x / 255  # so that white paper stays white
    gray = tf.reduce_mean(ink, axis=-1, keepdims=True)
    mixing = tf.eye(3) + uniform(-0.5, 0.5, 3, 3)
    ink = tf.where(sometimes(0.5), tf.einsum("nhwc,ncd->nhwd", ink, mixing), ink)
    ink = tf.where(sometimes(0.15), gray, ink)
    x = tf.clip_by_value(1 - ink, 1e-3, 1.0) ** tf.exp(uniform(-0.5, 0.5, 1, 1, 1))
    x = tf.where(sometimes(0.1), 1 - x, x)
    x = tf.where(sometimes(0.3), x * uniform(0.5, 1.0, 1, 1, 3), x)

    distance = tf.abs(tf.range(IMAGE_SIZE, dtype=tf.float32) - uniform(0.0, IMAGE_SIZE, 2, 1))
    inside = distance < uniform(4.0, 0.22 * IMAGE_SIZE, 1, 1)
    patch = inside[:, 0, :, None, None] & inside[:, 1, None, :, None] & sometimes(0.5)
    x = tf.where(patch, uniform(0.0, 1.0, 1, 1, 3), x)
    return x * 2 - 1


def labels_of(pictures):
    """Pictures -> name of the label -> (int array (pictures,), number of classes)."""
    labels = {}
    for name in LOSS_WEIGHTS:
        values = [getattr(picture.emoji, name) for picture in pictures]
        classes, indices = np.unique(values, return_inverse=True)
        labels[name] = (indices, len(classes))
    return labels


def training_dataset(pictures, labels, steps, batch_size, seed):
    """Endless supply for `fit`: augmented images, one-hot labels by name.

    Concepts with many variants are drawn less often per picture (by the root of their number).
    """
    images = tf.constant(np.stack([picture.image for picture in pictures]))
    variants = collections.Counter(picture.emoji.concept for picture in pictures)
    weights = np.array(
        [
            STYLE_WEIGHT[picture.style] / variants[picture.emoji.concept] ** 0.5
            for picture in pictures
        ]
    )
    generator = np.random.default_rng(seed)
    rows = generator.choice(len(pictures), (steps, batch_size), p=weights / weights.sum())

    def batch(rows):
        one_hot = {
            name: tf.one_hot(tf.gather(indices, rows), num_classes)
            for name, (indices, num_classes) in labels.items()
        }
        return augment(tf.gather(images, rows)), one_hot

    dataset = tf.data.Dataset.from_tensor_slices(rows)
    return dataset.map(batch, num_parallel_calls=2, deterministic=True).prefetch(4)


def image_backbone():
    """ResNet, 0.6 million weights: images (batch, 48, 48, 3) in [-1, 1] -> (batch, 3, 3, 160)."""
    return keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64, 96, 160],
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
    outputs = {
        name: keras.layers.Dense(num_classes, name=name)(features)
        for name, (_, num_classes) in labels.items()
    }
    classifier = keras.Model(backbone.input, outputs)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, decay_steps=steps, warmup_target=2e-3, warmup_steps=min(100, steps // 10)
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=0.02, clipnorm=1.0)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    classifier.compile(
        optimizer=optimizer,
        loss={
            name: keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
            for name in labels
        },
        loss_weights=LOSS_WEIGHTS,
        metrics={name: ["accuracy"] for name in labels},
    )
    dataset = training_dataset(pictures, labels, steps, batch_size, seed)
    classifier.fit(dataset, shuffle=False, verbose=1)
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
