"""Width and number of heads -> a Keras multi-head attention initialised as the original's."""

import math

import keras


def check_heads(width, num_heads):
    """Raises a ValueError if the width of the tokens is not a multiple of `num_heads`."""
    if width % num_heads:
        raise ValueError(
            f"num_heads must divide the width of the tokens. Received num_heads={num_heads} for "
            f"tokens of width {width}. Choose another number of heads."
        )


def projection_initializer(width):
    """Returns the initializer of the four kernels of attention over tokens of some width.

    The original draws every kernel Glorot-uniformly on its flattened form (width, width). Keras
    would take the fans of the stored form (width, heads, head width) and draw too narrowly.
    """
    limit = math.sqrt(3.0 / width)
    return keras.initializers.RandomUniform(-limit, limit)


def multi_head_attention(width, num_heads, dtype=None, name="attention"):
    """Returns attention of some tokens to others, with biases in all four products.

    Args:
        width: int. Width of the tokens; a multiple of `num_heads`.
        num_heads: int. Number of attention heads.
        dtype: dtype or dtype policy of the layer.
        name: string. Name of the layer.

    Returns:
        A `keras.layers.MultiHeadAttention`.

    Raises:
        ValueError: `width` is not a multiple of `num_heads`.
    """
    check_heads(width, num_heads)
    return keras.layers.MultiHeadAttention(
        num_heads=num_heads,
        key_dim=width // num_heads,
        kernel_initializer=projection_initializer(width),
        dtype=dtype,
        name=name,
    )
