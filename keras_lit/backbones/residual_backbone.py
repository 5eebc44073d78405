"""Images (batch, height, width, 3) -> feature map: a root, then stages of residual units."""

import keras

from keras_lit.backbones.backbone import ImageBackbone
from keras_lit.backbones.sizes import resnet_variant


class ResidualBackbone(ImageBackbone):
    """Base of the ResNets, which say what their root, their units and their end are.

    Args:
        stage_depths: sequence of ints. Number of units in each stage.
        width_factor: float. Multiplies all numbers of channels.
        image_shape: (height, width, channels) of the images.
        dtype: dtype or dtype policy of the layers.
        **kwargs: arguments of `keras.Model`, such as `name`.
    """

    def __init__(
        self, stage_depths, width_factor=1, image_shape=(224, 224, 3), dtype=None, **kwargs
    ):
        stage_depths, image_shape = tuple(stage_depths), tuple(image_shape)
        width = int(64 * width_factor)
        images = keras.Input(image_shape, name="images")
        x = self.root(images, width, dtype)
        for stage, depth in enumerate(stage_depths):
            for unit in range(depth):
                strides = 2 if stage > 0 and unit == 0 else 1
                x = self.unit(x, width * 2**stage, strides, dtype, f"stage_{stage}_unit_{unit}")
        super().__init__(inputs=images, outputs=self.end(x, dtype), dtype=dtype, **kwargs)

        self.stage_depths = stage_depths
        self.width_factor = width_factor
        self.image_shape = image_shape

    @staticmethod
    def root(images, width, dtype):
        """Images -> feature map of a quarter of their size with `width` channels."""
        raise NotImplementedError

    @staticmethod
    def unit(x, width, strides, dtype, name):
        """Feature map -> feature map with `4 * width` channels: one bottleneck unit."""
        raise NotImplementedError

    @staticmethod
    def end(x, dtype):
        """Feature map -> feature map: what follows the last unit."""
        return x

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
