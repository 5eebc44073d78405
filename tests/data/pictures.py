"""Real picture files, tar and TFRecord shards that the tests of sources write, sound and broken."""

import io
import struct
import tarfile
import zlib

import numpy as np
import tensorflow as tf
from PIL import Image

from keras_lit.data import decoding


def picture(number, height=6, width=9):
    """A picture of one colour, by which it can be told."""
    return np.full((height, width, 3), 20 * number, "uint8")


def png(number, **kwargs):
    return tf.io.encode_png(picture(number, **kwargs)).numpy()


def forged_png(width, height):
    """The bytes of a PNG that says it has another size."""
    data = png(0)
    header = b"IHDR" + struct.pack(">II", width, height) + data[24:29]
    return data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]


def one_bit_bitmap():
    """The bytes of a BMP of a mode that TensorFlow does not read."""
    file = io.BytesIO()
    Image.new("1", (9, 6)).save(file, "BMP")
    return file.getvalue()


JPEG = tf.io.encode_jpeg(np.random.default_rng(0).integers(0, 256, (40, 40, 3), "uint8")).numpy()
# Of each reason to skip a record: a picture and its caption.
FAULTS = {
    decoding.EMPTY_FILE: (b"", b"sun"),
    decoding.DAMAGED: (JPEG[:600], b"sun"),
    decoding.NOT_A_PICTURE: (b"<html>404</html>", b"sun"),
    decoding.ABSURD_SIZE: (forged_png(60_000, 60_000), b"sun"),
    decoding.WRONG_MODE: (one_bit_bitmap(), b"sun"),
    decoding.NO_CAPTION: (png(1), b" \n"),
    decoding.NOT_UTF8: (png(1), b"caf\xe9"),
}


def write_folder(folder, images, captions):
    """Writes PICTURE.png and PICTURE.txt for each of two lists of bytes."""
    folder.mkdir(exist_ok=True)
    for number, (image, caption) in enumerate(zip(images, captions, strict=True)):
        (folder / f"{number}.png").write_bytes(image)
        (folder / f"{number}.txt").write_bytes(caption)
    return folder


def write_tar(path, members):
    """Writes a tar file of a dict from name to bytes."""
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return str(path)


def write_tfrecord(path, examples):
    """Writes a TFRecord file of dicts from a feature to a list of bytes."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for features in examples:
            features = {
                name: tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
                for name, values in features.items()
            }
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())
    return str(path)


def captions_of(batches):
    """Returns the captions of batches as one list, of strings or of lists of them."""

    def decoded(entry):
        return [text.decode() for text in entry] if isinstance(entry, list) else entry.decode()

    found = []
    for batch in batches:
        captions = batch["captions"]
        rows = captions.to_list() if hasattr(captions, "to_list") else captions.numpy().tolist()
        found += [decoded(row) for row in rows]
    return found
