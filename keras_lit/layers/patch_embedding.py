"""Images (batch, height, width, channels) -> patch tokens (batch, tokens, width)."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_lit")
class PatchEmbedding(keras.layers.Layer):
    """Cuts an image into patches and projects each to one token, row by row.

    Pixels that do not fill a whole patch at the right and lower edge are left out.

    Args:
        width: int. Width of a token.
        patch_size: int or (height, width). Size of a patch in pixels.
        **kwargs: arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        images: float tensor (batch, height, width, channels).

    Returns:
        Float tensor (batch, tokens, width), tokens in row-major order.

    Example:

    ```python
    import numpy as np
    from keras_lit.layers import PatchEmbedding

    PatchEmbedding(width=4, patch_size=8)(np.zeros((1, 16, 24, 3), "float32"))  # (1, 6, 4)
    ```

    Reference:
        The `embedding` convolution of https://github.com/google-research/vision_transformer.
    """

    def __init__(self, width, patch_size, **kwargs):
        super().__init__(**kwargs)
        self.width = width
        self.patch_size = as_pair(patch_size)

    def build(self, input_shape):
        self.projection = keras.layers.Conv2D(
            self.width,
            self.patch_size,
            strides=self.patch_size,
            padding="valid",
            data_format="channels_last",
            dtype=self.dtype_policy,
            name="projection",
        )
        self.projection.build(input_shape)

    def call(self, images):
        height, width = patch_grid(images.shape[1:3], self.patch_size)
        return ops.reshape(self.projection(images), (-1, height * width, self.width))

    def compute_output_shape(self, input_shape):
        height, width = patch_grid(input_shape[1:3], self.patch_size)
        return (input_shape[0], height * width, self.width)

    def get_config(self):
        return {**super().get_config(), "width": self.width, "patch_size": self.patch_size}


def as_pair(size):
    """Returns `size` as (height, width); an int stands for a square."""
    return (size, size) if isinstance(size, int) else tuple(size)


def patch_grid(image_size, patch_size):
    """Returns how many whole patches fit: (rows, columns).

    Raises:
        ValueError: the image is smaller than one patch.
    """
    grid = tuple(image // patch for image, patch in zip(image_size, patch_size, strict=True))
    if min(grid) < 1:
        raise ValueError(
            "image_shape must hold at least one patch. Received an image of "
            f"{tuple(image_size)} and patch_size={tuple(patch_size)} (height, width). Use a larger "
            "image or a smaller patch."
        )
    return grid
