"""Pieces of each text, of any number -> token ids and padding mask (batch, sequence_length)."""

import functools

import keras
import keras_hub
import tensorflow as tf
from keras_hub.src.utils.tensor_utils import preprocessing_function


def as_string_tensor(texts):
    """Returns a string, list, array or tensor of strings as a `tf.string` tensor of its shape.

    Raises:
        TypeError: if `texts` holds anything but strings.
    """
    try:
        # Not `tf.constant`, which refuses the symbolic tensors of tf.data.
        return tf.convert_to_tensor(texts, dtype=tf.string)
    except (TypeError, ValueError) as error:
        raise TypeError(
            "texts must be a string, a list of strings or a string tensor. Received: "
            f"{_describe(texts)}. Token ids need no tokenizer: give them as `token_ids`."
        ) from error


def pack(pieces, sequence_length, start_id=None, end_id=None, pad_id=0):
    """Adds the special ids around each row of pieces and makes all rows one length.

    Args:
        pieces: ragged tensor or list of lists of ids, `(batch, any number)`.
        sequence_length: int. Length of every row; pieces that do not fit are dropped.
        start_id: int or `None`. Put before the first piece.
        end_id: int or `None`. Put after the last piece that fits.
        pad_id: int. Fills the rest.

    Returns:
        `(token_ids, padding_mask)`, each `(batch, sequence_length)`; the mask is `True` where a
        position holds a piece, the start or the end.
    """
    return _packer(sequence_length, start_id, end_id, pad_id)(pieces)


@functools.cache
def _packer(sequence_length, start_id, end_id, pad_id):
    # Made when the ids are known: a tokenizer that is being loaded has no vocabulary yet.
    return keras_hub.layers.StartEndPacker(
        sequence_length=sequence_length,
        start_value=start_id,
        end_value=end_id,
        pad_value=pad_id,
        return_padding_mask=True,
    )


class FixedLengthTokenizer:
    """Texts -> token ids of one fixed length, for a batch in one op of `tensorflow_text`.

    Mixed into a `keras_hub` tokenizer. A subclass says how texts become pieces
    (`texts_to_pieces`) and which special ids surround them (`start_token_id`, `end_token_id`,
    `pad_token_id`).
    """

    start_token_id = None
    end_token_id = None
    pad_token_id = 0

    def texts_to_pieces(self, texts):
        """Returns the ids of the pieces, ragged `(batch, any number)`, of `texts` `(batch,)`."""
        raise NotImplementedError

    def tokenize(self, inputs):
        """Turns texts into token ids.

        Args:
            inputs: string, list of strings or string tensor of any shape `(...)`.

        Returns:
            int32 `(..., sequence_length)`. Where `sequence_length` is `None`: the ids of the
            pieces alone, ragged.
        """
        if self.sequence_length is None:
            return self._ragged_pieces(as_string_tensor(inputs))
        return self.tokenize_and_pad(inputs)["token_ids"]

    def tokenize_and_pad(self, inputs):
        """Turns texts into token ids and the mask that tells them from padding.

        Args:
            inputs: string, list of strings or string tensor of any shape `(...)`.

        Returns:
            `{"token_ids": int32, "padding_mask": bool}`, both `(..., sequence_length)`.

        Raises:
            ValueError: if the tokenizer has no vocabulary or no `sequence_length`.
        """
        if self.sequence_length is None:
            raise ValueError(
                f"{type(self).__name__} has sequence_length=None, so it cannot pad. Construct it "
                "with the length that the text tower expects (16 in the published models)."
            )
        return self._tokenize_and_pad(as_string_tensor(inputs))

    @preprocessing_function
    def _tokenize_and_pad(self, texts):
        self._check_vocabulary()
        token_ids, padding_mask = pack(
            self.texts_to_pieces(tf.reshape(texts, [-1])),
            self.sequence_length,
            self.start_token_id,
            self.end_token_id,
            self.pad_token_id,
        )
        return {
            "token_ids": _reshape_rows(token_ids, texts),
            "padding_mask": _reshape_rows(padding_mask, texts),
        }

    @preprocessing_function
    def _ragged_pieces(self, texts):
        self._check_vocabulary()
        pieces = self.texts_to_pieces(tf.reshape(texts, [-1]))
        return pieces[0] if texts.shape.rank == 0 else pieces


def _reshape_rows(rows, texts):
    """`(number of texts, length)` -> `(*shape of texts, length)`, static shape included."""
    length = rows.shape[-1]
    reshaped = tf.reshape(rows, tf.concat([tf.shape(texts), [length]], axis=0))
    return tf.ensure_shape(reshaped, texts.shape + [length])


def _describe(texts):
    dtype = getattr(texts, "dtype", None)
    if dtype is not None:
        return f"an array of {keras.backend.standardize_dtype(dtype)}"
    return f"{type(texts).__name__} {str(texts)[:80]}"
