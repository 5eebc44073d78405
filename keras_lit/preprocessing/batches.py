"""What users hand to `fit`, `predict` and `encode_*` -> checked batches that the towers take.

Raw batches are `{"images": uint8, "captions": strings}`; ready-made ones are `{"images": float in
[-1, 1], "token_ids": ..., "padding_mask": ...}`, in which unit-norm `image_embeddings` may stand
for the images.
"""

import contextlib

import numpy as np
import tensorflow as tf

# What an error inside tf.data starts with, see `clear_errors`.
MARK = "keras_lit: "
_IMAGE_REMEDY = (
    "Expected float images in [-1, 1]: pass uint8 images to a model with a "
    "`keras_lit.LiTPreprocessor`, or scale them by `images / 127.5 - 1`."
)


def prepare_batches(x, preprocessor, batch_size=None, shuffle=False):
    """Turns raw batches into ready-made ones and leaves ready-made ones as they are.

    Args:
        x: `tf.data.Dataset` of batches, a dict of arrays, or another Keras data source of
            ready-made batches.
        preprocessor: `keras_lit.LiTPreprocessor` or `None`.
        batch_size: Integer, where `x` is a dict of arrays. Defaults to 32.
        shuffle: Boolean, whether to shuffle a dict of arrays.

    Returns:
        `tf.data.Dataset` of ready-made batches, or `x` itself where it is another data source.

    Raises:
        ValueError: If raw batches come without a preprocessor, batches are ragged, or `batch_size`
            does not apply.
    """
    if isinstance(x, dict):
        x = _batch_arrays(x, batch_size or 32, shuffle)
    elif batch_size is not None:
        raise ValueError(
            f"`batch_size` applies to a dict of arrays only. Received: batch_size={batch_size} "
            f"with {type(x).__name__}. Batch the dataset itself: `dataset.batch({batch_size})`."
        )
    if not isinstance(x, tf.data.Dataset):
        return x
    spec = x.element_spec
    if not isinstance(spec, dict):
        raise ValueError(
            "Batches must be dicts such as {'images': ..., 'captions': ...}. Received elements "
            f"{spec}. Map the dataset: `dataset.map(lambda image, caption: ...)`."
        )
    ragged = [name for name, value in spec.items() if isinstance(value, tf.RaggedTensorSpec)]
    if ragged:
        raise ValueError(
            f"Batches must be rectangular. Received: ragged {' and '.join(ragged)}, pictures of "
            "several sizes or several captions each, as `source.pairs(...)` has them. To train, "
            "pass `source.training_pairs(batch_size, keras_lit.data.Resize(image_size))`, or store "
            "their embeddings: `cache_embeddings(model, pairs, folder).dataset(batch_size)`."
        )
    is_raw = any(value.dtype == tf.string for value in spec.values()) or (
        "images" in spec and spec["images"].dtype == tf.uint8
    )
    if not is_raw:
        return x
    if preprocessor is None:
        raise ValueError(
            f"Raw images or strings need a preprocessor, and this model has none. Received: "
            f"{spec}. Pass `preprocessor=keras_lit.LiTPreprocessor(image_converter, tokenizer)` "
            "to LiTModel, or batches of float `images` and integer `token_ids`."
        )
    if "captions" in spec:
        x = check_first(x, _check_captions)
    # Nothing in it is for AutoGraph to convert, which takes longer than all else here.
    prepare = tf.autograph.experimental.do_not_convert(preprocessor)
    return x.map(prepare, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def _batch_arrays(arrays, batch_size, shuffle):
    sizes = {name: len(array) for name, array in arrays.items()}
    if len(set(sizes.values())) != 1:
        raise ValueError(f"The arrays must have the same number of rows. Received: {sizes}.")
    dataset = tf.data.Dataset.from_tensor_slices(dict(arrays))
    if shuffle:
        dataset = dataset.shuffle(max(1, num_rows(arrays)))
    return dataset.batch(batch_size)


def check_pairs(batches, image_tower_locked):
    """Checks ready-made batches of pairs: what their types tell at once, values in the first batch.

    Args:
        batches: What `prepare_batches` returned.
        image_tower_locked: Boolean.

    Returns:
        `tf.data.Dataset` that checks its first batch, or `batches` itself where it is another data
        source.

    Raises:
        ValueError: If images are no floats, a batch holds one pair, or stored embeddings come with
            an image tower that trains.
    """
    if not isinstance(batches, tf.data.Dataset):
        return batches
    spec = batches.element_spec
    if "image_embeddings" in spec and not image_tower_locked:
        raise ValueError(
            "Stored `image_embeddings` stand for a locked image tower, and this one trains. Set "
            "`model.tuning` to a 'L' first, e.g. 'Lu', or pass images."
        )
    if "images" in spec and not spec["images"].dtype.is_floating:
        raise ValueError(f"Received `images` of type {spec['images'].dtype.name}. {_IMAGE_REMEDY}")
    if any(value.shape.rank and value.shape[0] == 1 for value in spec.values()):
        raise ValueError(
            "A batch of one pair has no negatives: its contrastive loss is always 0 and nothing "
            "is learned. Use a larger batch, e.g. `dataset.batch(256, drop_remainder=True)`."
        )

    return check_first(batches, _check_values)


def check_first(batches, check_batch):
    """Returns batches of which the first one is checked by a function of it."""

    def check(index, batch):
        with tf.control_dependencies([tf.cond(index == 0, lambda: check_batch(batch), tf.no_op)]):
            return tf.nest.map_structure(tf.identity, batch)

    return batches.enumerate().map(check, num_parallel_calls=tf.data.AUTOTUNE)


def check_micro_batches(batches, micro_batch_size):
    """Checks that micro-batches divide every batch.

    Args:
        batches: What `check_pairs` returned.
        micro_batch_size: Integer.

    Returns:
        `tf.data.Dataset` that checks each batch as it comes, or `batches` itself where it is
        another data source.

    Raises:
        ValueError: If the batches are of one known size that micro-batches do not divide.
    """
    if not isinstance(batches, tf.data.Dataset):
        return batches
    problem = f"`micro_batch_size={micro_batch_size}` must divide every batch."
    remedy = (
        f"Use a multiple of {micro_batch_size} as batch size, and leave out the pairs that remain "
        "at the end: `dataset.batch(batch_size, drop_remainder=True)`."
    )
    for value in tf.nest.flatten(batches.element_spec):
        num_rows = value.shape[0]
        if num_rows is not None and num_rows % micro_batch_size:
            raise ValueError(f"{problem} Received: batches of {num_rows} pairs. {remedy}")

    def check(batch):
        num_rows = tf.shape(tf.nest.flatten(batch)[0])[0]
        divides = tf.debugging.Assert(
            num_rows % micro_batch_size == 0,
            [f"{MARK}{problem} {remedy} Received a batch of this many pairs:", num_rows],
        )
        with tf.control_dependencies([divides]):
            return tf.nest.map_structure(tf.identity, batch)

    return batches.map(check, num_parallel_calls=tf.data.AUTOTUNE)


def _check_captions(batch):
    captions = batch["captions"]
    texts = captions.flat_values if isinstance(captions, tf.RaggedTensor) else captions
    has_words = tf.reduce_any(tf.strings.strip(texts) != "")
    problem = (
        f"{MARK}All captions of the first batch are empty, so there is nothing to learn from. If "
        "they were cleaned before, look at what is removed."
    )
    return tf.debugging.Assert(has_words, [problem])


def _check_values(batch):
    checks = []
    for name, value in batch.items():
        checks.append(
            tf.debugging.assert_greater(
                tf.shape(value)[0],
                1,
                f"{MARK}A batch of one pair has no negatives: its contrastive loss is always 0. "
                "Use a larger batch.",
            )
        )
        if name == "images":
            largest = tf.reduce_max(tf.abs(value))
            # Written so that NaN fails too.
            checks.append(
                tf.debugging.Assert(
                    largest <= 1.001,
                    [f"{MARK}`images` reach beyond [-1, 1]. {_IMAGE_REMEDY} Largest:", largest],
                )
            )
        if name == "image_embeddings":
            lengths = tf.norm(tf.cast(value, tf.float32), axis=-1)
            checks.append(
                tf.debugging.Assert(
                    tf.reduce_all(tf.abs(lengths - 1) < 0.01),
                    [f"{MARK}`image_embeddings` must be finite rows of length 1. Lengths:"]
                    + [lengths[:8]],
                )
            )
    return tf.group(checks)


def marked(message):
    """Returns a message, of one line, that `clear_errors` finds in what TensorFlow raises."""
    return MARK + message.replace("\n", " ")


@contextlib.contextmanager
def clear_errors():
    """Raises an error of this package inside tf.data as the plain ValueError that it is."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        if MARK not in str(error):
            raise
        message = str(error).split(MARK, 1)[1].split("\n")[0]
        raise ValueError(message) from None


def check_float_images(images):
    """Returns float images `(batch, height, width, 3)` in [-1, 1], or raises a ValueError."""
    if images.ndim != 4 or images.shape[-1] != 3:
        raise ValueError(
            f"Images must have shape (batch, height, width, 3). Received: {images.shape}."
        )
    if not np.issubdtype(images.dtype, np.floating):
        raise ValueError(f"Received images of type {images.dtype}. {_IMAGE_REMEDY}")
    if images.size and not np.abs(images).max() <= 1.001:
        raise ValueError(f"Received images in [{images.min()}, {images.max()}]. {_IMAGE_REMEDY}")
    return images


def check_token_ids(texts):
    """Returns token ids, or a dict with them, or raises a ValueError where strings came instead."""
    values = texts.values() if isinstance(texts, dict) else [texts]
    for value in values:
        array = np.asarray(value)
        if not (np.issubdtype(array.dtype, np.integer) or array.dtype == bool):
            raise ValueError(
                "Without a preprocessor, texts must come as integer token ids. Received: "
                f"{array.dtype}. Pass `preprocessor=keras_lit.LiTPreprocessor(image_converter, "
                "tokenizer)` to LiTModel to encode strings."
            )
    return texts if isinstance(texts, dict) else np.asarray(texts)


def num_rows(examples):
    """Returns how many rows an array, a list or a dict of them has."""
    return len(next(iter(examples.values())) if isinstance(examples, dict) else examples)


def slice_rows(examples, start, stop):
    """Returns the rows `start` to `stop` of an array, a list or a dict of them."""
    if isinstance(examples, dict):
        return {name: value[start:stop] for name, value in examples.items()}
    return examples[start:stop]


def pad_rows(inputs, multiple):
    """Pads arrays with copies of their first row, so that few shapes are ever compiled.

    Args:
        inputs: Array or dict of arrays, `(rows, ...)`, at least one row.
        multiple: Integer that divides the padded number of rows, e.g. the number of replicas.

    Returns:
        Arrays of `multiple` times a power of two rows.
    """
    rows = num_rows(inputs)
    padded_rows = multiple * 2 ** int(np.ceil(np.log2(max(1, rows / multiple))))

    def pad(array):
        array = np.asarray(array)
        return np.concatenate([array, np.repeat(array[:1], padded_rows - rows, axis=0)])

    return tf.nest.map_structure(pad, inputs)
