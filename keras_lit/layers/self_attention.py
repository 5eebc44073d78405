"""Tokens (batch, tokens, width) -> tokens of the same shape that have read each other."""

import math

import keras
from keras import ops

from keras_lit.layers.attention import check_heads, projection_initializer


@keras.saving.register_keras_serializable(package="keras_lit")
class SelfAttention(keras.layers.Layer):
    """Multi-head attention of tokens to each other, with biases in all four products.

    The numbers and weights of `keras.layers.MultiHeadAttention`, whose files it reads and writes.
    But products with weights are of two matrices, all tokens of the batch in rows: on a CPU, XLA
    takes half as long again for a product of tokens (batch, tokens, width).

    Args:
        num_heads: int. Number of attention heads; divides the width of the tokens.
        **kwargs: arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        tokens: float tensor (batch, tokens, width); `tokens` is fixed when the layer is built.

    Returns:
        Float tensor (batch, tokens, width).

    Raises:
        ValueError: the width is not a multiple of `num_heads`.

    Example:

    ```python
    import numpy as np
    from keras_lit.layers import SelfAttention

    SelfAttention(num_heads=2)(np.zeros((1, 3, 4), "float32"))  # (1, 3, 4)
    ```

    Reference:
        Vaswani et al., https://arxiv.org/abs/1706.03762.
    """

    def __init__(self, num_heads, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads

    def build(self, input_shape):
        width = input_shape[-1]
        check_heads(width, self.num_heads)
        by_heads = (self.num_heads, width // self.num_heads)

        def dense(name, equation, input_shape, output_shape, bias_axes):
            layer = keras.layers.EinsumDense(
                equation,
                output_shape=output_shape,
                bias_axes=bias_axes,
                kernel_initializer=projection_initializer(width),
                dtype=self.dtype_policy,
                name=name,
            )
            layer.build((None, *input_shape))
            return layer

        # Attributes and names are those of `keras.layers.MultiHeadAttention`, as files have them.
        for_heads = "rw,whd->rhd", (width,), by_heads, "hd"
        self.query_dense = dense("query", *for_heads)
        self.key_dense = dense("key", *for_heads)
        self.value_dense = dense("value", *for_heads)
        self.output_dense = dense("attention_output", "rhd,hdw->rw", by_heads, width, "w")

    def call(self, tokens):
        length, width = tokens.shape[1:]
        by_heads = (-1, length, self.num_heads, width // self.num_heads)
        rows = ops.reshape(tokens, (-1, width))
        query = ops.reshape(self.query_dense(rows), by_heads)
        key = ops.reshape(self.key_dense(rows), by_heads)
        value = ops.reshape(self.value_dense(rows), by_heads)
        logits = ops.einsum("bqhd,bkhd->bhqk", query / math.sqrt(by_heads[-1]), key)
        read = ops.einsum("bhqk,bkhd->bqhd", ops.softmax(logits), value)
        rows = self.output_dense(ops.reshape(read, (-1, *by_heads[2:])))
        return ops.reshape(rows, (-1, length, width))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "num_heads": self.num_heads}
