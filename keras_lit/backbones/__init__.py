"""Image and text backbones of the original LiT, as keras_hub backbones."""

from keras_lit.backbones.bert_text_backbone import BertTextBackbone
from keras_lit.backbones.bit_backbone import BiTBackbone
from keras_lit.backbones.encoder_backbone import EncoderBackbone
from keras_lit.backbones.hybrid_backbone import HybridBackbone, hybrid
from keras_lit.backbones.mixer_backbone import MixerBackbone
from keras_lit.backbones.resnet_backbone import ResNetBackbone
from keras_lit.backbones.text_transformer_backbone import TextTransformerBackbone
from keras_lit.backbones.vit_backbone import ViTBackbone

__all__ = [
    "BertTextBackbone",
    "BiTBackbone",
    "EncoderBackbone",
    "HybridBackbone",
    "MixerBackbone",
    "ResNetBackbone",
    "TextTransformerBackbone",
    "ViTBackbone",
    "hybrid",
]
