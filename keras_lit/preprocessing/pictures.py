"""Paths, arrays or PIL images, of one size or several -> uint8 arrays, or one clear error."""

import os

import keras
import numpy as np
import tensorflow as tf

# What `decode_picture` reads, and how its files are called.
PICTURE_FORMATS = "JPEG, PNG, GIF, BMP or WebP"
PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp")


def decode_picture(encoded):
    """Decodes a JPEG, PNG, GIF, BMP or WebP picture; the one decoder of this package.

    Args:
        encoded: scalar string tensor, the bytes of a file.

    Returns:
        uint8 `(height, width, 3)`. Grayscale is repeated; an alpha channel is dropped; of a
        moving picture the first frame is taken.

    Raises:
        tf.errors.InvalidArgumentError: if they are no such picture.
    """
    image = tf.io.decode_image(encoded, channels=3, expand_animations=False)
    return tf.ensure_shape(image, (None, None, 3))


def is_picture_file(name):
    """Says whether a file is a picture, judged by its suffix."""
    return str(name).lower().endswith(PICTURE_SUFFIXES)


def read_images(images):
    """Replaces paths by their pictures and joins pictures of one size into a batch.

    Args:
        images: array or tensor `(height, width, 3)` or `(batch, height, width, 3)`, a path (local
            or `gs://`), or a list of pictures and paths. Inside tf.data: any tensor, returned as it
            is.

    Returns:
        One array, or, where the pictures have different sizes, a list of arrays.

    Raises:
        ValueError: if a file is missing or holds no picture.
    """
    if _is_symbolic(images):
        return images
    if isinstance(images, (str, bytes, os.PathLike)):
        return _read_file(images)
    if not isinstance(images, (list, tuple)):
        images = _as_array(images)
        if images.dtype.kind not in "USO":
            return images
        if images.ndim == 0:
            return _read_file(images.item())
    if len(images) == 0:
        raise ValueError("images is empty.")
    pictures = [
        _read_file(image) if isinstance(image, (str, bytes, os.PathLike)) else _as_array(image)
        for image in images
    ]
    same_size = len({picture.shape for picture in pictures}) == 1
    return np.stack(pictures) if same_size else pictures


def check_images(images):
    """Checks one array or tensor of pictures and returns it as uint8.

    Args:
        images: uint8, or, outside tf.data, any integers in `[0, 255]`;
            `(height, width, 3)` or `(batch, height, width, 3)`.

    Returns:
        uint8 `tf.Tensor` of the same shape.

    Raises:
        ValueError: if values or shape are others; the message says what to do.
    """
    if not _is_symbolic(images):
        images = _checked_values(_as_array(images))
    _check_shape(images)
    if images.dtype != tf.uint8:
        raise ValueError(_wrong_dtype(images.dtype))
    return tf.convert_to_tensor(images)


def _checked_values(images):
    if images.dtype.kind not in "iu":
        raise ValueError(_wrong_dtype(images.dtype))
    if images.dtype != np.uint8:
        if images.size and (images.min() < 0 or images.max() > 255):
            raise ValueError(
                f"images must lie in [0, 255]. Received: {images.dtype} in "
                f"[{images.min()}, {images.max()}]."
            )
        images = images.astype(np.uint8)
    return images


def _check_shape(images):
    if _is_symbolic(images) and images.shape.rank is None:
        raise ValueError(
            "images has an unknown number of dimensions. Add tf.ensure_shape(images, "
            "[None, None, 3]), or decode with expand_animations=False."
        )
    shape = tuple(images.shape)
    if len(shape) in (3, 4) and shape[-1] in (3, None):
        return
    remedy = "Give one picture (height, width, 3) or a batch (batch, height, width, 3)."
    if len(shape) == 2 or (len(shape) in (3, 4) and shape[-1] == 1):
        remedy = "Grayscale? Repeat the channel: np.repeat(image.reshape(height, width, 1), 3, -1)."
    elif len(shape) in (3, 4) and shape[-1] == 4:
        remedy = "RGBA? Paste it onto a background, or drop the alpha channel: image[..., :3]."
    elif len(shape) in (3, 4) and shape[-3] == 3:
        remedy = "Channels first? Move them last: np.moveaxis(image, -3, -1)."
    raise ValueError(f"images must have 3 channels, last. Received: shape {shape}. {remedy}")


def _wrong_dtype(dtype):
    return (
        f"images must be uint8 in [0, 255]. Received: {np.dtype(_dtype_name(dtype))}. "
        "For floats in [0, 1]: (images * 255).astype('uint8'). Pictures that are already as the "
        "tower expects them need a model without preprocessor."
    )


def _dtype_name(dtype):
    return dtype.name if isinstance(dtype, tf.DType) else dtype


def _read_file(path):
    path = os.fsdecode(path)
    if not tf.io.gfile.exists(path) or tf.io.gfile.isdir(path):
        raise ValueError(f"images names a file that does not exist: {path!r}.")
    try:
        return decode_picture(tf.io.read_file(path)).numpy()
    except (tf.errors.InvalidArgumentError, ValueError) as error:
        raise ValueError(
            f"images names a file that holds no {PICTURE_FORMATS} picture: {path!r}."
        ) from error


def _as_array(image):
    # Backend tensors may live on an accelerator; anything else (PIL images, tf tensors) converts.
    if keras.ops.is_tensor(image):
        return keras.ops.convert_to_numpy(image)
    return np.asarray(image)


def _is_symbolic(images):
    return tf.is_tensor(images) and not tf.executing_eagerly()
