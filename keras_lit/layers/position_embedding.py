"""Tokens (batch, tokens, width) -> tokens that know their place; tables for other resolutions."""

import math

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="keras_lit")
class ClassToken(keras.layers.Layer):
    """Puts one learned token before the others.

    Call arguments:
        tokens: float tensor (batch, tokens, width).

    Returns:
        Float tensor (batch, 1 + tokens, width).

    Example:

    ```python
    import numpy as np
    from keras_lit.layers import ClassToken

    ClassToken()(np.zeros((2, 9, 4), "float32"))  # (2, 10, 4)
    ```
    """

    def build(self, input_shape):
        self.token = self.add_weight(
            shape=(1, 1, input_shape[-1]), initializer="zeros", name="token"
        )

    def call(self, tokens):
        shape = (ops.shape(tokens)[0], 1, tokens.shape[-1])
        token = ops.broadcast_to(ops.cast(self.token, tokens.dtype), shape)
        return ops.concatenate([token, tokens], axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[1] + 1, input_shape[2])


@keras.saving.register_keras_serializable(package="keras_lit")
class LearnedPositions(keras.layers.Layer):
    """Adds a learned vector to each token, one per place.

    Call arguments:
        tokens: float tensor (batch, tokens, width); `tokens` is fixed when the layer is built.

    Returns:
        Float tensor (batch, tokens, width).

    Example:

    ```python
    import numpy as np
    from keras_lit.layers import LearnedPositions

    LearnedPositions()(np.zeros((2, 9, 4), "float32"))  # (2, 9, 4)
    ```
    """

    def build(self, input_shape):
        self.positions = self.add_weight(
            shape=(1, *input_shape[1:]),
            initializer=keras.initializers.RandomNormal(stddev=0.02),
            name="positions",
        )

    def call(self, tokens):
        return tokens + ops.cast(self.positions, tokens.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape


@keras.saving.register_keras_serializable(package="keras_lit")
class SinCosPositions(keras.layers.Layer):
    """Adds fixed sine and cosine vectors of the row and the column of a patch; no weights.

    Args:
        grid: (rows, columns) of the patches.
        **kwargs: arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        tokens: float tensor (batch, rows * columns, width), row-major; `width` a multiple of 4.

    Returns:
        Float tensor (batch, rows * columns, width).

    Raises:
        ValueError: the width is not a multiple of 4, or below 8.

    Example:

    ```python
    import numpy as np
    from keras_lit.layers import SinCosPositions

    SinCosPositions(grid=(2, 3))(np.zeros((1, 6, 8), "float32"))  # (1, 6, 8)
    ```

    Reference:
        `posemb_sincos_2d` of https://github.com/google-research/big_vision.
    """

    def __init__(self, grid, **kwargs):
        super().__init__(**kwargs)
        self.grid = tuple(grid)

    def build(self, input_shape):
        self.positions = sincos_positions(self.grid, input_shape[-1])[None]

    def call(self, tokens):
        return tokens + ops.convert_to_tensor(self.positions, dtype=tokens.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "grid": self.grid}


def sincos_positions(grid, width):
    """Grid (rows, columns) -> float32 array (rows * columns, width) of sines and cosines.

    Each place holds `[sin x, cos x, sin y, cos y]`, a quarter of the width each, at frequencies
    that fall geometrically from 1 to 1/10000.

    Args:
        grid: (rows, columns).
        width: int, a multiple of 4 and at least 8.

    Returns:
        NumPy array (rows * columns, width) in [-1, 1].

    Raises:
        ValueError: `width` is not a multiple of 4, or below 8.
    """
    if width % 4 or width < 8:
        raise ValueError(
            "sincos2d positions need a width that is a multiple of 4 and at least 8. Received "
            f"width={width}. Use another hidden_dim or learned positions."
        )
    frequencies = 10000.0 ** -(np.arange(width // 4) / (width // 4 - 1))
    rows, columns = np.mgrid[: grid[0], : grid[1]]
    y = rows.reshape(-1, 1) * frequencies
    x = columns.reshape(-1, 1) * frequencies
    return np.concatenate([np.sin(x), np.cos(x), np.sin(y), np.cos(y)], axis=1).astype("float32")


def resample_positions(positions, num_tokens, num_class_tokens=0):
    """Position table (tokens, width) -> table of another square grid (new tokens, width).

    Bilinear with aligned corners: the corner patches keep their vectors, as with
    `scipy.ndimage.zoom(order=1)` in the original. The usual half-pixel resize of images gives
    other numbers. The slot of a class token is kept as it is.

    Args:
        positions: float array or tensor (1, num_class_tokens + rows * rows, width).
        num_tokens: int. `num_class_tokens + new rows * new rows`.
        num_class_tokens: int. How many leading slots are no patches.

    Returns:
        Float tensor (1, num_tokens, width).

    Raises:
        ValueError: one of the grids is not square.

    Example:

    ```python
    import numpy as np
    from keras_lit.layers import resample_positions

    resample_positions(np.zeros((1, 10, 4)), num_tokens=17, num_class_tokens=1)  # (1, 17, 4)
    ```

    Reference:
        `interpolate_posembed` of https://github.com/google-research/vision_transformer.
    """
    positions = ops.convert_to_tensor(positions)
    _, num_positions, width = positions.shape
    if num_positions == num_tokens:
        return positions
    old, new = (
        _square_side(count - num_class_tokens, num_class_tokens)
        for count in (num_positions, num_tokens)
    )
    class_slots = positions[:, :num_class_tokens]
    grid = ops.reshape(positions[:, num_class_tokens:], (1, old, old, width))
    weights = ops.convert_to_tensor(_aligned_corners_weights(old, new), dtype=positions.dtype)
    grid = ops.einsum("io,jp,bopw->bijw", weights, weights, grid)
    return ops.concatenate([class_slots, ops.reshape(grid, (1, new * new, width))], axis=1)


def _square_side(num_patches, num_class_tokens):
    side = math.isqrt(max(num_patches, 0))
    if side == 0 or side * side != num_patches:
        raise ValueError(
            "Position embeddings can be resampled between square grids only. Received "
            f"{num_patches} patch positions (with {num_class_tokens} class token slots left out), "
            "which is not a square number. Use square images, or the checkpoint's own resolution."
        )
    return side


def _aligned_corners_weights(old, new):
    """Returns (new, old) weights of linear interpolation that maps corner to corner."""
    places = np.linspace(0.0, old - 1, new)
    return np.maximum(0.0, 1.0 - np.abs(places[:, None] - np.arange(old)))
