"""An optimizer and variables -> the bytes of state that it keeps for them."""

import keras

from keras_lit.distribution import num_bytes


def num_slot_bytes(optimizer, variables):
    """Returns how many bytes of state an optimizer keeps, or would keep, for variables.

    Slots are not allocated to find out, wherever Keras can do without.

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
    try:
        probe, before = _unbuilt_copy(optimizer)
        with keras.StatelessScope(initialize_variables=False):
            probe.build(variables)
    except ValueError:  # Adafactor of Keras makes slots from values, which exist at once.
        probe, before = _unbuilt_copy(optimizer)
        probe.build(variables)
    return num_bytes(v for v in probe.variables if id(v) not in before)


def _unbuilt_copy(optimizer):
    copy = type(optimizer).from_config(optimizer.get_config())
    return copy, {id(variable) for variable in copy.variables}
