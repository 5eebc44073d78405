"""Width and number of heads -> a Keras multi-head attention initialised as the original's."""

import math

import keras


def multi_head_attention(width, num_heads, dtype=None, name="attention"):
    """Returns attention over tokens (batch, tokens, width) with biases in all four products.

    The original draws every kernel Glorot-uniformly on its flattened form (width, width). Keras
    would take the fans of the stored form (width, heads, head width) and draw too narrowly.

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
    if width % num_heads:
        raise ValueError(
            f"num_heads must divide the width of the tokens. Received num_heads={num_heads} for "
            f"tokens of width {width}. Choose another number of heads."
        )
    limit = math.sqrt(3.0 / width)
    return keras.layers.MultiHeadAttention(
        num_heads=num_heads,
        key_dim=width // num_heads,
        kernel_initializer=keras.initializers.RandomUniform(-limit, limit),
        dtype=dtype,
        name=name,
    )
