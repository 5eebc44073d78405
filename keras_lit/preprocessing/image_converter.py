"""uint8 pictures (batch, height, width, 3) -> floats in [-1, 1], (batch, *image_size, 3)."""

import keras
import keras_hub
import tensorflow as tf
from keras_hub.src.utils.tensor_utils import convert_preprocessing_outputs

from keras_lit.preprocessing.pictures import check_images, read_images
from keras_lit.preprocessing.resizing import StretchResize, as_height_and_width, central_crop


@keras.saving.register_keras_serializable(package="keras_lit")
class ImageConverter(keras_hub.layers.ImageConverter):
    """Turns pictures into what the towers of LiT, ViT, Mixer and BiT were trained on.

    Resizes, cuts out the centre, truncates to whole steps of 1/255 and scales to `[-1, 1]`. The
    same numbers come out on every backend, inside tf.data and outside.

    `keras_hub.layers.ImageConverter` does not truncate, which moves about half of the values by
    one step.

    Args:
        image_size: int (a square) or `(height, width)`. Size of the result.
        resize: `StretchResize()` (the default, as in the LiT release) or `SmallerSideResize()`,
            or any callable `(images, image_size) -> images` with `smallest_size` and a config.

    Call arguments:
        inputs: uint8 `(height, width, 3)` or `(batch, height, width, 3)`, red first; a list of
            pictures of any sizes; outside tf.data also other integers in `[0, 255]`.

    Returns:
        Floats in `[-1, 1]`, `(*image_size, 3)` or `(batch, *image_size, 3)`.

    Raises:
        ValueError: for floats, values outside `[0, 255]` or another number of channels.

    Example:

    ```python
    import numpy as np
    import keras_lit

    converter = keras_lit.preprocessing.ImageConverter(
        image_size=4, resize=keras_lit.preprocessing.SmallerSideResize()
    )
    converter(np.zeros((2, 9, 12, 3), "uint8"))  # (2, 4, 4, 3), all -1
    ```

    Reference:
        `PreprocessImages` in vision_transformer/vit_jax/preprocess.py.
    """

    def __init__(self, image_size=224, resize=None, **kwargs):
        super().__init__(
            image_size=as_height_and_width(image_size),
            scale=2 / 255,
            offset=-1.0,
            crop_to_aspect_ratio=False,
            data_format="channels_last",
            **kwargs,
        )
        if isinstance(resize, dict):
            resize = keras.saving.deserialize_keras_object(resize)
        self.resize = resize or StretchResize()
        self._check_sizes()

    def call(self, inputs):
        images = read_images(inputs)
        with tf.device("cpu"):
            if isinstance(images, list):
                converted = tf.stack([self._convert(check_images(image)) for image in images])
            else:
                converted = self._convert(check_images(images))
        return convert_preprocessing_outputs(converted)

    def _convert(self, images):
        self._check_sizes()
        images = central_crop(self.resize(images, self.image_size), self.image_size)
        # Bit for bit the original's `x / 255 * 2 - 1`; `x * (2 / 255) - 1` is not.
        images = tf.cast(images, tf.float32) / 127.5 - 1.0
        return tf.cast(images, self.compute_dtype)

    def _check_sizes(self):
        smallest_size = self.resize.smallest_size(self.image_size)
        if any(side < wanted for side, wanted in zip(smallest_size, self.image_size, strict=True)):
            raise ValueError(
                f"resize makes pictures of {tuple(smallest_size)}, from which image_size="
                f"{self.image_size} cannot be cut. Give resize a larger size, or size=None."
            )

    def get_config(self):
        # Of the base class's arguments only `image_size` is ours.
        config = super(keras_hub.layers.ImageConverter, self).get_config()
        config.update(
            image_size=self.image_size,
            resize=keras.saving.serialize_keras_object(self.resize),
        )
        return config
