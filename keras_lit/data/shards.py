"""tar shards as WebDataset and img2dataset write them, and TFRecord shards -> sources."""

import json
import re
import tarfile

import tensorflow as tf

from keras_lit.data import decoding
from keras_lit.data.sharded_source import Record, ShardedSource, files_version, list_shards
from keras_lit.preprocessing.pictures import PICTURE_SUFFIXES

# A larger file is no picture of a sensible size.
_MOST_BYTES = 2**28
_READ_SIZE = 2**20
# What a TFRecord file stores beside a record: its length and two checksums.
_FRAME_BYTES = 16


class TarShards(ShardedSource):
    """Pictures in tar files, as WebDataset and img2dataset write them.

    Neighbouring members of one name but for the suffix are one record: `000012.jpg` (or .jpeg,
    .png, .gif, .bmp, .webp), and `000012.txt`, a caption, or `000012.json` with `"captions"`, a
    list, or `"caption"`. Of img2dataset's other metadata (`url`, `sha256`, sizes, a licence where
    the list of URLs had one) nothing is read.

    Args:
        pattern: String, e.g. `"shards/{00000..00331}.tar"` or `"gs://bucket/cc12m/*.tar"`.
        split: String, what this part of the data is called.

    Raises:
        ValueError: If a file is missing.

    Example:

    ```python
    import io
    import pathlib
    import tarfile

    import keras
    import keras_lit
    import numpy as np

    keras.utils.save_img("0.png", np.zeros((8, 8, 3)), scale=False)
    pathlib.Path("0.txt").write_text("a black square")
    with tarfile.open("squares.tar", "w") as tar:
        tar.add("0.png")
        tar.add("0.txt")
    shards = keras_lit.data.TarShards("squares.tar")
    for batch in shards.pairs(batch_size=1):
        print(batch["captions"])  # [[b"a black square"]]
    ```

    Reference:
        - [WebDataset](https://github.com/webdataset/webdataset),
          [img2dataset](https://github.com/rom1504/img2dataset)
    """

    def __init__(self, pattern, split="all"):
        self.name = re.split(r"[/\\]", pattern)[-1]
        self.split = split
        super().__init__(list_shards(pattern))
        self.version = files_version(self.shards)

    def read_shard(self, shard):
        with (
            tf.io.gfile.GFile(shard, "rb") as file,
            tarfile.open(fileobj=file, mode="r|*", bufsize=_READ_SIZE) as tar,
        ):
            name, members = None, {}
            for member in tar:
                if not member.isfile():
                    continue
                folder, slash, base = member.name.rpartition("/")
                stem, _, suffix = base.partition(".")
                if name not in (None, folder + slash + stem):
                    yield _record(name, members)
                    members = {}
                name = folder + slash + stem
                small = member.size <= _MOST_BYTES
                members[suffix.lower()] = tar.extractfile(member).read() if small else None
            if members:
                yield _record(name, members)
            _check_end(file, shard)


class TFRecordShards(ShardedSource):
    """Pictures in TFRecord files of `tf.train.Example`.

    Args:
        pattern: String, e.g. `"gs://bucket/pairs-*.tfrecord"`.
        image_feature: String, the feature with the encoded picture.
        caption_feature: String, the feature with one or several captions; or several features,
            separated by `,`.
        split: String, what this part of the data is called.

    Raises:
        ValueError: If a file is missing.

    Example:

    ```python
    import keras_lit
    import tensorflow as tf

    def feature(value):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    picture = tf.io.encode_png(tf.zeros((8, 8, 3), tf.uint8)).numpy()
    features = {"image": feature(picture), "caption": feature(b"a black square")}
    example = tf.train.Example(features=tf.train.Features(feature=features))
    with tf.io.TFRecordWriter("squares.tfrecord") as writer:
        writer.write(example.SerializeToString())
    print(len(keras_lit.data.TFRecordShards("squares.tfrecord")))  # 1
    ```
    """

    def __init__(self, pattern, image_feature="image", caption_feature="caption", split="all"):
        self.name = re.split(r"[/\\]", pattern)[-1]
        self.split = split
        self._features = image_feature, caption_feature.split(",")
        super().__init__(list_shards(pattern))
        self.version = files_version(self.shards)

    def read_shard(self, shard):
        num_bytes = 0
        for number, example in enumerate(tf.compat.v1.io.tf_record_iterator(shard)):
            yield example_record(f"{shard}#{number}", example, *self._features)
            num_bytes += _FRAME_BYTES + len(example)
        # TensorFlow takes a frame that is cut off for the end of the file.
        if num_bytes != tf.io.gfile.stat(shard).length:
            raise ValueError("the last record is cut off")


def example_record(key, example, image_feature, caption_features):
    """Returns the `Record` of a serialized `tf.train.Example`."""
    try:
        features = tf.train.Example.FromString(example).features.feature
    except Exception:  # protobuf has a DecodeError of its own in each implementation
        return Record(key, problem="damaged example")
    images = features[image_feature].bytes_list.value if image_feature in features else []
    captions = [
        caption
        for name in caption_features
        if name in features
        for caption in features[name].bytes_list.value
    ]
    if not images:
        return Record(key, problem=decoding.NO_PICTURE)
    return Record(key, images[0], tuple(captions))


def _check_end(file, shard):
    """Raises if a tar file was cut off between two members, which tarfile takes for its end."""
    if shard.endswith(".tar"):
        file.seek(max(0, file.size() - 2 * tarfile.BLOCKSIZE))
        if any(file.read(2 * tarfile.BLOCKSIZE)):
            raise tarfile.ReadError("no end mark")


def _record(name, members):
    """Returns the `Record` of neighbouring members, a dict from suffix to bytes."""
    if None in members.values():
        return Record(name, problem=decoding.ABSURD_SIZE)
    images = [members[suffix[1:]] for suffix in PICTURE_SUFFIXES if suffix[1:] in members]
    if not images:
        return Record(name, problem=decoding.NO_PICTURE)
    if "txt" in members:
        return Record(name, images[0], (members["txt"].strip(),))
    try:
        metadata = json.loads(members.get("json", b"{}"))
        captions = metadata.get("captions") or [metadata.get("caption") or ""]
        captions = tuple(caption.encode() for caption in captions)
    except (ValueError, AttributeError, TypeError):
        return Record(name, problem="damaged .json")
    return Record(name, images[0], captions)
