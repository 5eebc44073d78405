"""{"images", "captions"} as people have them -> {"images", "token_ids", "padding_mask"}."""

import collections.abc

import keras
import keras_hub
import tensorflow as tf
from keras_hub.src.utils.tensor_utils import preprocessing_function

from keras_lit.preprocessing.packing import (
    FixedLengthTokenizer,
    as_string_tensor,
    tokenize_and_pack,
)
from keras_lit.preprocessing.pictures import decode_picture, read_images

_DEFAULT_SEQUENCE_LENGTH = 16
_READY_MADE = ("token_ids", "image_embeddings", "text_embeddings")


@keras.saving.register_keras_serializable(package="keras_lit")
class LiTPreprocessor(keras_hub.models.Preprocessor):
    """Turns pictures and captions into the inputs of a `LiTModel`.

    Works on one example or a batch, eagerly or in `dataset.map`, on every backend. Map it after
    `batch`: a batch of captions is tokenised in one op.

    Args:
        image_converter: `keras_lit.preprocessing.ImageConverter` or another
            `keras_hub.layers.ImageConverter`. `None`: float pictures pass unchanged.
        tokenizer: a tokenizer of `keras_lit.preprocessing`, or any of `keras_hub`, whose pieces
            get its start and end tokens. `None`: token ids pass unchanged.
        sequence_length: int. Length of a row of token ids. `None`: the tokenizer's own, or 16,
            the paper's.

    Call arguments:
        inputs: dict with `"images"` (uint8 `(batch, height, width, 3)`; one picture; a list of
            pictures and paths of any sizes) or `"captions"` (string, list or string tensor
            `(batch,)`) or both. Other entries (`"image_embeddings"`, `"labels"`) pass unchanged.

    Returns:
        Dict of `"images"`, float `(batch, *image_size, 3)`; `"token_ids"`, int32
        `(batch, sequence_length)`; `"padding_mask"`, bool, `True` where a token is no padding.

    Raises:
        ValueError: if no entry is known, or one needs a converter or tokenizer that is `None`.

    Example:

    ```python
    import numpy as np
    import keras_lit

    preprocessor = keras_lit.LiTPreprocessor(
        keras_lit.preprocessing.ImageConverter(image_size=8),
        keras_lit.preprocessing.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "a", "dog"]),
    )
    preprocessor({"images": np.zeros((1, 9, 9, 3), "uint8"), "captions": ["a dog"]})
    ```
    """

    def __init__(self, image_converter=None, tokenizer=None, sequence_length=None, **kwargs):
        super().__init__(**kwargs)
        own_length = getattr(tokenizer, "sequence_length", None)
        if own_length and sequence_length and own_length != sequence_length:
            raise ValueError(
                f"sequence_length={sequence_length}, but the tokenizer makes rows of {own_length}."
                " Give the length to the tokenizer alone."
            )
        self.image_converter = image_converter
        self.tokenizer = tokenizer
        self._sequence_length = sequence_length
        # Nothing here has weights to build. Keras on JAX reads one batch ahead of training if it
        # finds an unbuilt layer, which would give it another order of batches than TensorFlow.
        for layer in self._flatten_layers():
            layer.built = True

    @property
    def sequence_length(self):
        """Length of a row of token ids, int."""
        own_length = getattr(self.tokenizer, "sequence_length", None)
        return self._sequence_length or own_length or _DEFAULT_SEQUENCE_LENGTH

    def call(self, inputs):
        if not isinstance(inputs, collections.abc.Mapping):
            raise ValueError(
                'inputs must be a dict such as {"images": ..., "captions": ...}. Received: '
                f"{type(inputs).__name__}."
            )
        if not any(key in inputs for key in ("images", "captions", *_READY_MADE)):
            raise ValueError(
                f'inputs must hold "images" or "captions". Received: {sorted(inputs)}.'
            )
        outputs = dict(inputs)
        if "images" in inputs and not self._takes_ready_made(inputs["images"]):
            outputs["images"] = self.convert_images(inputs["images"])
        if "captions" in inputs:
            outputs.update(self.tokenize_captions(outputs.pop("captions")))
        return outputs

    def convert_images(self, images):
        """Turns pictures alone into floats.

        Args:
            images: as `"images"` of a call. A path may stand for any picture.

        Returns:
            Float `(*image_size, 3)` or `(batch, *image_size, 3)`, a tensor of the backend
            (inside tf.data: a `tf.Tensor`).
        """
        if self.image_converter is None:
            raise ValueError(
                "images given, but this LiTPreprocessor has no image_converter. Construct it with "
                "one, such as keras_lit.preprocessing.ImageConverter(image_size=224)."
            )
        images = read_images(images)
        if isinstance(images, list):
            return keras.ops.stack([self.image_converter(image) for image in images])
        if tf.is_tensor(images) and images.dtype == tf.string:
            return self._convert_paths(images)
        return self.image_converter(images)

    def tokenize_captions(self, captions):
        """Turns captions alone into token ids.

        Args:
            captions: string, list of strings or string tensor.

        Returns:
            `{"token_ids": int32, "padding_mask": bool}`, each `(sequence_length,)` or
            `(batch, sequence_length)`.
        """
        if self.tokenizer is None:
            raise ValueError(
                "captions given, but this LiTPreprocessor has no tokenizer. Construct it with one, "
                "such as keras_lit.preprocessing.WordPieceTokenizer(vocabulary)."
            )
        captions = as_string_tensor(captions)
        if isinstance(self.tokenizer, FixedLengthTokenizer):
            return self.tokenizer.tokenize_and_pad(captions)
        return self._tokenize_and_pack(captions)

    @preprocessing_function
    def _tokenize_and_pack(self, captions):
        tokenizer = self.tokenizer
        pad_id = getattr(tokenizer, "pad_token_id", None) or 0
        if getattr(tokenizer, "sequence_length", None):
            token_ids = tf.convert_to_tensor(tokenizer(captions))
            return {"token_ids": token_ids, "padding_mask": token_ids != pad_id}
        start_id = getattr(tokenizer, "start_token_id", None)
        end_id = getattr(tokenizer, "end_token_id", None)
        # T5's "start" is the one of its decoder, the same token as the end.
        start_id = None if start_id == end_id else start_id
        return tokenize_and_pack(
            captions, tokenizer, self.sequence_length, start_id, end_id, pad_id
        )

    def _convert_paths(self, paths):
        """Reads and converts files inside tf.data, where `read_images` cannot."""
        if paths.shape.rank == 0:
            return self.image_converter(decode_picture(tf.io.read_file(paths)))
        return tf.map_fn(
            lambda path: self.image_converter(decode_picture(tf.io.read_file(path))),
            paths,
            fn_output_signature=tf.TensorSpec(
                (*self.image_converter.image_size, 3), self.image_converter.compute_dtype
            ),
        )

    def _takes_ready_made(self, images):
        dtype = getattr(images, "dtype", None)
        return (
            self.image_converter is None
            and dtype is not None
            and "float" in keras.backend.standardize_dtype(dtype)
        )

    def get_config(self):
        config = super().get_config()
        config["sequence_length"] = self._sequence_length
        return config
