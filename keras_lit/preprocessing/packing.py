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


def tokenize_and_pack(texts, texts_to_pieces, sequence_length, start_id, end_id, pad_id):
    """Turns texts of any shape into rows of one length, with the special ids around the pieces.

    Args:
        texts: `tf.string` tensor `(...)`.
        texts_to_pieces: callable, `tf.string` `(batch,)` -> ids, ragged `(batch, any number)`, as
            a tensor or as a list of lists.
        sequence_length: int. Length of every row; pieces that do not fit are dropped.
        start_id: int or `None`. Put before the first piece.
        end_id: int or `None`. Put after the last piece that fits.
        pad_id: int. Fills the rest.

    Returns:
        `{"token_ids": int32, "padding_mask": bool}`, both `(..., sequence_length)`; the mask is
        `True` where a position holds a piece, the start or the end.
    """
    pieces = texts_to_pieces(tf.reshape(texts, [-1]))
    if isinstance(pieces, list):
        pieces = tf.ragged.constant(pieces, dtype=tf.int32, ragged_rank=1)
    rows, mask = _packer(sequence_length, start_id, end_id, pad_id)(pieces)
    return {
        "token_ids": _restore_shape(tf.cast(rows, tf.int32), texts, sequence_length),
        "padding_mask": _restore_shape(mask, texts, sequence_length),
    }


def _restore_shape(rows, texts, sequence_length):
    rows = tf.reshape(rows, tf.concat([tf.shape(texts), [sequence_length]], axis=0))
    return tf.ensure_shape(rows, texts.shape + [sequence_length])


@functools.cache
def _packer(sequence_length, start_id, end_id, pad_id):
    # Made when the ids are known: a tokenizer that is being loaded has no vocabulary yet.
    return keras_hub.layers.StartEndPacker(
        sequence_length=sequence_length,
        start_value=start_id,
        end_value=end_id,
        pad_value=pad_id,
        return_padding_mask=True,
        _allow_python_workflow=False,  # outside tf.data it would go through Python lists
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
    _graph = None

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

    def forget_graph(self):
        """Drops what was traced with an older vocabulary."""
        self._graph = None

    @preprocessing_function
    def _tokenize_and_pad(self, texts):
        self._check_vocabulary()
        # Traced once, whatever calls it: ragged tensors are slow outside a graph, 10 ms per call
        # for one text or a thousand, and slow to trace in every tf.data pipeline.
        if self._graph is None:
            self._graph = tf.function(
                self._tokenize_and_pack, autograph=False, reduce_retracing=True
            )
        rows = self._graph(tf.reshape(texts, [-1]), self.sequence_length)
        return {
            name: _restore_shape(value, texts, self.sequence_length) for name, value in rows.items()
        }

    def _tokenize_and_pack(self, texts, sequence_length):
        return tokenize_and_pack(
            texts,
            self.texts_to_pieces,
            sequence_length,
            self.start_token_id,
            self.end_token_id,
            self.pad_token_id,
        )

    @preprocessing_function
    def _ragged_pieces(self, texts):
        self._check_vocabulary()
        pieces = self.texts_to_pieces(tf.reshape(texts, [-1]))
        return pieces[0] if texts.shape.rank == 0 else pieces


def _describe(texts):
    dtype = getattr(texts, "dtype", None)
    if dtype is not None:
        return f"an array of {keras.backend.standardize_dtype(dtype)}"
    return f"{type(texts).__name__} {str(texts)[:80]}"
