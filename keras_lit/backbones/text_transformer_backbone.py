"""Token ids (batch, max_length) -> token features (batch, max_length, hidden_dim)."""

import keras

from keras_lit.backbones.backbone import Backbone
from keras_lit.layers import LearnedPositions, TransformerBlock
from keras_lit.layers.transformer_block import LAYER_NORM_EPSILON


@keras.saving.register_keras_serializable(package="keras_lit")
class TextTransformerBackbone(Backbone):
    """The text transformer of LiT-L16S, LiT-L16Ti and SigLIP.

    Token embedding, learned positions, pre-LayerNorm blocks, a final LayerNorm. Nothing is masked:
    padding attends and is attended, so captions must be padded to `max_length` as in training.
    LiT reads the last place (`pooling="last_token"`), whatever token stands there.

    Args:
        vocabulary_size: int. Number of token ids.
        max_length: int. Number of tokens of every caption.
        hidden_dim: int. Width of the tokens; a multiple of `num_heads`.
        num_layers: int. Number of transformer blocks.
        num_heads: int. Number of attention heads.
        mlp_dim: int. Hidden width of the MLPs.
        dtype: dtype or dtype policy of the layers.
        **kwargs: arguments of `keras.Model`, such as `name`.

    Call arguments:
        token_ids: int tensor (batch, max_length) in [0, vocabulary_size).

    Returns:
        Float tensor (batch, max_length, hidden_dim).

    Example:

    ```python
    import numpy as np
    from keras_lit.backbones import TextTransformerBackbone

    backbone = TextTransformerBackbone(
        vocabulary_size=50, max_length=4, hidden_dim=8, num_layers=1, num_heads=2, mlp_dim=16
    )
    backbone(np.ones((2, 4), "int32"))  # (2, 4, 8)
    ```

    Reference:
        `TextTransformer` of https://github.com/google-research/vision_transformer; Zhai et al.,
        LiT, https://arxiv.org/abs/2111.07991.
    """

    def __init__(
        self,
        vocabulary_size,
        max_length,
        hidden_dim,
        num_layers,
        num_heads,
        mlp_dim,
        dtype=None,
        **kwargs,
    ):
        token_embedding = keras.layers.Embedding(
            vocabulary_size,
            hidden_dim,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=hidden_dim**-0.5),
            dtype=dtype,
            name="token_embedding",
        )
        token_ids = keras.Input((max_length,), dtype="int32", name="token_ids")
        x = token_embedding(token_ids)
        x = LearnedPositions(dtype=dtype, name="positions")(x)
        for index in range(num_layers):
            x = TransformerBlock(num_heads, mlp_dim, dtype=dtype, name=f"block_{index}")(x)
        x = keras.layers.LayerNormalization(
            epsilon=LAYER_NORM_EPSILON, dtype=dtype, name="encoder_norm"
        )(x)
        super().__init__(inputs=token_ids, outputs=x, dtype=dtype, **kwargs)

        self.token_embedding = token_embedding
        self.vocabulary_size = vocabulary_size
        self.max_length = max_length
        self.hidden_dim = hidden_dim
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.mlp_dim = mlp_dim

    def get_config(self):
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "max_length": self.max_length,
            "hidden_dim": self.hidden_dim,
            "num_layers": self.num_layers,
            "num_heads": self.num_heads,
            "mlp_dim": self.mlp_dim,
        }
