"""Blocks that the towers are built from: patches, positions, transformer block, pooling, head."""

from keras_lit.layers.mixer_block import MixerBlock
from keras_lit.layers.mlp_block import MLPBlock
from keras_lit.layers.patch_embedding import PatchEmbedding
from keras_lit.layers.pooling import (
    AttentionPooling,
    ClassTokenPooling,
    LastTokenPooling,
    MaxPooling,
    MeanPooling,
    TanhRepresentation,
    get_pooling,
)
from keras_lit.layers.position_embedding import (
    ClassToken,
    LearnedPositions,
    SinCosPositions,
    resample_positions,
)
from keras_lit.layers.self_attention import SelfAttention
from keras_lit.layers.similarity_head import SimilarityHead
from keras_lit.layers.standardized_conv import BiTConv2D, ResNetConv2D
from keras_lit.layers.transformer_block import TransformerBlock

__all__ = [
    "AttentionPooling",
    "BiTConv2D",
    "ClassToken",
    "ClassTokenPooling",
    "LastTokenPooling",
    "LearnedPositions",
    "MLPBlock",
    "MaxPooling",
    "MeanPooling",
    "MixerBlock",
    "PatchEmbedding",
    "ResNetConv2D",
    "SelfAttention",
    "SimilarityHead",
    "SinCosPositions",
    "TanhRepresentation",
    "TransformerBlock",
    "get_pooling",
    "resample_positions",
]
