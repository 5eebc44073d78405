"""Texts (batch,) -> WordPiece token ids (batch, sequence_length): [CLS], pieces, zeros."""

import os

import keras
import keras_hub

from keras_lit.preprocessing.packing import FixedLengthTokenizer
from keras_lit.preprocessing.vocabulary_files import read_vocabulary_file
from keras_lit.preprocessing.words import split_words

START_TOKEN = "[CLS]"
UNKNOWN_TOKEN = "[UNK]"


@keras.saving.register_keras_serializable(package="keras_lit")
class WordPieceTokenizer(FixedLengthTokenizer, keras_hub.tokenizers.WordPieceTokenizer):
    """Tokenizer of the LiT models with a BERT text tower (uncased).

    A row is `[CLS]`, then the first `sequence_length - 1` pieces, then zeros. Unlike
    `keras_hub.tokenizers.BertTokenizer` there is no `[SEP]`, special tokens written in a text
    (`"[MASK]"`) are ordinary text, and compatibility characters are folded as in the original
    ("ﬁ" is "fi", "ß" is "ss", "…" is three dots). A word longer than 100 bytes, or with a part
    that the vocabulary lacks, is one `[UNK]`.

    Args:
        vocabulary: list of tokens, or path of a file with one token per line. The line number
            is the id. A vocabulary without `[UNK]` gets it appended, so that unknown words have
            the id that follows the last line, as in the original.
        sequence_length: int. Length of every row. `None`: ragged pieces without `[CLS]`.

    Call arguments:
        inputs: string, list of strings or `tf.string` tensor of any shape `(...)`. One call with
            a batch is 10 to 50 times faster than a call per text.

    Returns:
        Token ids, int32 `(..., sequence_length)`; `tokenize_and_pad` returns the padding mask
        with them.

    Raises:
        ValueError: if the vocabulary is empty, lacks `[CLS]`, or holds a token twice.

    Example:

    ```python
    import keras_lit

    tokenizer = keras_lit.preprocessing.WordPieceTokenizer(
        ["[PAD]", "[UNK]", "[CLS]", "a", "dog", "##s"], sequence_length=6
    )
    tokenizer(["A dog", "two dogs"])  # [[2, 3, 4, 0, 0, 0], [2, 1, 4, 5, 0, 0]]
    ```

    Reference:
        `BertTokenizer` in vision_transformer/vit_jax/preprocess.py and `bert_tokenize` in
        big_vision/pp/ops_text.py.
    """

    def __init__(self, vocabulary=None, sequence_length=16, dtype="int32", **kwargs):
        self._add_special_token(START_TOKEN, "start_token")
        super().__init__(
            vocabulary=vocabulary,
            sequence_length=sequence_length,
            lowercase=True,
            strip_accents=True,
            oov_token=UNKNOWN_TOKEN,
            dtype=dtype,
            **kwargs,
        )

    def set_vocabulary(self, vocabulary):
        """Sets the vocabulary: a list of tokens, or the path of a file with one per line."""
        if vocabulary is not None:
            vocabulary = _checked(_read(vocabulary))
        super().set_vocabulary(vocabulary)
        self.forget_graph()

    def texts_to_pieces(self, texts):
        return self._fast_word_piece.tokenize(split_words(texts)).merge_dims(-2, -1)

    def get_config(self):
        config = super().get_config()
        fixed = ("lowercase", "strip_accents", "split", "suffix_indicator", "oov_token")
        for name in (*fixed, "special_tokens", "special_tokens_in_strings"):
            del config[name]
        return config


def _read(vocabulary):
    if not isinstance(vocabulary, (str, os.PathLike)):
        return list(vocabulary)
    # Lines end at "\n" alone: a token may be another of Unicode's line separators.
    lines = [line.rstrip("\r") for line in read_vocabulary_file(vocabulary).decode().split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _checked(tokens):
    if not tokens:
        raise ValueError(
            "vocabulary is empty. Expected one token per line (or list entry), among them "
            f"{START_TOKEN!r}; `vocabulary_from_captions` makes one."
        )
    if START_TOKEN not in tokens:
        raise ValueError(
            f"vocabulary has {len(tokens)} entries but lacks {START_TOKEN!r}, with which every "
            f"row of ids starts. It begins with {tokens[:3]}. Is it a BERT vocabulary (vocab.txt)?"
        )
    if "" in tokens:
        raise ValueError(f"vocabulary has an empty entry at index {tokens.index('')}.")
    first_index = {}
    for index, token in enumerate(tokens):
        if token in first_index:
            raise ValueError(
                f"vocabulary holds {token!r} twice, at index {first_index[token]} and {index}. "
                "Each token needs one id."
            )
        first_index[token] = index
    return tokens if UNKNOWN_TOKEN in first_index else [*tokens, UNKNOWN_TOKEN]
