"""An optimizer -> how many batches it was given."""

from keras_lit import distribution


def num_steps(optimizer):
    """Returns how many batches an optimizer was given, an integer.

    Keras' own `iterations` counts updates, fewer where gradients of several batches are added up.
    """
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    return int(distribution.to_numpy(optimizer._iterations))
