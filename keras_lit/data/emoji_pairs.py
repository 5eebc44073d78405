"""Captioned emojis -> batches of moved pictures and of captions written from their texts."""

import numpy as np
import tensorflow as tf

NUM_VIEWS = 8
NUM_CAPTIONS = 24


def write_captions(emojis, num_captions=NUM_CAPTIONS, seed=0):
    """Writes several captions for each emoji out of its names, keywords and topic.

    Returns:
        List with one list of `num_captions` strings per emoji, the same for the same seed.
    """
    random = np.random.default_rng(seed)
    return [
        [_write_caption(random, *texts) for _ in range(num_captions)]
        for texts in zip(emojis.names, emojis.keywords, emojis.topics, strict=True)
    ]


def _write_caption(random, names, keywords, topic):
    name, kind = names[random.integers(len(names))], random.random()
    if kind < 0.2:
        return topic
    if kind < 0.6 or not keywords:
        return name
    chosen = [keywords[index] for index in random.integers(len(keywords), size=3)]
    words = chosen[: random.integers(1, 4)]
    return " ".join([name, *words] if random.random() < 0.5 else words)


def pairs_with_views(emojis, num_views=NUM_VIEWS, batch_size=64):
    """Makes the batches that the embedding cache reads: several views and captions per emoji.

    Args:
        emojis: `EmojiExamples`.
        num_views: Integer. The first view is the picture itself, the others are turned, scaled,
            moved and mirrored a little, from a seed that depends on the emoji alone.
        batch_size: Integer.

    Returns:
        `tf.data.Dataset` of `images`, uint8 `(batch, views, height, width, 3)`, and `captions`,
        strings `(batch, captions)`.
    """
    arrays = {"images": emojis.images, "captions": write_captions(emojis)}

    def add_views(index, example):
        images = tf.repeat(example["images"][None], num_views, axis=0)
        moved = _move(images, seed=tf.stack([tf.cast(index, tf.int32), 0]))
        return {**example, "images": tf.concat([images[:1], moved[1:]], axis=0)}

    return (
        tf.data.Dataset.from_tensor_slices(arrays)
        .enumerate()
        .map(add_views, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(batch_size)
    )


def _move(images, seed):
    """Turns, scales, moves and mirrors each image by small random amounts, on white."""
    count, size = images.shape[0], images.shape[1]
    low = tf.constant([-0.2, -0.08, -4.0, -4.0, -1.0])
    high = tf.constant([0.2, 0.25, 4.0, 4.0, 1.0])
    random = tf.random.stateless_uniform([count, 5], seed, low, high)
    angle, log_scale, x, y, side = tf.unstack(random, axis=1)
    scale, mirrored = tf.exp(log_scale), tf.sign(side)
    cosine, sine = scale * tf.cos(angle), scale * tf.sin(angle)
    centre = size / 2
    transforms = tf.stack(
        [
            cosine * mirrored,
            -sine,
            centre + x - centre * (cosine * mirrored - sine),
            sine * mirrored,
            cosine,
            centre + y - centre * (sine * mirrored + cosine),
            tf.zeros_like(x),
            tf.zeros_like(x),
        ],
        axis=1,
    )
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=[size, size],
        fill_value=255.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
    return moved


def image_batches(emojis, batch_size, seed=0):
    """Returns batches of moved pictures and captions, for an image tower that trains.

    Args:
        emojis: `EmojiExamples` to tune on.
        batch_size: Integer.
        seed: Integer, decides the order of the batches and how pictures are moved.

    Returns:
        Function from the first step to an endless `tf.data.Dataset`.
    """
    arrays = {"images": emojis.images, "captions": write_captions(emojis)}

    def choose(index, example):
        seeds = tf.random.split([seed, tf.cast(index, tf.int32)], 2)
        image = example["images"][None]
        moved = tf.random.stateless_uniform([], seeds[0]) < 1 - 1 / NUM_VIEWS
        image = tf.cond(moved, lambda: _move(image, seeds[1]), lambda: image)
        choice = tf.random.stateless_uniform([], seeds[1], 0, NUM_CAPTIONS, tf.int32)
        return {"images": image[0], "captions": example["captions"][choice]}

    def batches(start_step):
        return (
            tf.data.Dataset.from_tensor_slices(arrays)
            .shuffle(len(emojis), seed=seed)
            .repeat()
            .enumerate()
            .skip(start_step * batch_size)
            .map(choose, num_parallel_calls=tf.data.AUTOTUNE)
            .batch(batch_size)
        )

    return batches
