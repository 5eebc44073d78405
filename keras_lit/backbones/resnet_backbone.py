"""Images (batch, height, width, 3) -> feature map: ResNet v1 with GroupNorm, root of hybrids."""

import keras
import keras_hub
from keras import ops

from keras_lit.backbones.sizes import resnet_variant
from keras_lit.layers import ResNetConv2D

GROUP_NORM_EPSILON = 1e-6


@keras.saving.register_keras_serializable(package="keras_lit")
class ResNetBackbone(keras_hub.models.Backbone):
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

    def __init__(
        self, stage_depths, width_factor=1, image_shape=(224, 224, 3), dtype=None, **kwargs
    ):
        stage_depths, image_shape = tuple(stage_depths), tuple(image_shape)
        width = int(64 * width_factor)
        images = keras.Input(image_shape, name="images")
        x = ResNetConv2D(width, 7, strides=2, padding="same", dtype=dtype, name="root_conv")(images)
        x = ops.relu(_group_norm(dtype, "root_norm")(x))
        x = keras.layers.MaxPooling2D(
            3,
            strides=2,
            padding="same",
            data_format="channels_last",
            dtype=dtype,
            name="root_pool",
        )(x)
        for stage, depth in enumerate(stage_depths):
            for unit in range(depth):
                strides = 2 if stage > 0 and unit == 0 else 1
                name = f"stage_{stage}_unit_{unit}"
                x = _unit(x, width * 2**stage, strides, dtype, name)
        super().__init__(inputs=images, outputs=x, dtype=dtype, **kwargs)

        self.stage_depths = stage_depths
        self.width_factor = width_factor
        self.image_shape = image_shape

    @classmethod
    def from_variant(cls, variant, **kwargs):
        """Returns a backbone of a published size with new weights.

        Args:
            variant: string, `R<depth>x<width factor>`, such as `"R50x1"`; the depths are 26, 50,
                101, 152 and 200.
            **kwargs: further arguments of the constructor, such as `image_shape`.

        Raises:
            ValueError: the variant is unknown.
        """
        return cls(**resnet_variant(variant), **kwargs)

    def get_config(self):
        return {
            **super().get_config(),
            "stage_depths": self.stage_depths,
            "width_factor": self.width_factor,
            "image_shape": self.image_shape,
        }


def _unit(x, width, strides, dtype, name):
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
