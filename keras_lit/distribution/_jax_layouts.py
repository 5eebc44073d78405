"""Shapes of variables -> which axis is split over which devices, for JAX.

A rule reads a variable's shape, not its path, so it holds for every model. Whatever it answers, the
compiler keeps the numbers those of one device; only memory and traffic depend on it.
"""

import keras

# Keras' names of the two axes of a mesh.
DATA_AXIS, MODEL_AXIS = "batch", "model"


def fully_sharded_axes(shape, num_devices):
    """Splits the largest axis that the devices divide, the first of equals.

    Args:
        shape: Tuple of integers.
        num_devices: Integer.

    Returns:
        Tuple with `DATA_AXIS` at that axis and `None` elsewhere.
    """
    divisible = [size if size % num_devices == 0 else 0 for size in shape]
    axes = [None] * len(shape)
    if any(divisible):
        axes[divisible.index(max(divisible))] = DATA_AXIS
    return tuple(axes)


def tensor_parallel_axes(shape, num_devices):
    """Splits the kernels of a transformer block by what their shapes say they do.

    A kernel (width, heads, head width) makes queries, keys or values, (heads, head width, width)
    brings attention's heads together: both are split by heads. A kernel (inputs, outputs) that
    widens is split by its outputs, one that narrows by its inputs, so that between the two layers
    of an MLP nothing is exchanged; a table of embeddings, (vocabulary, width), by its rows. All
    else stays whole.

    Args:
        shape: Tuple of integers.
        num_devices: Integer.

    Returns:
        Tuple with `MODEL_AXIS` at the axis that is split, if any, and `None` elsewhere.

    Reference:
        - [Megatron-LM, section 3](https://arxiv.org/abs/1909.08053)
    """
    axis = None
    if len(shape) == 2 and shape[0] != shape[1]:
        axis = 0 if shape[0] > shape[1] else 1
    elif len(shape) == 3 and shape[0] == shape[1] * shape[2]:
        axis = 1
    elif len(shape) == 3 and shape[2] == shape[0] * shape[1]:
        axis = 0
    axes = [None] * len(shape)
    if axis is not None and shape[axis] % num_devices == 0:
        axes[axis] = MODEL_AXIS
    return tuple(axes)


class ShapeParallel(keras.distribution.ModelParallel):
    """A distribution whose layouts follow from the shapes of the variables.

    Args:
        device_mesh: `keras.distribution.DeviceMesh` with the axis `DATA_AXIS`.
        axes_of: Function of a shape and a number of devices, one of the two above.
        split_axis: The axis of the mesh that `axes_of` splits over.
    """

    def __init__(self, device_mesh, axes_of, split_axis):
        # Data sets come with this process's rows, see `keras_lit.preprocessing.shares`.
        super().__init__(
            layout_map=keras.distribution.LayoutMap(device_mesh),
            batch_dim_name=DATA_AXIS,
            auto_shard_dataset=False,
        )
        self._axes_of = axes_of
        self._num_parts = device_mesh.shape[device_mesh.axis_names.index(split_axis)]

    def get_variable_layout(self, variable):
        # An optimizer gives its slots the layout of the weight that they belong to.
        if getattr(variable, "_layout", None) is not None:
            return variable._layout
        shape = tuple(variable.shape)
        # Seeds are a pair of integers, read as a whole.
        axes = (None,) * len(shape)
        if keras.backend.is_float_dtype(variable.dtype):
            axes = self._axes_of(shape, self._num_parts)
        return keras.distribution.TensorLayout(axes, self.device_mesh)
