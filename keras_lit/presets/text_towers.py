"""Name of a size or of a pretrained text model -> a text tower and its tokenizer."""

import os

import keras_hub

from keras_lit.backbones import EncoderBackbone, TextTransformerBackbone
from keras_lit.backbones.sizes import TRANSFORMER_SIZES
from keras_lit.checkpoints.hugging_face_t5 import is_hugging_face_t5, load_t5_encoder
from keras_lit.preprocessing import SentencePieceTokenizer, WordPieceTokenizer
from keras_lit.towers import Tower

SIZES = ("Ti", "S", "B", "L")
# Of T5 the original has no tower; its encoder has no token that stands for the whole text.
POOLINGS = {
    keras_hub.models.BertBackbone: "class_token",
    keras_hub.models.RobertaBackbone: "class_token",  # XLM-R is one
    keras_hub.models.T5Backbone: "mean",
    EncoderBackbone: "mean",
}


def text_tower(name, projection_dim=None, vocabulary=None, sequence_length=16, load_weights=True):
    """Builds a text tower, from scratch or pretrained, and its tokenizer.

    Texts have 16 tokens in the paper, whatever the tower. From scratch, it is the original's text
    transformer, read at the last token with a SentencePiece vocabulary as there, or at `[CLS]` with
    a WordPiece vocabulary. BERT is read at `[CLS]` and gets no `[SEP]`, as in the original;
    RoBERTa and XLM-R are read at `<s>`; of T5 and mT5 the encoder's tokens are averaged.

    Args:
        name: `"Ti"`, `"S"`, `"B"` or `"L"` for a new tower of that size; or a keras-hub preset of
            BERT, RoBERTa, XLM-R or T5, such as `"bert_base_en_uncased"`, `"t5_1.1_base"` or, for
            captions in many languages, `"xlm_roberta_base_multi"`; or a folder or `hf://` handle
            of one of these or of mT5, as safetensors.
        projection_dim: Integer, length of the embeddings: the image tower's `embedding_dim`.
            `None`: the text model's own width.
        vocabulary: For a new tower: list of WordPiece tokens, as of `vocabulary_from_captions`, the
            path of a file of them, or of a SentencePiece `.model`.
        sequence_length: Integer, tokens per text.
        load_weights: Boolean. `False` leaves the weights of a preset at random. Random weights
            go with the letter `u` of a `LiTModel` alone.

    Returns:
        Tuple of a `Tower` and a tokenizer, for `LiTModel(..., text_tower=tower, preprocessor=
        LiTPreprocessor(image_converter, tokenizer))`.

    Raises:
        ValueError: If the name is unknown, or the vocabulary is missing or given for nothing.

    Example:

    ```python
    import keras_lit

    vocabulary = keras_lit.preprocessing.vocabulary_from_captions(["a dog", "ein Hund"])
    tower, tokenizer = keras_lit.presets.text_tower("Ti", projection_dim=8, vocabulary=vocabulary)
    ```

    Reference:
        - [LiT, section 5.5 and appendix](https://arxiv.org/abs/2111.07991)
    """
    if name in SIZES:
        if vocabulary is None:
            raise ValueError(
                f"A tower of size {name!r} starts from scratch and needs a `vocabulary`. Learn one "
                "of your captions: `keras-lit vocabulary DATA --output=vocabulary.txt`."
            )
        tower, tokenizer = _new_tower(name, projection_dim, vocabulary, sequence_length)
    elif vocabulary is not None:
        raise ValueError(f"{name!r} brings its own vocabulary. Leave `vocabulary` out.")
    else:
        tower, tokenizer = _pretrained_tower(name, projection_dim, sequence_length, load_weights)
    if name in SIZES or not load_weights:
        tower.mark_random()
    return tower, tokenizer


def _new_tower(size, projection_dim, vocabulary, sequence_length):
    is_sentence_piece = isinstance(vocabulary, str | os.PathLike) and str(vocabulary).endswith(
        ".model"
    )
    tokenizer_class = SentencePieceTokenizer if is_sentence_piece else WordPieceTokenizer
    tokenizer = tokenizer_class(vocabulary, sequence_length=sequence_length)
    backbone = TextTransformerBackbone(
        tokenizer.vocabulary_size(), sequence_length, **TRANSFORMER_SIZES[size]
    )
    pooling = "last_token" if is_sentence_piece else "class_token"
    return Tower(backbone, pooling, projection_dim, name="text_tower"), tokenizer


def _pretrained_tower(preset, projection_dim, sequence_length, load_weights):
    try:
        if is_hugging_face_t5(preset):
            backbone, tokenizer = load_t5_encoder(preset, load_weights)
        else:
            backbone = keras_hub.models.Backbone.from_preset(preset, load_weights=load_weights)
            tokenizer = keras_hub.tokenizers.Tokenizer.from_preset(preset)
    except (ValueError, OSError, KeyError) as error:
        raise ValueError(
            f"{preset!r} is none of the sizes {SIZES}, and cannot be loaded: {error}"
        ) from error
    pooling = next((p for kind, p in POOLINGS.items() if isinstance(backbone, kind)), None)
    if pooling is None:
        raise ValueError(
            f"{preset!r} is a {type(backbone).__name__}. Known are "
            f"{[kind.__name__ for kind in POOLINGS]}; wrap another one yourself: "
            "`keras_lit.Tower(backbone, pooling=...)`."
        )
    if isinstance(tokenizer, keras_hub.models.BertTokenizer) and tokenizer.lowercase:
        tokenizer = WordPieceTokenizer(tokenizer.get_vocabulary(), sequence_length)
    return Tower(backbone, pooling, projection_dim, name="text_tower"), tokenizer
