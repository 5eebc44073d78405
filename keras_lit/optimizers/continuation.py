"""An optimizer and the variables that train from now on -> the same optimizer, its state kept."""

import keras
from keras import tree

from keras_lit import distribution


def continue_with(optimizer, variables):
    """Rebuilds an optimizer for other variables, without a loss of memory for those it knew.

    Keras builds an optimizer for one list of variables and for good. Here the slots of variables
    that go on training keep their values, other variables get new slots, those that stopped
    training lose theirs. Step count, learning rate and all settings stay.

    Args:
        optimizer: A built `keras.optimizers.Optimizer`; it is changed in place.
        variables: List of `keras.Variable`.

    Raises:
        NotImplementedError: If the optimizer is made of several.

    Example:

    ```python
    import keras
    from keras_lit.optimizers import continue_with

    kernel, bias = keras.Variable([1.0]), keras.Variable([0.0])
    optimizer = keras.optimizers.Adam()
    optimizer.build([kernel])
    optimizer.apply([[0.1]])
    continue_with(optimizer, [kernel, bias])
    optimizer.apply([[0.1], [0.1]])
    ```
    """
    if hasattr(optimizer, "inner_optimizer"):  # of a LossScaleOptimizer, which adds two scalars
        continue_with(optimizer.inner_optimizer, variables)
        keras.optimizers.Optimizer.build(optimizer, variables)
        return
    if hasattr(optimizer, "optimizers"):
        raise NotImplementedError(
            f"What trains cannot change under a {type(optimizer).__name__}, which deals variables "
            "out to several optimizers. Use one optimizer and `set_learning_rate_multiplier`."
        )
    known = list(optimizer._trainable_variables)
    state = _state(optimizer)
    for variable in optimizer.variables:
        if variable is not optimizer._iterations and variable is not optimizer._learning_rate:
            optimizer._untrack_variable(variable)
    optimizer.built = False
    optimizer._trainable_variables_indices.clear()
    optimizer.build(variables)
    new_places = {id(variable): place for place, variable in enumerate(variables)}
    places = [
        (place, new_places[id(variable)])
        for place, variable in enumerate(known)
        if id(variable) in new_places
    ]
    rebuilt = _state(optimizer)
    if optimizer.use_ema:  # An average of zeros and one value would be a wrong start.
        averages = rebuilt["_model_variables_moving_average"]
        for average, variable in zip(averages, variables, strict=True):
            average.assign(keras.ops.copy(variable))
    for name, old in state.items():
        _carry_over(old, rebuilt[name], places)


def _state(optimizer):
    """Returns an optimizer's own variables by attribute: single ones, and lists by variable."""
    own = {id(variable) for variable in optimizer.variables}
    found = {}
    for name, value in vars(optimizer).items():
        leaves = [leaf for leaf in tree.flatten(value) if leaf is not None]
        is_list = isinstance(value, list) and len(value) == len(optimizer._trainable_variables)
        if (is_list or isinstance(value, keras.Variable)) and leaves:
            if name != "_variables" and any(id(leaf) in own for leaf in leaves):
                found[name] = value
    return found


def _carry_over(old, new, places):
    if isinstance(old, list):
        for old_place, new_place in places:
            slots = zip(tree.flatten(old[old_place]), tree.flatten(new[new_place]), strict=True)
            for old_slot, new_slot in slots:
                if old_slot is not None:
                    new_slot.assign(old_slot)
    elif old is not new and tuple(old.shape) == tuple(new.shape) == ():
        new.assign(old)
    elif old is not new:  # one number for each variable
        values, old_values = distribution.to_numpy(new).copy(), distribution.to_numpy(old)
        for old_place, new_place in places:
            values[new_place] = old_values[old_place]
        new.assign(values)
