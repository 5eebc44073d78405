"""An optimizer and variables -> bytes: of the variables, and of the state it keeps for them."""

import math

import keras
import ml_dtypes  # noqa: F401  NumPy knows bfloat16 by it.
import numpy as np


def num_bytes(variables):
    """Returns how many bytes the values of a list of variables take."""
    return sum(math.prod(v.shape) * np.dtype(str(v.dtype)).itemsize for v in variables)


def num_slot_bytes(optimizer, variables):
    """Returns how many bytes of state an optimizer keeps, or would keep, for variables.

    No slot is allocated to find out.

    Args:
        optimizer: `keras.optimizers.Optimizer`; it is not changed.
        variables: List of `keras.Variable`.

    Returns:
        Integer.

    Example:

    ```python
    import keras
    from keras_lit.optimizers import num_slot_bytes

    num_slot_bytes(keras.optimizers.Adam(), [keras.Variable([1.0, 2.0])])  # 16
    ```
    """
    if not variables:
        return 0
    probe = type(optimizer).from_config(optimizer.get_config())
    before = {id(variable) for variable in probe.variables}
    with keras.StatelessScope(initialize_variables=False):
        probe.build(variables)
    return num_bytes(v for v in probe.variables if id(v) not in before)
