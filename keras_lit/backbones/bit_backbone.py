"""Images (batch, height, width, 3) -> feature map (batch, rows, columns, channels): BiT."""

import keras
from keras import ops

from keras_lit.backbones.residual_backbone import ResidualBackbone
from keras_lit.layers import BiTConv2D

GROUP_NORM_EPSILON = 1e-5


@keras.saving.register_keras_serializable(package="keras_lit")
class BiTBackbone(ResidualBackbone):
    """Big Transfer's ResNet v2: pre-activation, GroupNorm, weight standardisation.

    The output is the feature map after the final GroupNorm and ReLU; the original averages it
    (`pooling="mean"`).

    Args:
        stage_depths: sequence of ints. Number of units in each stage.
        width_factor: float. Multiplies all numbers of channels; 1, 2, 3 or 4 as published.
        image_shape: (height, width, channels) of the images.
        dtype: dtype or dtype policy of the layers.
        **kwargs: arguments of `keras.Model`, such as `name`.

    Call arguments:
        images: float tensor (batch, height, width, channels) in [-1, 1].

    Returns:
        Float tensor (batch, height / 32, width / 32, 2048 * width_factor) for four stages.

    Example:

    ```python
    import numpy as np
    from keras_lit.backbones import BiTBackbone

    backbone = BiTBackbone(stage_depths=(1,), width_factor=0.5, image_shape=(32, 32, 3))
    backbone(np.zeros((1, 32, 32, 3), "float32"))  # (1, 8, 8, 128)
    ```

    Reference:
        Kolesnikov et al., Big Transfer, https://arxiv.org/abs/1912.11370; `bit_paper.py` of
        https://github.com/google-research/big_vision.
    """

    @staticmethod
    def root(images, width, dtype):
        x = BiTConv2D(width, 7, strides=2, dtype=dtype, name="root_conv")(_pad(images, 3))
        # Zeros as padding would beat negative features: no normalisation or ReLU comes before.
        return keras.layers.MaxPooling2D(
            3, strides=2, data_format="channels_last", dtype=dtype, name="root_pool"
        )(_pad(x, 1, value=float("-inf")))

    @staticmethod
    def unit(x, width, strides, dtype, name):
        """One pre-activation bottleneck unit; the projection reads the activated input."""

        def activate(features, norm_name):
            return ops.relu(_group_norm(dtype, f"{name}_{norm_name}")(features))

        def conv(filters, size, conv_name, strides=1):
            return BiTConv2D(
                filters, size, strides=strides, dtype=dtype, name=f"{name}_{conv_name}"
            )

        shortcut, x = x, activate(x, "norm_1")
        if strides > 1 or shortcut.shape[-1] != 4 * width:
            shortcut = conv(4 * width, 1, "projection", strides)(x)
        x = conv(width, 1, "conv_1")(x)
        # Padded by hand on all sides: "same" would pad the lower right only where strides are 2.
        x = conv(width, 3, "conv_2", strides)(_pad(activate(x, "norm_2"), 1))
        x = conv(4 * width, 1, "conv_3")(activate(x, "norm_3"))
        return x + shortcut

    @staticmethod
    def end(x, dtype):
        return keras.layers.Activation("relu", dtype=dtype)(_group_norm(dtype, "encoder_norm")(x))


def _group_norm(dtype, name):
    return keras.layers.GroupNormalization(32, epsilon=GROUP_NORM_EPSILON, dtype=dtype, name=name)


def _pad(x, size, value=0.0):
    return ops.pad(x, ((0, 0), (size, size), (size, size), (0, 0)), constant_values=value)
