"""Layer -> its own learning rate: a factor that each of its variables carries."""

import math


def set_learning_rate_multiplier(layer, multiplier):
    """Trains a tower (or any layer of it) at a multiple of the learning rate.

    The factor multiplies the optimizer's direction; weight decay stays as it is. Call it before
    `compile`: the optimizers of `keras_lit.optimizers` read it when they are built, and keep it in
    their state, so that a saved model goes on with the same rates.

    `keras.optimizers.MultiOptimizer` tells variables apart by their paths, which two towers have in
    common (`block_0/attention/query/kernel`), and would clip each tower's gradients on their own.

    Args:
        layer: A `keras_lit.Tower`, any built `keras.layers.Layer`, or a list of `keras.Variable`,
            e.g. `[v for v in model.variables if v.name == "bias"]`. Of two calls for one variable
            the later one holds.
        multiplier: Float > 0.

    Raises:
        ValueError: If the multiplier is no finite number > 0, or the layer has no variables.

    Example:

    ```python
    import keras
    from keras_lit.optimizers import LiTAdamW, set_learning_rate_multiplier

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8), keras.layers.Dense(2)])
    set_learning_rate_multiplier(model.layers[0], 0.1)
    model.compile(LiTAdamW(1e-3), loss="mse")
    ```
    """
    if not math.isfinite(multiplier) or not multiplier > 0:
        raise ValueError(
            f"`multiplier` must be a finite number > 0. Received: multiplier={multiplier}. To keep "
            "a layer as it is, lock it."
        )
    variables = list(getattr(layer, "variables", layer))
    if not variables:
        raise ValueError(
            f"`layer` has no variables to train. Received: {layer!r}. Build the layer first."
        )
    for variable in variables:
        variable.learning_rate_multiplier = float(multiplier)


def learning_rate_multiplier_of(variable):
    """Returns the factor of a variable, 1.0 if none was set."""
    return getattr(variable, "learning_rate_multiplier", 1.0)
