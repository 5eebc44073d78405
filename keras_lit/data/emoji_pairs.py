"""Captioned emojis -> batches of distorted pictures and of captions written from their texts."""

import numpy as np
import tensorflow as tf

from keras_lit.data.emoji_augmentation import distort

NUM_VIEWS = 7
NUM_CAPTIONS = 32


def write_captions(emojis, num_captions=NUM_CAPTIONS, seed=0):
    """Writes several captions for each emoji: a name, some keywords, or its topic.

    Args:
        emojis: `EmojiExamples`.
        num_captions: Integer, captions per emoji.
        seed: Integer.

    Returns:
        List with one list of `num_captions` strings per emoji, the same for the same seed.
    """
    random = np.random.default_rng(seed)
    return [
        [_write_caption(random, *texts) for _ in range(num_captions)]
        for texts in zip(emojis.names, emojis.keywords, emojis.topics, strict=True)
    ]


def _write_caption(random, names, keywords, topics):
    kind = random.random()
    if kind < 0.2:
        return topics[random.integers(len(topics))]
    name = names[random.integers(len(names))]
    if kind < 0.6 or not keywords:
        return name
    # One keyword alone is the commonest query, so it is the commonest of these captions.
    num_words = 1 if random.random() < 0.6 else random.integers(2, 4)
    words = [keywords[index] for index in random.integers(len(keywords), size=num_words)]
    with_name = num_words > 1 and random.random() < 0.5
    return " ".join([name, *words] if with_name else words)


def pairs_with_views(emojis, size, num_views=NUM_VIEWS, batch_size=64):
    """Makes the batches that the embedding cache reads: several views and captions per emoji.

    Args:
        emojis: `EmojiExamples`.
        size: Integer, height and width of the views.
        num_views: Integer. The first view is the picture itself, the others are distorted.
        batch_size: Integer.

    Returns:
        `tf.data.Dataset` of `images`, uint8 `(batch, views, size, size, 3)`, and `captions`,
        strings `(batch, captions)`; the same in each pass.
    """
    arrays = {"images": emojis.images, "captions": write_captions(emojis)}

    def add_views(index, batch):
        images = batch["images"]
        views = [tf.image.resize(images, (size, size), antialias=True)]
        for view in range(1, num_views):
            views.append(distort(images, size, tf.stack([tf.cast(index, tf.int32), view])))
        return {**batch, "images": tf.cast(tf.stack(views, axis=1), tf.uint8)}

    return (
        tf.data.Dataset.from_tensor_slices(arrays)
        .batch(batch_size)
        .enumerate()
        .map(add_views, num_parallel_calls=tf.data.AUTOTUNE)
    )


def image_batches(emojis, size, batch_size, seed=0):
    """Returns batches of distorted pictures and captions, for an image tower that trains.

    Args:
        emojis: `EmojiExamples` to tune on.
        size: Integer, height and width of the pictures.
        batch_size: Integer.
        seed: Integer, decides the order of the batches and the distortions.

    Returns:
        Function from the first step to an endless `tf.data.Dataset`.
    """
    arrays = {"images": emojis.images, "captions": write_captions(emojis)}

    def choose(index, batch):
        seeds = tf.random.split(tf.stack([seed, tf.cast(index, tf.int32)]), 3)
        plain = tf.image.resize(batch["images"], (size, size), antialias=True)
        views = distort(batch["images"], size, seeds[0])
        is_plain = tf.random.stateless_uniform([batch_size, 1, 1, 1], seeds[1]) < 1 / NUM_VIEWS
        choices = tf.random.stateless_uniform([batch_size], seeds[2], 0, NUM_CAPTIONS, tf.int32)
        return {
            "images": tf.cast(tf.where(is_plain, plain, views), tf.uint8),
            "captions": tf.gather(batch["captions"], choices, axis=1, batch_dims=1),
        }

    def batches(start_step):
        return (
            tf.data.Dataset.from_tensor_slices(arrays)
            .shuffle(len(emojis), seed=seed)
            .batch(batch_size, drop_remainder=True)
            .repeat()
            .enumerate()
            .skip(start_step)
            .map(choose, num_parallel_calls=tf.data.AUTOTUNE)
        )

    return batches
