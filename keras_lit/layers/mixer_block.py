"""Tokens (batch, tokens, width) -> tokens of the same shape: one MLP-Mixer block."""

import keras
from keras import ops

from keras_lit.layers.mlp_block import MLPBlock
from keras_lit.layers.transformer_block import LAYER_NORM_EPSILON


@keras.saving.register_keras_serializable(package="keras_lit")
class MixerBlock(keras.layers.Layer):
    """An MLP over the tokens, then one over the channels, each after a LayerNorm, with residuals.

    Args:
        token_mlp_dim: int. Hidden width of the MLP over the tokens.
        channel_mlp_dim: int. Hidden width of the MLP over the channels.
        **kwargs: arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        tokens: float tensor (batch, tokens, width); `tokens` is fixed when the layer is built.

    Returns:
        Float tensor (batch, tokens, width).

    Example:

    ```python
    import numpy as np
    from keras_lit.layers import MixerBlock

    MixerBlock(token_mlp_dim=8, channel_mlp_dim=8)(np.zeros((1, 3, 4), "float32"))  # (1, 3, 4)
    ```

    Reference:
        Tolstikhin et al., MLP-Mixer, https://arxiv.org/abs/2105.01601.
    """

    def __init__(self, token_mlp_dim, channel_mlp_dim, **kwargs):
        super().__init__(**kwargs)
        self.token_mlp_dim = token_mlp_dim
        self.channel_mlp_dim = channel_mlp_dim

    def build(self, input_shape):
        batch, num_tokens, width = input_shape

        def layer_norm(name):
            return keras.layers.LayerNormalization(
                epsilon=LAYER_NORM_EPSILON, dtype=self.dtype_policy, name=name
            )

        self.token_norm = layer_norm("token_norm")
        self.token_norm.build(input_shape)
        self.token_mlp = MLPBlock(self.token_mlp_dim, dtype=self.dtype_policy, name="token_mlp")
        self.token_mlp.build((batch, width, num_tokens))
        self.channel_norm = layer_norm("channel_norm")
        self.channel_norm.build(input_shape)
        self.channel_mlp = MLPBlock(
            self.channel_mlp_dim, dtype=self.dtype_policy, name="channel_mlp"
        )
        self.channel_mlp.build(input_shape)

    def call(self, tokens):
        channels_first = ops.transpose(self.token_norm(tokens), (0, 2, 1))
        tokens = tokens + ops.transpose(self.token_mlp(channels_first), (0, 2, 1))
        return tokens + self.channel_mlp(self.channel_norm(tokens))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "token_mlp_dim": self.token_mlp_dim,
            "channel_mlp_dim": self.channel_mlp_dim,
        }
