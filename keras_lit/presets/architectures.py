"""Preset -> its model, with new weights and, given a vocabulary file, its tokenizer."""

from keras_lit.backbones import (
    BertTextBackbone,
    BiTBackbone,
    MixerBackbone,
    TextTransformerBackbone,
    ViTBackbone,
    hybrid,
)
from keras_lit.backbones.sizes import TRANSFORMER_SIZES
from keras_lit.layers import AttentionPooling, SimilarityHead
from keras_lit.lit_model import LiTModel
from keras_lit.preprocessing import (
    ImageConverter,
    LiTPreprocessor,
    SentencePieceTokenizer,
    WordPieceTokenizer,
)
from keras_lit.towers import Tower


def build_model(preset, vocabulary_path=None):
    """Builds the model of a preset.

    Args:
        preset: `Preset`.
        vocabulary_path: path of its vocabulary file. `None`: the preprocessor has no tokenizer.

    Returns:
        `LiTModel`, or `Tower` for a single image tower.

    Raises:
        ValueError: the vocabulary is of another model.
    """
    image_tower = _image_tower(preset.image_tower)
    if preset.text_tower is None:
        return image_tower
    tokenizer = None
    if vocabulary_path is not None:
        tokenizer = build_tokenizer(preset, vocabulary_path)
    text = preset.text_tower
    text_backbone, pooling = TEXT_BACKBONES[text.family](text)
    return LiTModel(
        image_tower=image_tower,
        text_tower=Tower(
            text_backbone, pooling, projection_dim=text.projection_dim, name="text_tower"
        ),
        preprocessor=LiTPreprocessor(
            ImageConverter(image_size=preset.image_tower.resolution),
            tokenizer,
            sequence_length=None if tokenizer else text.max_length,
        ),
        head=SimilarityHead(bias=-10.0 if preset.has_bias else None),
    )


def build_tokenizer(preset, vocabulary_path):
    """Builds the tokenizer of a preset from its vocabulary file.

    Raises:
        ValueError: the file is no vocabulary, or does not have one entry per token embedding.
    """
    options = dict(preset.vocabulary.options)
    classes = {"txt": WordPieceTokenizer, "model": SentencePieceTokenizer}
    tokenizer_class = classes[preset.vocabulary.file.name.rpartition(".")[2]]
    length = preset.text_tower.max_length
    try:
        tokenizer = tokenizer_class(str(vocabulary_path), sequence_length=length, **options)
    except (ValueError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{str(vocabulary_path)!r} is not the vocabulary of {preset.name}: {error}"
        ) from error
    size = tokenizer.vocabulary_size()
    expected = preset.text_tower.vocabulary_size
    if size not in (expected, expected + preset.vocabulary.num_unused):
        raise ValueError(
            f"{str(vocabulary_path)!r} has {size:,} entries, but {preset.name} has "
            f"{expected:,} token embeddings: it is the vocabulary of another model. The right one "
            f"is {preset.vocabulary.file.url}"
        )
    return tokenizer


def _image_tower(spec):
    backbone = IMAGE_BACKBONES[spec.family](spec)
    pooling = spec.pooling
    if pooling == "attention":
        pooling = AttentionPooling(
            num_heads=backbone.num_heads, mlp_dim=backbone.mlp_dim, name="pooling"
        )
    return Tower(backbone, pooling, projection_dim=spec.projection_dim, name="image_tower")


def _image_shape(spec):
    return (spec.resolution, spec.resolution, 3)


def _vit(spec):
    token = spec.pooling == "class_token"
    return ViTBackbone.from_variant(
        spec.variant,
        image_shape=_image_shape(spec),
        embeddings=("class_token", "learned") if token else ("learned",),
    )


def _bert(spec):
    size = TRANSFORMER_SIZES[{"base": "B", "large": "L"}[spec.variant]]
    backbone = BertTextBackbone(spec.vocabulary_size, **size)
    return backbone, "class_token"


def _text_transformer(spec):
    backbone = TextTransformerBackbone(
        spec.vocabulary_size, max_length=spec.max_length, **TRANSFORMER_SIZES[spec.variant]
    )
    return backbone, "last_token"


IMAGE_BACKBONES = {
    "ViT": _vit,
    "hybrid": lambda spec: hybrid(spec.variant, image_shape=_image_shape(spec)),
    "MLP-Mixer": lambda spec: MixerBackbone.from_variant(
        spec.variant, image_shape=_image_shape(spec)
    ),
    "BiT": lambda spec: BiTBackbone.from_variant(spec.variant, image_shape=_image_shape(spec)),
}
TEXT_BACKBONES = {"BERT": _bert, "text transformer": _text_transformer}
