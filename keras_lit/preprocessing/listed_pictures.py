"""Paths of pictures and what belongs to each -> tf.data.Dataset of single examples."""

import tensorflow as tf

from keras_lit.preprocessing.pictures import decode_image


def listed_pictures(paths, targets):
    """Returns pictures and their targets in the order of the list, one file open at a time.

    Args:
        paths: list of paths of JPEG, PNG, GIF or BMP files.
        targets: array with a row per path, e.g. integers `(paths,)` or strings `(paths, captions)`.

    Returns:
        `tf.data.Dataset` of dicts of `image`, uint8 `(height, width, 3)`, and `target`.
    """
    return tf.data.Dataset.from_tensor_slices(
        {"image": [str(path) for path in paths], "target": targets}
    ).map(
        lambda example: {**example, "image": decode_image(example["image"])},
        num_parallel_calls=tf.data.AUTOTUNE,
    )
