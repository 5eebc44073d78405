"""Raw records -> batches of pictures and captions; what is broken is noted, and never raised.

Raw records come in groups, dicts of strings `(records,)`: the `key` of each, for messages; the
`image`, an encoded picture, or the `path` of one, or both, one of them `""`; the `captions`,
ragged `(records, captions)`; and the `problem` that the source had with it, or `""`. Groups, since
to guard a whole one against what decoding may raise costs next to nothing, and to guard every
record 15 % of the time.
"""

import struct

import numpy as np
import tensorflow as tf

from keras_lit.preprocessing import batches as input_batches
from keras_lit.preprocessing.pictures import PICTURE_FORMATS, decode_picture

NO_PICTURE = "no picture"
NO_FILE = "no such file"
EMPTY_FILE = "empty file"
NOT_A_PICTURE = f"no {PICTURE_FORMATS} picture"
ABSURD_SIZE = "picture of absurd size"
WRONG_MODE = "picture of a mode that cannot be read"
DAMAGED = "truncated or damaged picture"
NO_CAPTION = "no caption"
NOT_UTF8 = "caption that is not UTF-8"

# Tracking pixels are smaller; a larger picture takes more than 300 MB of memory. TensorFlow itself
# refuses to decode from 180 million pixels on.
SMALLEST_SIDE = 3
MOST_PIXELS = 100_000_000

# What TensorFlow traces faster as it is.
_plain = tf.autograph.experimental.do_not_convert

_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM", b"RIFF")
# Signature, and layout and place of the width and height.
_BITMAP_BITS = (b"\x08\0", b"\x18\0", b"\x20\0")
_SIZE_FIELDS = ((b"\x89PNG", ">II", 16), (b"GIF8", "<HH", 6), (b"BM", "<ii", 18))


def with_positions(groups, group_size, start=0):
    """Returns groups with the positions of their records, counted from `start`."""

    def add(number, group):
        first = start + number * group_size
        return first + tf.range(tf.shape(group["key"], tf.int64)[0]), group

    return groups.enumerate().map(_plain(add))


def end_of_records(names):
    """Returns a dataset of one group without records, which marks the end of a pass.

    Args:
        names: Names of the entries of the other groups.
    """
    nothing, none = tf.zeros((0,), tf.string), tf.zeros((0,), tf.int64)
    group = dict.fromkeys(names, nothing)
    group["captions"] = tf.RaggedTensor.from_row_lengths(nothing, none)
    return tf.data.Dataset.from_tensors((none, group))


def decode_groups(groups, choose_captions, finish, broken):
    """Decodes groups of records, in their order.

    Args:
        groups: What `with_positions` returns; `end_of_records` may follow.
        choose_captions: Function from the positions of a group and its captions, ragged
            `(records, captions)`, to what `finish` shall get of them.
        finish: Function from a position, a key, an image and the chosen captions to a dict of
            tensors, what becomes of the record.
        broken: `BrokenRecords` that notes what is left out.

    Returns:
        `tf.data.Dataset` of dicts of batched tensors, ragged where their sizes are not known;
        groups with broken records are smaller.
    """

    def decode_group(positions, group):
        group = _with_problems(group)
        group["captions"] = choose_captions(positions, group["captions"])
        examples = tf.data.Dataset.from_tensor_slices((positions, group)).map(
            _plain(
                lambda position, record: (
                    position,
                    finish(position, record["key"], *_decode(record)),
                )
            )
        )
        # A last row that is always there, or there could be no group at all.
        last = tf.nest.map_structure(
            lambda spec: tf.zeros([size or 0 for size in spec.shape], spec.dtype),
            examples.element_spec,
        )
        decoded = (
            examples.ignore_errors()
            .concatenate(tf.data.Dataset.from_tensors(last))
            .ragged_batch(tf.size(positions, tf.int64) + 1)
            .get_single_element()
        )
        good, batch = tf.nest.map_structure(lambda rows: rows[:-1], decoded)
        failed = tf.tensor_scatter_nd_update(
            tf.fill(tf.shape(positions), True),
            (good - tf.reduce_min(positions))[:, None],
            tf.fill(tf.shape(good), False),
        )
        names = ("key", "path", "image", "problem")
        lost = [group.get(name, tf.fill(tf.shape(positions), "")) for name in names]
        lost = [tf.boolean_mask(values, failed) for values in (positions, *lost)]
        return batch, tuple(lost), positions

    def note(positions, position, key, path, image, problem):
        try:
            if not len(positions):
                broken.finish()
                return np.False_
            for row in range(len(position)):
                reason = explain(problem[row], path[row], image[row])
                broken.add(int(position[row]), key[row].decode("utf-8", "replace"), reason)
            broken.read_until(int(positions[-1]) + 1)
        except ValueError as error:
            raise ValueError(input_batches.marked(str(error))) from None
        return np.True_

    def note_in_order(batch, lost, positions):
        del batch
        return tf.numpy_function(note, [positions, *lost], tf.bool)

    return (
        groups.map(_plain(decode_group), num_parallel_calls=tf.data.AUTOTUNE)
        .filter(_plain(note_in_order))
        .map(_plain(lambda batch, lost, positions: batch))
    )


def explain(problem, path, image):
    """Returns why a record could not be used, one of the reasons above or its source's own.

    Args:
        problem: Bytes, the problem that was known before decoding, or `b""`.
        path: Bytes, the path of the picture, or `b""`.
        image: Bytes, the encoded picture if there is no path.
    """
    if problem:
        return problem.decode()
    if path:
        path = path.decode("utf-8", "surrogateescape")
        try:
            if tf.io.gfile.isdir(path) or not tf.io.gfile.exists(path):
                return NO_FILE
            with tf.io.gfile.GFile(path, "rb") as file:
                image = file.read()
        except (tf.errors.OpError, UnicodeError, ValueError):
            return NO_FILE
    if not image:
        return EMPTY_FILE
    if not image.startswith(_SIGNATURES):
        return NOT_A_PICTURE
    try:
        height, width = _announced_size(image) or (SMALLEST_SIDE, SMALLEST_SIDE)
    except (tf.errors.OpError, struct.error):
        return DAMAGED
    if min(height, width) < SMALLEST_SIDE or height * width > MOST_PIXELS:
        return ABSURD_SIZE
    has_odd_bits = image.startswith(b"BM") and image[28:30] not in _BITMAP_BITS
    return WRONG_MODE if has_odd_bits else DAMAGED


def _with_problems(group):
    """Completes `problem` by what is wrong with captions, and leaves empty captions out."""
    captions = group["captions"]
    texts = captions.flat_values
    is_utf8 = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="ignore") == texts
    all_utf8 = tf.reduce_all(captions.with_flat_values(is_utf8), axis=1)
    is_text = tf.strings.strip(texts) != ""
    captions = tf.ragged.boolean_mask(captions, captions.with_flat_values(is_text))
    problem = tf.where(captions.row_lengths() == 0, NO_CAPTION, "")
    problem = tf.where(all_utf8, problem, NOT_UTF8)
    problem = tf.where(group["problem"] == "", problem, group["problem"])
    return {**group, "captions": captions, "problem": problem}


def _decode(record):
    """Returns the picture, uint8 `(height, width, 3)`, and the captions of a record, or raises."""
    # Not `tf.debugging.Assert`, which branches first.
    known = tf.raw_ops.Assert(condition=record["problem"] == "", data=[record["key"]])
    with tf.control_dependencies([known]):
        image = _encoded(record)
    image = decode_picture(image)
    shape = tf.shape(image)
    sensible = (tf.reduce_min(shape[:2]) >= SMALLEST_SIDE) & (tf.size(image) <= 3 * MOST_PIXELS)
    with tf.control_dependencies([tf.raw_ops.Assert(condition=sensible, data=[shape])]):
        return tf.identity(image), record["captions"]


def _encoded(record):
    if "image" not in record:
        return tf.io.read_file(record["path"])
    if "path" not in record:
        return tf.identity(record["image"])
    image, path = record["image"], record["path"]
    return tf.cond(path == "", lambda: image, lambda: tf.io.read_file(path))


def _announced_size(image):
    """Returns the height and width that an encoded picture says it has, `None` if not told."""
    if image.startswith(b"\xff\xd8\xff"):
        return tf.image.extract_jpeg_shape(image)[:2].numpy().tolist()
    for signature, layout, start in _SIZE_FIELDS:
        if image.startswith(signature):
            width, height = struct.unpack_from(layout, image, start)
            return abs(height), width  # BMP's height is negative if its first row is the top one.
    return None
