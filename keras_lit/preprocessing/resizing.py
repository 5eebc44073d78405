"""uint8 pictures (..., height, width, 3) -> the same, resized and cut to what a tower expects."""

import keras
import tensorflow as tf


class _Resize:
    def __init__(self, size=None, interpolation="bilinear", antialias=False):
        self.size = size
        self.interpolation = interpolation
        self.antialias = antialias

    def _resize(self, images, height_and_width):
        # Half-pixel centres, float32; the original casts to uint8 by truncation.
        resized = tf.image.resize(
            images, height_and_width, method=self.interpolation, antialias=self.antialias
        )
        return tf.cast(resized, tf.uint8)

    def get_config(self):
        return {
            "size": self.size,
            "interpolation": self.interpolation,
            "antialias": self.antialias,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@keras.saving.register_keras_serializable(package="keras_lit")
class StretchResize(_Resize):
    """Resizes to a fixed size without regard to the aspect ratio, as the LiT release does.

    Args:
        size: int (a square), `(height, width)`, or `None`: the converter's `image_size`. Where
            it is larger than `image_size`, the converter cuts out the centre.
        interpolation: string, a method of `tf.image.resize`.
        antialias: bool. Whether to smooth before shrinking.

    Reference:
        `resize` in big_vision/pp/ops_image.py.
    """

    def smallest_size(self, image_size):
        """Returns the least `(height, width)` of a resized picture."""
        return image_size if self.size is None else as_height_and_width(self.size)

    def __call__(self, images, image_size):
        """Resizes uint8 `images` `(..., height, width, 3)` for a converter of `image_size`."""
        return self._resize(images, self.smallest_size(image_size))


@keras.saving.register_keras_serializable(package="keras_lit")
class SmallerSideResize(_Resize):
    """Resizes so that the smaller side has a fixed size, keeping the aspect ratio.

    The converter then cuts out the centre.

    Args:
        size: int, or `None`: the larger side of the converter's `image_size`.
        interpolation: string, a method of `tf.image.resize`. `"bilinear"` is `crop=True` of the
            LiT release; `"area"` is the default of big_vision's `resize_small`.
        antialias: bool. Whether to smooth before shrinking.

    Reference:
        `resize_small` in big_vision/pp/ops_image.py; `PreprocessImages(crop=True)` in
        vision_transformer/vit_jax/preprocess.py.
    """

    def smallest_size(self, image_size):
        """Returns the least `(height, width)` of a resized picture."""
        side = max(image_size) if self.size is None else self.size
        return side, side

    def __call__(self, images, image_size):
        """Resizes uint8 `images` `(..., height, width, 3)` for a converter of `image_size`."""
        smaller_side, _ = self.smallest_size(image_size)
        # In float32 and rounded half to even, as in the original: another order of these
        # operations gives another size for some pictures.
        sides = tf.cast(tf.shape(images)[-3:-1], tf.float32)
        ratio = tf.cast(smaller_side, tf.float32) / tf.reduce_min(sides)
        return self._resize(images, tf.cast(tf.round(sides * ratio), tf.int32))


def central_crop(images, image_size):
    """Cuts `(height, width)` out of the centre of `images` `(..., height, width, 3)`."""
    height, width = image_size
    sides = tf.shape(images)[-3:-1]
    top, left = (sides[0] - height) // 2, (sides[1] - width) // 2
    cropped = images[..., top : top + height, left : left + width, :]
    return tf.ensure_shape(cropped, images.shape[:-3] + [height, width, images.shape[-1]])


def as_height_and_width(size):
    """Returns `(height, width)` of an int (a square) or a pair of ints."""
    height, width = (size, size) if isinstance(size, int) else size
    return int(height), int(width)
