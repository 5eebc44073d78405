"""A tower and a seed -> the same tower with new weights, drawn as when it was made."""

import contextlib
import random
import zlib

import numpy as np

from keras_lit import distribution


def reinitialize(layer, seed):
    """Draws the weights of a layer anew, batch statistics included.

    The same seed gives the same weights on the same backend. Other random numbers of the program
    are not disturbed.

    Args:
        layer: A built `keras.layers.Layer` whose config brings it back built, such as a `Tower`.
        seed: Integer.
    """
    with _python_seed(seed):
        fresh = type(layer).from_config(layer.get_config())
    for variable, drawn in zip(layer.weights, fresh.weights, strict=True):
        variable.assign(drawn)


def fingerprint(layer):
    """Returns a number that changes if any weight of a layer does."""
    checksum = 0
    for variable in layer.weights:
        checksum = zlib.crc32(distribution.to_numpy(variable).tobytes(), checksum)
    return checksum


@contextlib.contextmanager
def _python_seed(seed):
    # Initializers of Keras without a seed of their own take one from Python's `random`.
    states = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
