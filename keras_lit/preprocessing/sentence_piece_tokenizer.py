"""Texts (batch,) -> SentencePiece token ids (batch, sequence_length): pieces, end, padding."""

import os

import keras
import keras_hub
import tensorflow as tf

from keras_lit.preprocessing.packing import FixedLengthTokenizer
from keras_lit.preprocessing.vocabulary_files import read_vocabulary_file

_END_OF_TEXT = ("sticky", "cut", "none")


@keras.saving.register_keras_serializable(package="keras_lit")
class SentencePieceTokenizer(FixedLengthTokenizer, keras_hub.tokenizers.SentencePieceTokenizer):
    """Tokenizer of the LiT models with a text transformer, and of SigLIP.

    A row is the first `sequence_length - 1` pieces, then `</s>`, then padding. The defaults are
    those of the LiT release: case is kept and padding is more `</s>`, so the last position
    always holds it. big_vision and SigLIP lower the case and pad with 1:
    `SentencePieceTokenizer(proto, sequence_length=64, lowercase=True, pad_token_id=1)`.

    Args:
        proto: path of a SentencePiece model, or its bytes.
        sequence_length: int. Length of every row. `None`: ragged pieces.
        end_of_text: `"sticky"`: `</s>` follows the last piece that fits; `"cut"`: it follows the
            last piece, and is lost where the text is too long; `"none"`: there is none.
        pad_token_id: int. Fills the rest of a row. `None`: the id of `</s>`.
        lowercase: bool. Whether `A` to `Z` are lowered first (other alphabets are not, as in
            the original).
        end_piece: string. The piece that ends a text; `"<eos>"` in Gemma's model, which SigLIP 2
            uses.

    Call arguments:
        inputs: string, list of strings or `tf.string` tensor of any shape `(...)`.

    Returns:
        Token ids, int32 `(..., sequence_length)`; `tokenize_and_pad` returns the padding mask
        with them, `True` up to and including the first `</s>`.

    Raises:
        ValueError: if `proto` is no SentencePiece model or has no `end_piece`, or if
            `end_of_text` is unknown.

    Reference:
        `SentencepieceTokenizer` in vision_transformer/vit_jax/preprocess.py; `tokenize` in
        big_vision/pp/ops_text.py, whose `eos` is `end_of_text` ("cut" is its "yes").
    """

    def __init__(
        self,
        proto=None,
        sequence_length=16,
        end_of_text="sticky",
        pad_token_id=None,
        lowercase=False,
        end_piece="</s>",
        dtype="int32",
        **kwargs,
    ):
        if end_of_text not in _END_OF_TEXT:
            raise ValueError(
                f"end_of_text must be one of {_END_OF_TEXT}. Received: {end_of_text!r}."
            )
        self.end_of_text = end_of_text
        self.lowercase = lowercase
        self.end_piece = end_piece
        self._pad_token_id = pad_token_id
        self._add_special_token(end_piece, "end_of_text_token")
        super().__init__(
            proto=proto,
            sequence_length=sequence_length,
            add_eos=end_of_text == "cut",
            dtype=dtype,
            **kwargs,
        )

    @property
    def end_token_id(self):
        return self.end_of_text_token_id if self.end_of_text == "sticky" else None

    @property
    def pad_token_id(self):
        return self.end_of_text_token_id if self._pad_token_id is None else self._pad_token_id

    def set_proto(self, proto):
        """Sets the SentencePiece model: the path of its file, or its bytes."""
        source = f"{len(proto)} bytes" if isinstance(proto, bytes) else repr(proto)
        if isinstance(proto, os.PathLike) or (isinstance(proto, str) and os.path.isfile(proto)):
            proto = read_vocabulary_file(proto)  # keras-hub leaves the file open
        try:
            super().set_proto(proto)
        except (RuntimeError, tf.errors.OpError) as error:
            raise ValueError(
                f"proto is not a SentencePiece model. Received: {source}. Expected a `.model` "
                "file, such as the one published beside the weights."
            ) from error
        self.forget_graph()

    def texts_to_pieces(self, texts):
        if self.lowercase:
            texts = tf.strings.lower(texts)
        return self._sentence_piece.tokenize(texts)

    def get_config(self):
        config = super().get_config()
        del config["add_bos"], config["add_eos"]
        config.update(
            end_of_text=self.end_of_text,
            pad_token_id=self._pad_token_id,
            lowercase=self.lowercase,
            end_piece=self.end_piece,
        )
        return config
