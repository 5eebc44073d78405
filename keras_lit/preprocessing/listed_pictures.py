"""Paths of pictures and what belongs to each -> tf.data.Dataset of single examples."""

import tensorflow as tf

from keras_lit.preprocessing.batches import marked
from keras_lit.preprocessing.pictures import read_images


def listed_pictures(paths, targets):
    """Returns pictures and their targets in the order of the list, one file open at a time.

    Args:
        paths: list of paths of JPEG, PNG, GIF, BMP or WebP files.
        targets: array with a row per path, e.g. integers `(paths,)` or strings `(paths, captions)`.

    Returns:
        `tf.data.Dataset` of dicts of `image`, uint8 `(height, width, 3)`, and `target`. A file that
        is missing or damaged ends it with an error that `clear_errors` makes plain: of pictures
        that are listed to be evaluated, none may be left out in silence.
    """
    return tf.data.Dataset.from_tensor_slices(
        {"image": [str(path) for path in paths], "target": targets}
    ).map(
        lambda example: {**example, "image": _read(example["image"])},
        num_parallel_calls=tf.data.AUTOTUNE,
    )


def _read(path):
    image = tf.numpy_function(_read_or_name, [path], tf.uint8)
    return tf.ensure_shape(image, (None, None, 3))


def _read_or_name(path):
    try:
        return read_images(path)
    except ValueError as error:
        raise ValueError(marked(str(error))) from None
