"""Images (batch, height, width, 3) -> feature map (batch, rows, columns, channels): BiT."""

import keras
import keras_hub
from keras import ops

from keras_lit.backbones.sizes import resnet_variant
from keras_lit.layers import BiTConv2D

GROUP_NORM_EPSILON = 1e-5


@keras.saving.register_keras_serializable(package="keras_lit")
class BiTBackbone(keras_hub.models.Backbone):
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

    def __init__(
        self, stage_depths, width_factor=1, image_shape=(224, 224, 3), dtype=None, **kwargs
    ):
        stage_depths, image_shape = tuple(stage_depths), tuple(image_shape)
        width = int(64 * width_factor)
        images = keras.Input(image_shape, name="images")
        x = _pad(images, 3)
        x = BiTConv2D(width, 7, strides=2, dtype=dtype, name="root_conv")(x)
        # Zeros as padding would beat negative features: no normalisation or ReLU comes before.
        x = _pad(x, 1, value=float("-inf"))
        x = keras.layers.MaxPooling2D(
            3, strides=2, data_format="channels_last", dtype=dtype, name="root_pool"
        )(x)
        for stage, depth in enumerate(stage_depths):
            for unit in range(depth):
                strides = 2 if stage > 0 and unit == 0 else 1
                name = f"stage_{stage}_unit_{unit}"
                x = _unit(x, width * 2**stage, strides, dtype, name)
        x = keras.layers.Activation("relu", dtype=dtype)(_group_norm(dtype, "encoder_norm")(x))
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
    """One pre-activation bottleneck unit; the projection reads the activated input."""

    def activate(features, norm_name):
        return ops.relu(_group_norm(dtype, f"{name}_{norm_name}")(features))

    def conv(filters, size, conv_name, strides=1):
        return BiTConv2D(filters, size, strides=strides, dtype=dtype, name=f"{name}_{conv_name}")

    shortcut, x = x, activate(x, "norm_1")
    if strides > 1 or shortcut.shape[-1] != 4 * width:
        shortcut = conv(4 * width, 1, "projection", strides)(x)
    x = conv(width, 1, "conv_1")(x)
    # Padded by hand on all sides: "same" would pad the lower right only where strides are 2.
    x = conv(width, 3, "conv_2", strides)(_pad(activate(x, "norm_2"), 1))
    x = conv(4 * width, 1, "conv_3")(activate(x, "norm_3"))
    return x + shortcut


def _group_norm(dtype, name):
    return keras.layers.GroupNormalization(32, epsilon=GROUP_NORM_EPSILON, dtype=dtype, name=name)


def _pad(x, size, value=0.0):
    return ops.pad(x, ((0, 0), (size, size), (size, size), (0, 0)), constant_values=value)
