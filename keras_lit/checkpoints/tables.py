"""Model -> which tensor of the original belongs to which of its variables: one table per class.

A table maps the path of a variable inside its backbone to the name of the original's tensor.
"""

import dataclasses
from typing import Any

from keras_lit.backbones import (
    BertTextBackbone,
    BiTBackbone,
    HybridBackbone,
    MixerBackbone,
    ResNetBackbone,
    TextTransformerBackbone,
    ViTBackbone,
)
from keras_lit.layers import AttentionPooling, TanhRepresentation
from keras_lit.lit_model import LiTModel
from keras_lit.towers import Tower


@dataclasses.dataclass(frozen=True)
class Entry:
    """One row: a tensor of the original and the variable that it fills.

    Attributes:
        source: name of the tensor, in the original's current layout.
        variable: `keras.Variable`.
        source_shape: shape of the tensor; a plain reshape leads to the variable's.
    """

    source: str
    variable: Any
    source_shape: tuple[int, ...]


def _as_it_is(path, shape):
    return tuple(shape)


def entries_of(model):
    """Returns the table of a model.

    Args:
        model: `LiTModel`, `Tower`, or one of `keras_lit.backbones`.

    Returns:
        List of `Entry`, one per variable.

    Raises:
        ValueError: the original has no counterpart of the model or of one of its variables.
    """
    if isinstance(model, LiTModel):
        head = [Entry("t", model.head.log_temperature, (1,))]
        if model.head.logit_bias is not None:
            head.append(Entry("b", model.head.logit_bias, (1,)))
        return head + [row for prefix, tower in towers_of(model) for row in _under(prefix, tower)]
    if isinstance(model, Tower):
        rows = entries_of(model.backbone) + _pooling_entries(model.pooling)
        if model.projection is not None:
            rows += _rows(model.projection, _joined(("", "head/", _DENSE)))
        return rows
    if isinstance(model, HybridBackbone):
        return entries_of(model.resnet) + entries_of(model.vit)
    for backbone_class, (make_table, source_shape) in _BACKBONES.items():
        if isinstance(model, backbone_class):
            return _rows(model, make_table(model), source_shape)
    raise ValueError(
        "Original checkpoints fit a keras_lit.LiTModel, a keras_lit.Tower or a backbone of "
        f"keras_lit.backbones. Received {model!r}. keras_hub backbones have "
        "`from_preset` of their own."
    )


def towers_of(model):
    """Returns (prefix of the original's names, tower) for each tower of a model."""
    if isinstance(model, LiTModel):
        return [("img/", model.image_tower), ("txt/", model.text_tower)]
    return [("", model)]


def _under(prefix, tower):
    return [dataclasses.replace(row, source=prefix + row.source) for row in entries_of(tower)]


def _pooling_entries(pooling):
    if isinstance(pooling, TanhRepresentation):
        table = {"dense/kernel": "pre_logits/kernel", "dense/bias": "pre_logits/bias"}
        return _pooling_entries(pooling.pooling) + _rows(pooling.dense, table)
    if isinstance(pooling, AttentionPooling):
        return _rows(pooling, _MAP_HEAD)
    if pooling is None or not pooling.weights:
        return []
    raise ValueError(f"The original has no counterpart of the pooling layer {pooling!r}.")


def _rows(layer, table, source_shape=_as_it_is):
    """Looks each variable of `layer` up by the longest end of its path that `table` holds."""
    rows = []
    for variable in layer.weights:
        parts = variable.path.split("/")
        ends = ("/".join(parts[start:]) for start in range(len(parts)))
        source = next((table[end] for end in ends if end in table), None)
        if source is None:
            raise ValueError(
                f"The original has no tensor for the variable {variable.path!r}. Convert before "
                "enabling LoRA or quantising."
            )
        rows.append(Entry(source, variable, source_shape(variable.path, variable.shape)))
    return rows


def _joined(*tables):
    """Product of tables: ((target prefix, source prefix, table), ...) -> one table."""
    return {
        target_prefix + target: source_prefix + source
        for target_prefix, source_prefix, table in tables
        for target, source in table.items()
    }


_CONVOLUTION = {"kernel": "kernel"}
_EMBEDDING = {"embeddings": "embedding"}
_DENSE = {"kernel": "kernel", "bias": "bias"}
_NORM = {"gamma": "scale", "beta": "bias"}
_MLP = _joined(("hidden_dense/", "Dense_0/", _DENSE), ("output_dense/", "Dense_1/", _DENSE))
_ATTENTION = _joined(
    ("query/", "query/", _DENSE),
    ("key/", "key/", _DENSE),
    ("value/", "value/", _DENSE),
    ("attention_output/", "out/", _DENSE),
)
_TRANSFORMER_BLOCK = _joined(
    ("attention_norm/", "LayerNorm_0/", _NORM),
    ("attention/", "MultiHeadDotProductAttention_0/", _ATTENTION),
    ("mlp_norm/", "LayerNorm_1/", _NORM),
    ("mlp/", "MlpBlock_0/", _MLP),
)
_MAP_HEAD = _joined(
    ("", "MAPHead_0/", {"query": "probe"}),
    ("attention/", "MAPHead_0/MultiHeadDotProductAttention_0/", _ATTENTION),
    ("mlp_norm/", "MAPHead_0/LayerNorm_0/", _NORM),
    ("mlp/", "MAPHead_0/MlpBlock_0/", _MLP),
)
_MIXER_BLOCK = _joined(
    ("token_norm/", "LayerNorm_0/", _NORM),
    ("token_mlp/", "token_mixing/", _MLP),
    ("channel_norm/", "LayerNorm_1/", _NORM),
    ("channel_mlp/", "channel_mixing/", _MLP),
)
_BERT_BLOCK = _joined(
    *(
        (f"self_attention_layer/{name}/", f"attention_block/attention_layer/{name}/", _DENSE)
        for name in ("query", "key", "value")
    ),
    ("self_attention_layer/attention_output/", "attention_block/dense_layer/", _DENSE),
    ("self_attention_layer_norm/", "attention_block/layer_norm/", _NORM),
    ("feedforward_intermediate_dense/", "mlp_block/mlp/dense_layer/", _DENSE),
    ("feedforward_output_dense/", "mlp_block/dense_layer/", _DENSE),
    ("feedforward_layer_norm/", "mlp_block/layer_norm/", _NORM),
)


def _blocks(backbone, source_prefix, table):
    return [
        (f"block_{index}/", f"{source_prefix}_{index}/", table)
        for index in range(backbone.num_layers)
    ]


def _vit_table(backbone):
    return _joined(
        ("patch_embedding/projection/", "embedding/", _DENSE),
        ("", "", {"class_token/token": "cls", "positions/positions": "pos_embedding"}),
        *_blocks(backbone, "Transformer/encoderblock", _TRANSFORMER_BLOCK),
        ("encoder_norm/", "Transformer/encoder_norm/", _NORM),
    )


def _text_transformer_table(backbone):
    return _joined(
        ("token_embedding/", "Embed_0/", _EMBEDDING),
        ("", "", {"positions/positions": "pos_embedding"}),
        *_blocks(backbone, "Encoder_0/encoderblock", _TRANSFORMER_BLOCK),
        ("encoder_norm/", "Encoder_0/encoder_norm/", _NORM),
    )


def _bert_table(backbone):
    encoder = "BertEncoder_0/"
    return _joined(
        *(
            (f"{name}_embedding/", f"{encoder}embedder/embedders_{name}_ids/", _EMBEDDING)
            for name in ("token", "position", "segment")
        ),
        ("embeddings_norm/", f"{encoder}layer_norm/", _NORM),
        *_blocks(backbone, f"{encoder}encoder_block/layer_sequence/layers", _BERT_BLOCK),
    )


def _mixer_table(backbone):
    return _joined(
        ("patch_embedding/projection/", "stem/", _DENSE),
        *_blocks(backbone, "MixerBlock", _MIXER_BLOCK),
        ("encoder_norm/", "pre_head_layer_norm/", _NORM),
    )


def _residual_units(backbone, unit_name):
    unit = {
        "conv_1/": ("conv1/", _CONVOLUTION),
        "conv_2/": ("conv2/", _CONVOLUTION),
        "conv_3/": ("conv3/", _CONVOLUTION),
        "projection/": ("conv_proj/", _CONVOLUTION),
        "norm_1/": ("gn1/", _NORM),
        "norm_2/": ("gn2/", _NORM),
        "norm_3/": ("gn3/", _NORM),
        "projection_norm/": ("gn_proj/", _NORM),
    }
    return [
        (
            f"stage_{stage}_unit_{index}_{target}",
            f"block{stage + 1}/{unit_name.format(index + 1)}/{source}",
            table,
        )
        for stage, depth in enumerate(backbone.stage_depths)
        for index in range(depth)
        for target, (source, table) in unit.items()
    ]


def _bit_table(backbone):
    return _joined(
        ("root_conv/", "root_block/conv_root/", _CONVOLUTION),
        *_residual_units(backbone, "unit{:02d}"),
        ("encoder_norm/", "norm-pre-head/", _NORM),
    )


def _resnet_table(backbone):
    return _joined(
        ("root_conv/", "conv_root/", _CONVOLUTION),
        ("root_norm/", "gn_root/", _NORM),
        *_residual_units(backbone, "unit{}"),
    )


def _bert_source_shape(path, shape):
    """The original stores the heads of one product side by side, as one matrix or vector."""
    if "/self_attention_layer/" not in f"/{path}" or len(shape) == 1:
        return tuple(shape)
    width = shape[0] * shape[1] if len(shape) == 2 else max(shape[0], shape[2])
    return (width,) * (len(shape) - 1)


def _bit_source_shape(path, shape):
    return (1, 1, 1, *shape) if len(shape) == 1 else tuple(shape)


_BACKBONES = {
    ViTBackbone: (_vit_table, _as_it_is),
    TextTransformerBackbone: (_text_transformer_table, _as_it_is),
    BertTextBackbone: (_bert_table, _bert_source_shape),
    MixerBackbone: (_mixer_table, _as_it_is),
    BiTBackbone: (_bit_table, _bit_source_shape),
    ResNetBackbone: (_resnet_table, _as_it_is),
}
