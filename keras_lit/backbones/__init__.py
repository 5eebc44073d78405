"""Image and text backbones of the original LiT, as keras_hub backbones."""

from keras_lit.backbones.text_transformer_backbone import TextTransformerBackbone

__all__ = ["TextTransformerBackbone"]
