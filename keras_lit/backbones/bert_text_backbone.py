"""Token ids (batch, tokens) -> token features (batch, tokens, hidden_dim): BERT as in LiT."""

import keras
import keras_hub
from keras import ops

from keras_lit.backbones.backbone import Backbone
from keras_lit.layers.mlp_block import gelu_tanh

LAYER_NORM_EPSILON = 1e-12
PADDING_ID = 0


@keras.saving.register_keras_serializable(package="keras_lit")
class BertTextBackbone(Backbone):
    """BERT with the original LiT's interface: token ids alone go in, and there is no pooler.

    The padding mask is `token_ids != 0`, the segment is always the first. LiT reads the [CLS]
    token at place 0 (`pooling="class_token"`); what stands at padded places has no meaning. For
    BERT checkpoints of other projects, `keras_hub.models.BertBackbone` goes into a `Tower`, too.

    Args:
        vocabulary_size: int. Number of token ids.
        hidden_dim: int. Width of the tokens; a multiple of `num_heads`.
        num_layers: int. Number of transformer layers.
        num_heads: int. Number of attention heads.
        mlp_dim: int. Hidden width of the MLPs.
        max_length: int. Longest sequence; shorter ones use the first positions.
        dropout: float in [0, 1). Dropout rate in training.
        dtype: dtype or dtype policy of the layers.
        **kwargs: arguments of `keras.Model`, such as `name`.

    Call arguments:
        token_ids: int tensor (batch, tokens) in [0, vocabulary_size), padded with 0.

    Returns:
        Float tensor (batch, tokens, hidden_dim).

    Example:

    ```python
    import numpy as np
    from keras_lit.backbones import BertTextBackbone

    backbone = BertTextBackbone(
        vocabulary_size=50, hidden_dim=8, num_layers=1, num_heads=2, mlp_dim=16
    )
    backbone(np.array([[1, 5, 0, 0]]))  # (1, 4, 8)
    ```

    Reference:
        Devlin et al., BERT, https://arxiv.org/abs/1810.04805; `BertEncoder` of
        https://github.com/google/flaxformer.
    """

    def __init__(
        self,
        vocabulary_size,
        hidden_dim,
        num_layers,
        num_heads,
        mlp_dim,
        max_length=512,
        dropout=0.1,
        dtype=None,
        **kwargs,
    ):
        def normal():
            return keras.initializers.TruncatedNormal(stddev=0.02)

        def embedding(size, name):
            return keras.layers.Embedding(
                size, hidden_dim, embeddings_initializer=normal(), dtype=dtype, name=name
            )

        token_embedding = embedding(vocabulary_size, "token_embedding")
        token_ids = keras.Input((None,), dtype="int32", name="token_ids")
        tokens = token_embedding(token_ids)
        positions = keras_hub.layers.PositionEmbedding(
            max_length, initializer=normal(), dtype=dtype, name="position_embedding"
        )(tokens)
        segments = embedding(2, "segment_embedding")(ops.zeros_like(token_ids))
        x = tokens + positions + segments
        x = keras.layers.LayerNormalization(
            epsilon=LAYER_NORM_EPSILON, dtype=dtype, name="embeddings_norm"
        )(x)
        x = keras.layers.Dropout(dropout, dtype=dtype, name="embeddings_dropout")(x)
        padding_mask = ops.not_equal(token_ids, PADDING_ID)
        for index in range(num_layers):
            x = keras_hub.layers.TransformerEncoder(
                intermediate_dim=mlp_dim,
                num_heads=num_heads,
                dropout=dropout,
                activation=gelu_tanh,
                layer_norm_epsilon=LAYER_NORM_EPSILON,
                kernel_initializer=normal(),
                dtype=dtype,
                name=f"block_{index}",
            )(x, padding_mask=padding_mask)
        super().__init__(inputs=token_ids, outputs=x, dtype=dtype, **kwargs)

        self.token_embedding = token_embedding
        self.vocabulary_size = vocabulary_size
        self.hidden_dim = hidden_dim
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.mlp_dim = mlp_dim
        self.max_length = max_length
        self.dropout = dropout

    def get_config(self):
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "hidden_dim": self.hidden_dim,
            "num_layers": self.num_layers,
            "num_heads": self.num_heads,
            "mlp_dim": self.mlp_dim,
            "max_length": self.max_length,
            "dropout": self.dropout,
        }
