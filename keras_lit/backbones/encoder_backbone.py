"""Token ids (batch, tokens) -> features (batch, tokens, width): the encoder of T5 or BART."""

import keras

from keras_lit.backbones.backbone import Backbone, with_dtype

_INPUTS = ("token_ids", "padding_mask")


@keras.saving.register_keras_serializable(package="keras_lit")
class EncoderBackbone(Backbone):
    """The encoder of a sequence-to-sequence backbone; the decoder is left out.

    `keras_lit.Tower` puts one around `keras_hub.models.T5Backbone` by itself.

    Args:
        backbone: keras-hub backbone with the inputs `encoder_token_ids` and
            `encoder_padding_mask` and the output `encoder_sequence_output`.
        dtype: dtype policy that the backbone was made with; kept for the config.
        **kwargs: arguments of `keras.Model`, such as `name`.

    Call arguments:
        inputs: dict of `token_ids` and `padding_mask`, int (batch, tokens).

    Returns:
        Float tensor (batch, tokens, width).

    Reference:
        Raffel et al., T5, https://arxiv.org/abs/1910.10683.
    """

    def __init__(self, backbone, dtype=None, **kwargs):
        inner = {f"encoder_{name}": backbone.input[f"encoder_{name}"] for name in _INPUTS}
        encoder = keras.Model(inner, backbone.output["encoder_sequence_output"], name="encoder")
        inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in _INPUTS}
        features = encoder({f"encoder_{name}": inputs[name] for name in _INPUTS})
        dtype = backbone.dtype_policy if dtype is None else dtype
        super().__init__(inputs=inputs, outputs=features, dtype=dtype, **kwargs)
        self.token_embedding = backbone.token_embedding
        # Its config alone: the backbone itself would bring its decoder's weights along.
        self._backbone_config = keras.saving.serialize_keras_object(backbone)

    def get_config(self):
        config = super().get_config()
        return {**config, "backbone": with_dtype(self._backbone_config, config["dtype"])}

    @classmethod
    def from_config(cls, config):
        backbone = with_dtype(config["backbone"], config.get("dtype"))
        backbone = keras.saving.deserialize_keras_object(backbone)
        return super().from_config({**config, "backbone": backbone})
