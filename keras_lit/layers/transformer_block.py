"""Tokens (batch, tokens, width) -> tokens of the same shape: one pre-LayerNorm block."""

import keras

from keras_lit.layers.mlp_block import MLPBlock
from keras_lit.layers.self_attention import SelfAttention

LAYER_NORM_EPSILON = 1e-6


@keras.saving.register_keras_serializable(package="keras_lit")
class TransformerBlock(keras.layers.Layer):
    """Self-attention and MLP, each after a LayerNorm and with a residual connection.

    No token is masked: in the original's image and text towers padding attends and is attended.

    Args:
        num_heads: int. Number of attention heads; divides the width of the tokens.
        mlp_dim: int. Hidden width of the MLP.
        **kwargs: arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        tokens: float tensor (batch, tokens, width).

    Returns:
        Float tensor (batch, tokens, width).

    Raises:
        ValueError: the width is not a multiple of `num_heads`.

    Example:

    ```python
    import numpy as np
    from keras_lit.layers import TransformerBlock

    TransformerBlock(num_heads=2, mlp_dim=8)(np.zeros((1, 3, 4), "float32"))  # (1, 3, 4)
    ```

    Reference:
        `Encoder1DBlock` of https://github.com/google-research/vision_transformer;
        Dosovitskiy et al., https://arxiv.org/abs/2010.11929.
    """

    def __init__(self, num_heads, mlp_dim, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.mlp_dim = mlp_dim

    def build(self, input_shape):
        def layer_norm(name):
            return keras.layers.LayerNormalization(
                epsilon=LAYER_NORM_EPSILON, dtype=self.dtype_policy, name=name
            )

        self.attention_norm = layer_norm("attention_norm")
        self.attention_norm.build(input_shape)
        self.attention = SelfAttention(self.num_heads, dtype=self.dtype_policy, name="attention")
        self.attention.build(input_shape)
        self.mlp_norm = layer_norm("mlp_norm")
        self.mlp_norm.build(input_shape)
        self.mlp = MLPBlock(self.mlp_dim, dtype=self.dtype_policy, name="mlp")
        self.mlp.build(input_shape)

    def call(self, tokens):
        tokens = tokens + self.attention(self.attention_norm(tokens))
        return tokens + self.mlp(self.mlp_norm(tokens))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "num_heads": self.num_heads, "mlp_dim": self.mlp_dim}
