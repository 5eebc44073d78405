"""Tokens (batch, tokens, width), or a feature map, -> one vector per example (batch, width)."""

import keras
from keras import ops

from keras_lit.layers.attention import multi_head_attention
from keras_lit.layers.mlp_block import MLPBlock
from keras_lit.layers.transformer_block import LAYER_NORM_EPSILON


class Pooling(keras.layers.Layer):
    """Base of the pooling layers: tokens and an optional padding mask in, one vector out.

    Call arguments:
        features: float tensor (batch, tokens, width) or (batch, height, width, channels).
        padding_mask: bool or int tensor (batch, tokens), or `None`. True or 1 marks a real token,
            False or 0 padding.

    Returns:
        Float tensor (batch, width), or (batch, channels).
    """

    def call(self, features, padding_mask=None):
        if len(features.shape) == 4:
            height, width, channels = features.shape[1:]
            num_tokens = -1 if None in (height, width) else height * width
            features = ops.reshape(features, (ops.shape(features)[0], num_tokens, channels))
        if padding_mask is not None:
            padding_mask = ops.cast(padding_mask, "bool")
        return self.pool(features, padding_mask)

    def pool(self, tokens, padding_mask):
        """Pools tokens (batch, tokens, width); `padding_mask` is bool or `None`."""
        raise NotImplementedError

    def compute_output_shape(self, features_shape, padding_mask_shape=None):
        return (features_shape[0], features_shape[-1])


@keras.saving.register_keras_serializable(package="keras_lit")
class ClassTokenPooling(Pooling):
    """Takes the first token: the class token of a ViT or BERT, else the first patch.

    Call arguments:
        features: float tensor (batch, tokens, width).
        padding_mask: ignored; the first token is never padding.

    Returns:
        Float tensor (batch, width).

    Example:

    ```python
    import numpy as np
    from keras_lit.layers import ClassTokenPooling

    ClassTokenPooling()(np.ones((2, 3, 4), "float32"))  # (2, 4)
    ```
    """

    def pool(self, tokens, padding_mask):
        return tokens[:, 0]


@keras.saving.register_keras_serializable(package="keras_lit")
class LastTokenPooling(Pooling):
    """Takes the last place, or the last real token where a padding mask is given.

    The text transformer of LiT has no padding mask: its last place is always the end token.

    Call arguments:
        features: float tensor (batch, tokens, width).
        padding_mask: bool or int tensor (batch, tokens), or `None`.

    Returns:
        Float tensor (batch, width).

    Example:

    ```python
    import numpy as np
    from keras_lit.layers import LastTokenPooling

    LastTokenPooling()(np.ones((2, 3, 4), "float32"))  # (2, 4)
    ```
    """

    def pool(self, tokens, padding_mask):
        if padding_mask is None:
            return tokens[:, -1]
        places = ops.arange(tokens.shape[1] or ops.shape(tokens)[1], dtype="int32")
        last = ops.max(ops.where(padding_mask, places, 0), axis=1)
        return ops.squeeze(ops.take_along_axis(tokens, last[:, None, None], axis=1), axis=1)


@keras.saving.register_keras_serializable(package="keras_lit")
class MeanPooling(Pooling):
    """Averages the tokens; zeros for an example that is all padding.

    Call arguments:
        features: float tensor (batch, tokens, width) or (batch, height, width, channels).
        padding_mask: bool or int tensor (batch, tokens), or `None`.

    Returns:
        Float tensor (batch, width).

    Example:

    ```python
    import numpy as np
    from keras_lit.layers import MeanPooling

    MeanPooling()(np.ones((2, 3, 4), "float32"))  # (2, 4)
    ```
    """

    def pool(self, tokens, padding_mask):
        if padding_mask is None:
            return ops.mean(tokens, axis=1)
        weights = ops.cast(padding_mask, tokens.dtype)[:, :, None]
        # `where`, not a product: padding may hold NaN or infinity.
        total = ops.sum(ops.where(padding_mask[:, :, None], tokens, 0), axis=1)
        return total / ops.maximum(ops.sum(weights, axis=1), 1)


@keras.saving.register_keras_serializable(package="keras_lit")
class MaxPooling(Pooling):
    """Takes the largest value of each channel; zeros for an example that is all padding.

    Call arguments:
        features: float tensor (batch, tokens, width) or (batch, height, width, channels).
        padding_mask: bool or int tensor (batch, tokens), or `None`.

    Returns:
        Float tensor (batch, width).

    Example:

    ```python
    import numpy as np
    from keras_lit.layers import MaxPooling

    MaxPooling()(np.ones((2, 3, 4), "float32"))  # (2, 4)
    ```
    """

    def pool(self, tokens, padding_mask):
        if padding_mask is None:
            return ops.max(tokens, axis=1)
        largest = ops.max(ops.where(padding_mask[:, :, None], tokens, float("-inf")), axis=1)
        return ops.where(ops.any(padding_mask, axis=1, keepdims=True), largest, 0)


@keras.saving.register_keras_serializable(package="keras_lit")
class AttentionPooling(Pooling):
    """A learned query attends to all tokens; an MLP with a residual follows (the MAP head).

    Neither the query has a residual connection nor the tokens a LayerNorm of their own, as in the
    original.

    Args:
        num_heads: int or `None`. Attention heads; `None`: one per 64 channels, at least one.
        mlp_dim: int or `None`. Hidden width of the MLP; `None`: four times the width.
        **kwargs: arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        features: float tensor (batch, tokens, width) or (batch, height, width, channels).
        padding_mask: bool or int tensor (batch, tokens), or `None`.

    Returns:
        Float tensor (batch, width).

    Raises:
        ValueError: the width is not a multiple of `num_heads`.

    Example:

    ```python
    import numpy as np
    from keras_lit.layers import AttentionPooling

    AttentionPooling(num_heads=2, mlp_dim=8)(np.ones((2, 3, 4), "float32"))  # (2, 4)
    ```

    Reference:
        `MAPHead` of https://github.com/google-research/big_vision; Zhai et al.,
        https://arxiv.org/abs/2106.04560.
    """

    def __init__(self, num_heads=None, mlp_dim=None, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.mlp_dim = mlp_dim

    def build(self, features_shape, padding_mask_shape=None):
        width = features_shape[-1]
        query_shape = (features_shape[0], 1, width)
        self.query = self.add_weight(
            shape=(1, 1, width), initializer="glorot_uniform", name="query"
        )
        num_heads = self.num_heads or max(1, width // 64)
        self.attention = multi_head_attention(width, num_heads, self.dtype_policy)
        self.attention.build(query_shape, (features_shape[0], None, width))
        self.mlp_norm = keras.layers.LayerNormalization(
            epsilon=LAYER_NORM_EPSILON, dtype=self.dtype_policy, name="mlp_norm"
        )
        self.mlp_norm.build(query_shape)
        self.mlp = MLPBlock(self.mlp_dim or 4 * width, dtype=self.dtype_policy, name="mlp")
        self.mlp.build(query_shape)

    def pool(self, tokens, padding_mask):
        shape = (ops.shape(tokens)[0], 1, tokens.shape[-1])
        query = ops.broadcast_to(ops.cast(self.query, tokens.dtype), shape)
        attention_mask = None if padding_mask is None else padding_mask[:, None, :]
        pooled = self.attention(query, tokens, attention_mask=attention_mask)
        return (pooled + self.mlp(self.mlp_norm(pooled)))[:, 0]

    def get_config(self):
        return {**super().get_config(), "num_heads": self.num_heads, "mlp_dim": self.mlp_dim}


@keras.saving.register_keras_serializable(package="keras_lit")
class TanhRepresentation(Pooling):
    """Pools with another layer, then a Dense layer with tanh: the `pre_logits` of older ViTs.

    Args:
        pooling: what pools before: a name or a layer, as for `get_pooling`.
        units: int or `None`. Width of the representation; `None`: the width that comes in.
        **kwargs: arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        features: float tensor (batch, tokens, width) or (batch, height, width, channels).
        padding_mask: bool or int tensor (batch, tokens), or `None`.

    Returns:
        Float tensor (batch, units) in [-1, 1].

    Example:

    ```python
    import numpy as np
    from keras_lit.layers import TanhRepresentation

    TanhRepresentation("class_token", units=5)(np.ones((2, 3, 4), "float32"))  # (2, 5)
    ```

    Reference:
        `representation_size` of https://github.com/google-research/vision_transformer.
    """

    def __init__(self, pooling, units=None, **kwargs):
        super().__init__(**kwargs)
        self.pooling = get_pooling(pooling)
        self.units = units

    def build(self, features_shape, padding_mask_shape=None):
        if not self.pooling.built:
            self.pooling.build(features_shape)
        units = self.units or features_shape[-1]
        self.dense = keras.layers.Dense(
            units, activation="tanh", dtype=self.dtype_policy, name="dense"
        )
        self.dense.build((features_shape[0], features_shape[-1]))

    def pool(self, tokens, padding_mask):
        return self.dense(self.pooling(tokens, padding_mask=padding_mask))

    def compute_output_shape(self, features_shape, padding_mask_shape=None):
        return (features_shape[0], self.units or features_shape[-1])

    def get_config(self):
        pooling = keras.saving.serialize_keras_object(self.pooling)
        return {**super().get_config(), "pooling": pooling, "units": self.units}

    @classmethod
    def from_config(cls, config):
        pooling = keras.saving.deserialize_keras_object(config["pooling"])
        return cls(**{**config, "pooling": pooling})


_POOLINGS = {
    "class_token": ClassTokenPooling,
    "last_token": LastTokenPooling,
    "mean": MeanPooling,
    "max": MaxPooling,
    "attention": AttentionPooling,
}


def get_pooling(identifier):
    """Name, layer, config or `None` -> pooling layer, or `None` for `None`.

    Args:
        identifier: `"class_token"`, `"last_token"`, `"mean"`, `"max"`, `"attention"`, a
            `keras.layers.Layer`, the serialized config of one, or `None`.

    Returns:
        A `keras.layers.Layer`, or `None`.

    Raises:
        ValueError: `identifier` is none of these.

    Example:

    ```python
    from keras_lit.layers import get_pooling

    get_pooling("mean")
    ```
    """
    if identifier is None or isinstance(identifier, keras.layers.Layer):
        return identifier
    if isinstance(identifier, dict):
        return keras.saving.deserialize_keras_object(identifier)
    if isinstance(identifier, str) and identifier in _POOLINGS:
        return _POOLINGS[identifier](name="pooling")
    raise ValueError(
        f"pooling must be one of {sorted(_POOLINGS)}, a keras.layers.Layer or None (features as "
        f"they come). Received pooling={identifier!r}."
    )
