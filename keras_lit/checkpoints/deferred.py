"""Function that builds a model -> the model without values, which cost time and memory.

A conversion overwrites all of them: LiT-B16B would draw 200 million random numbers for nothing.
Keras has such variables, but no public way to give them their first value; this file is the only
one that reaches into it.
"""

import keras
from keras.src.backend.common import global_state
from keras.src.backend.common.stateless_scope import in_stateless_scope

_PENDING = "uninitialized_variables"


def build_without_values(build_model, *args, **kwargs):
    """Builds a model whose weights take no memory until `convert` fills them.

    Such a model cannot be called or saved before; shapes and `count_params` are there.

    Args:
        build_model: function that returns a model or layer.
        *args: its arguments.
        **kwargs: its named arguments.

    Returns:
        What `build_model` returned.

    Example:

    ```python
    from keras_lit.backbones import ViTBackbone
    from keras_lit.checkpoints import build_without_values

    build_without_values(ViTBackbone.from_variant, "H/14").count_params()  # 630764800
    ```
    """
    if in_stateless_scope():  # inside of a model that is built without values
        return build_model(*args, **kwargs)
    before = list(global_state.get_global_attribute(_PENDING) or [])
    try:
        with keras.StatelessScope(initialize_variables=False):
            model = build_model(*args, **kwargs)
    finally:
        # Keras would initialise what it has on its list when the next model is built.
        global_state.set_global_attribute(_PENDING, before)
    weights = {id(variable) for variable in model.weights}
    for variable in model.variables:
        if id(variable) not in weights and variable._value is None:
            variable._deferred_initialize()  # seeds of dropout, metrics
    return model


def fill(variable, array):
    """Gives a variable the values of a NumPy array, whether or not it has any yet."""
    if variable._value is not None:
        variable.assign(array)
        return
    fill_when_read(variable, lambda: array)
    variable._deferred_initialize()


def fill_when_read(variable, read):
    """Makes a variable without a value compute it each time that somebody reads it.

    Args:
        variable: `keras.Variable` of a model that `build_without_values` built.
        read: function without arguments that returns a NumPy array.
    """
    if variable._value is not None:
        raise ValueError(
            f"The variable {variable.path!r} has a value. Build the model with "
            "`build_without_values`."
        )
    variable._initializer = lambda shape, dtype: keras.ops.convert_to_tensor(read(), dtype=dtype)
