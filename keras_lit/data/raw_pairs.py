"""Batches of pairs as users have them -> one batch of converted images, captions row by row."""

import tensorflow as tf

from keras_lit.data import cache_files


def check_pairs(pairs, preprocessor):
    """Checks what the types of a data set tell about its use for a cache.

    Args:
        pairs: `tf.data.Dataset` of dicts.
        preprocessor: `keras_lit.LiTPreprocessor` or `None`.

    Raises:
        ValueError: If something is not what it must be.
    """
    if not isinstance(pairs, tf.data.Dataset) or not isinstance(pairs.element_spec, dict):
        raise ValueError(
            "`pairs` must be a tf.data.Dataset of batches {'images': ..., 'captions': ...}. "
            f"Received: {pairs!r}."
        )
    if pairs.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ValueError("`pairs` never ends. Leave `repeat` out: every image is read once.")
    spec = pairs.element_spec
    if "images" not in spec:
        raise ValueError(f"`pairs` must have an entry 'images'. Received: {sorted(spec)}.")
    if is_raw(spec["images"]) and getattr(preprocessor, "image_converter", None) is None:
        raise ValueError(
            f"Images of type {spec['images'].dtype.name} need a preprocessor with an "
            "`image_converter`, and this model has none. Pass float images in [-1, 1]."
        )
    num_views(spec["images"])
    for name, entry in spec.items():
        if name in ("images", "captions"):
            continue
        cache_files.check_entry_name(name)
        if not isinstance(entry, tf.TensorSpec) or entry.dtype == tf.string:
            raise ValueError(
                f"`pairs` has an entry '{name}' of {entry}. A cache stores 'captions' and dense "
                "numbers: leave the entry out by `pairs.map(...)`."
            )


def is_raw(images):
    """Says whether images (or their spec) still go through the preprocessor."""
    return not images.dtype.is_floating


def num_views(images):
    """Returns how many views of each image there are in a tensor of images or its spec.

    Raises:
        ValueError: If the shape is neither of images nor of views.
    """
    single_rank = _single_rank(images)
    if images.shape.rank == single_rank:
        return 1
    if images.shape.rank == single_rank + 1 and images.shape[1] is not None:
        return images.shape[1]
    raise ValueError(
        "`images` of `pairs` must have shape (batch, height, width, 3), or (batch, views, height, "
        f"width, 3) with a known number of views. Received: {images.shape}. `tf.ensure_shape` sets "
        "what TensorFlow does not know."
    )


def flat_images(batch, preprocessor):
    """Converts raw images inside tf.data; views become rows of one batch.

    Args:
        batch: Dict with `images`, `(batch, ...)`, `(batch, views, ...)` or ragged.
        preprocessor: `keras_lit.LiTPreprocessor`, not used on images that are floats already.

    Returns:
        Floats `(batch * views, height, width, 3)`.
    """
    images = batch["images"]
    if isinstance(images, tf.RaggedTensor):
        converter = preprocessor.image_converter
        return tf.map_fn(
            lambda image: converter(tf.ensure_shape(image.to_tensor(), (None, None, 3))),
            images,
            fn_output_signature=tf.TensorSpec(
                (*converter.image_size, 3), tf.as_dtype(converter.compute_dtype)
            ),
        )
    if images.shape.rank > _single_rank(images):
        shape, inner = tf.shape(images), images.shape[2:]
        images = tf.reshape(images, tf.concat([[shape[0] * shape[1]], shape[2:]], 0))
        images = tf.ensure_shape(images, [None, *inner])
    return preprocessor.convert_images(images) if is_raw(images) else images


def without_images(batch):
    """Returns the other entries of a batch."""
    return {name: entry for name, entry in batch.items() if name != "images"}


def _single_rank(images):
    """Returns the rank of one image per row: `images` are pictures, or paths."""
    return 1 if images.dtype == tf.string else 4


def caption_rows(captions, index):
    """Returns the captions of each image.

    Args:
        captions: String tensor `(batch,)`, `(batch, captions)` or ragged.
        index: Integer, the batch's number, for messages.

    Returns:
        List of one list of bytes per row. Empty strings beside others, as padding leaves them,
        are left out.
    """
    if isinstance(captions, tf.RaggedTensor):
        rows = captions.to_list()
    else:
        rows = captions.numpy().tolist()
        rows = [row if isinstance(row, list) else [row] for row in rows]
    rows = [[caption for caption in row if caption] or row[:1] for row in rows]
    for number, row in enumerate(rows):
        if not row:
            raise ValueError(
                f"Row {number} of batch {index} of `pairs` has no caption. Filter such images out."
            )
    return rows
