"""Named arrays of a checkpoint, each read only when it is needed."""

import dataclasses
from collections.abc import Callable

import numpy as np


class CheckpointError(ValueError):
    """A checkpoint cannot be read, or does not belong to the model it was given to."""


@dataclasses.dataclass(frozen=True)
class Tensor:
    """One tensor of a checkpoint: its shape now, its values on `read()`.

    Attributes:
        shape: tuple of ints.
        sources: names in the file that it is made of.
        read: function without arguments that returns a NumPy array of that shape.
    """

    shape: tuple[int, ...]
    sources: tuple[str, ...]
    read: Callable[[], np.ndarray]

    def map(self, shape, function):
        """Returns the tensor of `shape` that `function` makes of this one's values."""
        return Tensor(tuple(shape), self.sources, lambda: function(self.read()))

    def plus(self, other):
        """Returns the sum of two tensors of one shape."""
        return Tensor(self.shape, self.sources + other.sources, lambda: self.read() + other.read())


def as_tensors(arrays):
    """Mapping name -> array (or `Tensor`) -> mapping name -> `Tensor`."""

    def as_tensor(name, array):
        if isinstance(array, Tensor):
            return array
        return Tensor(tuple(np.shape(array)), (name,), lambda: as_float(np.asarray(array)))

    return {name: as_tensor(name, array) for name, array in arrays.items()}


def as_float(array):
    """NumPy array -> the same values in a dtype that NumPy knows.

    NumPy saves bfloat16 as two bytes without a meaning (`|V2`): the upper half of a float32.
    """
    if array.dtype.kind == "V" and array.dtype.itemsize == 2:
        return (array.view("<u2").astype(np.uint32) << 16).view(np.float32)
    return array


def subtree(tensors, prefix):
    """Returns the tensors whose names start with `prefix`, without it."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
