"""What people type for their data, `tfds:coco_captions/train` or `shards/*.tar` -> a source."""

import os
import re

import tensorflow as tf

from keras_lit.data.image_folder import ImageFolder
from keras_lit.data.image_table import ImageTable
from keras_lit.data.shards import TarShards, TFRecordShards
from keras_lit.data.tfds_pairs import TfdsSource

FORMS = (
    "tfds:NAME/SPLIT, a .tsv, .csv or .jsonl file, a folder of pictures with .txt files, "
    "'shards/{000..012}.tar' or 'pairs-*.tfrecord'"
)


def open_source(data, image_feature=None, caption_feature=None):
    """Opens pictures and captions by their name.

    Args:
        data: String: `tfds:NAME/SPLIT` for a TFDS data set; the path of a `.tsv`, `.csv` or
            `.jsonl` file for an `ImageTable`; a pattern of files that ends in `.tar` for
            `TarShards`, or with `.tfrecord` in their names for `TFRecordShards`; a folder for an
            `ImageFolder`. Paths may be `gs://`.
        image_feature: String, for TFDS and TFRecords. Defaults to `"image"`.
        caption_feature: String, for TFDS and TFRecords. Defaults to `"captions/text"` and
            `"caption"`.

    Returns:
        `keras_lit.data.Source`.

    Raises:
        ValueError: If the data is none of these, or not what it must be.
    """
    kind = kind_of_data(data)
    features = {"image_feature": image_feature, "caption_feature": caption_feature}
    features = {name: value for name, value in features.items() if value is not None}
    if features and kind not in (TfdsSource, TFRecordShards):
        raise ValueError(
            f"Only TFDS and TFRecords have features. Received: {features} with '{data}'."
        )
    if kind is TfdsSource:
        name, _, split = data.removeprefix("tfds:").rpartition("/")
        return TfdsSource(name, split, **features)
    return kind(data, **features)


def kind_of_data(data):
    """Returns the class of the source that `open_source` makes, without opening it.

    Raises:
        ValueError: If it is none.
    """
    data = os.fspath(data)
    if data.startswith("tfds:"):
        if not re.fullmatch(r"tfds:.+/[^/]+", data):
            raise ValueError(f"expects tfds:NAME/SPLIT. Received: {data}")
        return TfdsSource
    name = re.split(r"[/\\]", data)[-1]
    if name.endswith((".tsv", ".csv", ".jsonl")):
        return ImageTable
    if name.endswith(".tar"):
        return TarShards
    if ".tfrecord" in name:
        return TFRecordShards
    if re.search(r"\.\w+$", name) and not tf.io.gfile.isdir(data):
        raise ValueError(f"Data must be {FORMS}. Received: {data}")
    return ImageFolder
