"""Feature map (batch, height, width, channels) -> feature map, by weight-standardised kernels."""

import keras
from keras import ops


def standardize_by_variance(kernel):
    """Kernel (height, width, in, out) -> zero mean and unit variance per output channel.

    The epsilon, 1e-10, is added to the variance: the form of the BiT paper.

    Reference:
        `StdConv` of `bit_paper.py`, https://github.com/google-research/big_vision.
    """
    centred = kernel - ops.mean(kernel, axis=(0, 1, 2), keepdims=True)
    variance = ops.mean(ops.square(centred), axis=(0, 1, 2), keepdims=True)
    return centred / ops.sqrt(variance + 1e-10)


def standardize_by_deviation(kernel):
    """Kernel (height, width, in, out) -> zero mean and unit deviation per output channel.

    The epsilon, 1e-5, is added to the standard deviation: the form of the hybrid ViTs.

    Reference:
        `weight_standardize` of https://github.com/google-research/vision_transformer.
    """
    centred = kernel - ops.mean(kernel, axis=(0, 1, 2), keepdims=True)
    variance = ops.mean(ops.square(centred), axis=(0, 1, 2), keepdims=True)
    return centred / (ops.sqrt(variance) + 1e-5)


class _StandardizedConv2D(keras.layers.Conv2D):
    """A Conv2D without bias, on NHWC maps, whose kernel is standardised at every call."""

    def __init__(self, filters, kernel_size, **kwargs):
        kwargs = {"use_bias": False, "data_format": "channels_last", **kwargs}
        super().__init__(filters, kernel_size, **kwargs)

    def convolution_op(self, inputs, kernel):
        # At least in float32: the variance of a kernel underflows in float16.
        dtype = keras.backend.result_type(kernel.dtype, "float32")
        standardized = self.standardize(ops.cast(kernel, dtype))
        return super().convolution_op(inputs, ops.cast(standardized, inputs.dtype))


@keras.saving.register_keras_serializable(package="keras_lit")
class BiTConv2D(_StandardizedConv2D):
    """`keras.layers.Conv2D` standardised as in the BiT paper (see `standardize_by_variance`)."""

    standardize = staticmethod(standardize_by_variance)


@keras.saving.register_keras_serializable(package="keras_lit")
class ResNetConv2D(_StandardizedConv2D):
    """`keras.layers.Conv2D` standardised as in hybrid ViTs (see `standardize_by_deviation`)."""

    standardize = staticmethod(standardize_by_deviation)
