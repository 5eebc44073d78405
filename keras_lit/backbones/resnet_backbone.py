"""Images (batch, height, width, 3) -> feature map: ResNet v1 with GroupNorm, root of hybrids."""

import keras
from keras import ops

from keras_lit.backbones.residual_backbone import ResidualBackbone
from keras_lit.layers import ResNetConv2D

GROUP_NORM_EPSILON = 1e-6


@keras.saving.register_keras_serializable(package="keras_lit")
class ResNetBackbone(ResidualBackbone):
    """ResNet v1 (post-activation) with GroupNorm and weight standardisation.

    Big Vision's `bit` model, averaged (`pooling="mean"`), and the convolutional part of the
    hybrids R50+ViT. BiT as published is `BiTBackbone`.

    Args:
        stage_depths: sequence of ints. Number of units in each stage; empty: the root only.
        width_factor: float. Multiplies all numbers of channels.
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
    from keras_lit.backbones import ResNetBackbone

    backbone = ResNetBackbone(stage_depths=(1,), width_factor=0.5, image_shape=(32, 32, 3))
    backbone(np.zeros((1, 32, 32, 3), "float32"))  # (1, 8, 8, 128)
    ```

    Reference:
        `bit.py` of https://github.com/google-research/big_vision; `models_resnet.py` of
        https://github.com/google-research/vision_transformer.
    """

    @staticmethod
    def root(images, width, dtype):
        conv = ResNetConv2D(width, 7, strides=2, padding="same", dtype=dtype, name="root_conv")
        pool = keras.layers.MaxPooling2D(
            3,
            strides=2,
            padding="same",
            data_format="channels_last",
            dtype=dtype,
            name="root_pool",
        )
        return pool(ops.relu(_group_norm(dtype, "root_norm")(conv(images))))

    @staticmethod
    def unit(x, width, strides, dtype, name):
        """One post-activation bottleneck unit."""

        def norm(norm_name, **kwargs):
            return _group_norm(dtype, f"{name}_{norm_name}", **kwargs)

        def conv(filters, size, conv_name, strides=1):
            return ResNetConv2D(
                filters,
                size,
                strides=strides,
                padding="same",
                dtype=dtype,
                name=f"{name}_{conv_name}",
            )

        shortcut = x
        if strides > 1 or shortcut.shape[-1] != 4 * width:
            shortcut = conv(4 * width, 1, "projection", strides)(shortcut)
            shortcut = norm("projection_norm")(shortcut)
        x = ops.relu(norm("norm_1")(conv(width, 1, "conv_1")(x)))
        x = ops.relu(norm("norm_2")(conv(width, 3, "conv_2", strides)(x)))
        # Scale 0: each new unit starts as the identity.
        x = norm("norm_3", gamma_initializer="zeros")(conv(4 * width, 1, "conv_3")(x))
        return ops.relu(x + shortcut)


def _group_norm(dtype, name, **kwargs):
    return keras.layers.GroupNormalization(
        32, epsilon=GROUP_NORM_EPSILON, dtype=dtype, name=name, **kwargs
    )
