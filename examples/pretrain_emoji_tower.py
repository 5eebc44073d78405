"""Emoji pictures of the concepts to tune on -> small image towers, saved as keras-hub presets.

The tower learns as a classifier of augmented pictures: which concept, subgroup and group it shows
(one of each), which common keywords it carries, and what it is a kind of by WordNet (any number, as
tags). These labels, of the concepts to tune on, are all that it is told.

No picture of a held-out concept takes part, in no style and no variant: a held-out concept is one
whose split is `test` for the salt, and all variants of an emoji share its concept.

The demo's image tower is several of these towers side by side, which were trained apart and tell
more than one of their size together. Pictures are drawn in fourteen styles, most of them from icon
sets of npm packages, which `emoji_drawings.py` says how to install, as `emoji_hypernyms.py` does
for WordNet:

```
python examples/pretrain_emoji_tower.py --icon_sets=icon_sets --output=emoji_tower --num_processes=3
```
"""

import collections
import concurrent.futures
import functools
import multiprocessing
import os
import pathlib

# On a CPU the steps of this small tower take TensorFlow half as long as JAX.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import keras_hub
import numpy as np
import tensorflow as tf
from absl import app, flags
from emoji_drawings import read_icon_sets
from emoji_hypernyms import read_nouns
from emoji_labels import CLASSES, labels_of
from emoji_training_pictures import training_pictures

from keras_lit.data import emoji_pictures, emoji_sources
from keras_lit.data.emoji_augmentation import distort
from keras_lit.layers import MeanPooling

IMAGE_SIZE = 32
# How often a style is drawn.
STYLE_WEIGHTS = {
    **dict.fromkeys(emoji_pictures.STYLES, 1.0),
    "twemoji-outline": 0.45,
    "noto": 0.8,
    "noto-outline": 0.5,
    "noto-v1": 0.6,
    "fluent-emoji-flat": 0.8,
    "fluent-emoji-flat-outline": 1.0,
    "fluent-emoji-high-contrast": 1.0,
    "emojione": 0.8,
    "emojione-outline": 0.7,
    "emojione-monotone": 0.5,
    "emojione-v1": 0.6,
}
# What a label counts in the loss; of tags, each one.
CLASS_WEIGHTS = {"concept": 1.0, "subgroup": 2.0, "group": 2.0}
TAG_WEIGHT = 0.2

_FLAGS = flags.FLAGS


def define_flags():
    flags.DEFINE_string("icon_sets", "icon_sets", "Folder of the icon sets, and WordNet.")
    flags.DEFINE_string("output", "emoji_tower", "Folder of the presets, one per seed.")
    flags.DEFINE_string("salt", "f", "Which concepts are held out.")
    flags.DEFINE_integer("steps", 4500, "Training steps per tower.")
    flags.DEFINE_integer("batch_size", 64, "Pictures per step.")
    flags.DEFINE_list("seeds", ["0", "1", "2"], "Of weights, order and augmentation: one a tower.")
    flags.DEFINE_integer(
        "num_processes",
        1,
        "Towers to train at the same time, on one thread each: on a CPU that is faster than one "
        "tower after the other on all cores.",
        lower_bound=1,
    )


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
    """ResNet, 0.6 million weights: images (batch, 32, 32, 3) in [-1, 1] -> (batch, 2, 2, 160)."""
    return keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64, 96, 160],
        stackwise_num_blocks=[1, 1, 1],
        stackwise_num_strides=[1, 2, 2],
        block_type="basic_block",
        image_shape=(IMAGE_SIZE, IMAGE_SIZE, 3),
    )


def build_optimizer(steps):
    """AdamW with clipped gradients; the learning rate warms up and falls to 0 in a cosine."""
    warmup_steps = min(100, steps // 10)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, decay_steps=steps - warmup_steps, warmup_target=3e-3, warmup_steps=warmup_steps
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=0.1, clipnorm=1.0)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def pretrain(pictures, labels, steps, batch_size, seed, build_backbone=None):
    """Trains the classifier.

    Args:
        pictures: List of `Picture`.
        labels: What `labels_of` returned for them.
        steps: Integer, number of training steps.
        batch_size: Integer, pictures per step.
        seed: Integer.
        build_backbone: Function that returns the backbone to train. `None`: `image_backbone`.

    Returns:
        The image backbone, trained.
    """
    keras.utils.set_random_seed(seed)
    backbone = (build_backbone or image_backbone)()
    features = MeanPooling()(backbone.output)
    features = keras.layers.Dropout(0.2)(features)
    outputs, losses, weights = {}, {}, {}
    for name, values in labels.items():
        # Most tags are not on a picture: start from how often one is.
        bias = keras.initializers.Constant(float(np.log(values.mean())))
        outputs[name] = keras.layers.Dense(values.shape[1], bias_initializer=bias, name=name)(
            features
        )
        if name in CLASSES:
            losses[name] = keras.losses.CategoricalCrossentropy(
                from_logits=True, label_smoothing=0.1
            )
            weights[name] = CLASS_WEIGHTS[name]
        else:
            # Binary cross-entropy is a mean over the tags, hence their number in the weight.
            losses[name] = keras.losses.BinaryCrossentropy(from_logits=True)
            weights[name] = TAG_WEIGHT * values.shape[1]
    classifier = keras.Model(backbone.input, outputs)
    classifier.compile(
        optimizer=build_optimizer(steps),
        loss=losses,
        loss_weights=weights,
        metrics={name: ["accuracy"] for name in CLASSES},
        jit_compile=keras.config.backend() != "tensorflow",  # XLA's convolutions are slower
    )
    rows = draw_rows(pictures, steps, batch_size, seed)
    classifier.fit(training_dataset(pictures, labels, rows, seed), shuffle=False, verbose=1)
    return backbone


def save_in_half(backbone, folder):
    """Saves a preset whose weights are float16, which take half the room."""
    half = type(backbone).from_config({**backbone.get_config(), "dtype": "float16"})
    half.set_weights(backbone.get_weights())
    half.save_to_preset(folder)


def train_tower(pictures, labels, steps, batch_size, output, seed):
    """Trains the tower of one seed and saves it as `output`/`seed`."""
    backbone = pretrain(pictures, labels, steps, batch_size, seed)
    folder = pathlib.Path(output) / str(seed)
    save_in_half(backbone, folder)
    print(f"{backbone.count_params():,} weights in {folder}", flush=True)


def train_towers(train, seeds, num_processes):
    """Calls `train` with each seed, here or, on one thread each, in processes side by side."""
    if num_processes == 1:
        for seed in seeds:
            train(seed)
        return
    with concurrent.futures.ProcessPoolExecutor(
        num_processes,
        # A copy of this process would share locks of TensorFlow's threads with it.
        multiprocessing.get_context("spawn"),
        initializer=tf.config.threading.set_intra_op_parallelism_threads,
        initargs=(1,),
    ) as pool:
        for finished in [pool.submit(train, seed) for seed in seeds]:
            finished.result()


def main(argv):
    del argv
    if keras.config.backend() != "tensorflow":
        tf.config.set_visible_devices([], "GPU")  # TensorFlow is only here for tf.data
    icon_sets, nouns = read_icon_sets(_FLAGS.icon_sets), read_nouns(_FLAGS.icon_sets)
    pictures = training_pictures(emoji_sources.read_emojis(), _FLAGS.salt, icon_sets)
    labels = labels_of(pictures, nouns)
    print(f"{len(pictures)} pictures of {labels['concept'].shape[1]} concepts", flush=True)
    train = functools.partial(
        train_tower, pictures, labels, _FLAGS.steps, _FLAGS.batch_size, _FLAGS.output
    )
    train_towers(train, list(map(int, _FLAGS.seeds)), _FLAGS.num_processes)


if __name__ == "__main__":
    define_flags()
    app.run(main)
