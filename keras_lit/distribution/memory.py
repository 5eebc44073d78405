"""Variables or tensors -> the bytes that they take."""

import math

from keras.src.utils.dtype_utils import dtype_size


def num_bytes(values):
    """Returns how many bytes the contents of variables or tensors take, on all devices together.

    Args:
        values: Iterable of things that have a shape and a dtype.
    """
    return sum(math.prod(value.shape) * max(1, dtype_size(value.dtype) // 8) for value in values)
