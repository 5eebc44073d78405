"""A TensorFlow Datasets name and split -> a source, and its batches of images and captions."""

import dataclasses

import tensorflow as tf

from keras_lit.data.sharded_source import Record, ShardedSource
from keras_lit.data.shards import example_record


@dataclasses.dataclass(frozen=True)
class _Part:
    """A file of the data set, and which of its examples the split takes."""

    path: str
    skip: int
    take: int


class TfdsSource(ShardedSource):
    """A split of a TFDS data set with an image and a text feature.

    The data set is prepared first where it is not yet. Files are read as they are, so a picture
    that cannot be decoded is skipped and counted like any other.

    `coco_captions` has `"image"` and `"captions/text"`. The builder `wit` lists URLs, without
    pictures: download them with img2dataset and take `TarShards`; `wit_kaggle` has `"image"` and
    `"caption_title_and_reference_description"`.

    Args:
        name: String, e.g. `"coco_captions"`, or `"emoji_captions"` of this package.
        split: String, e.g. `"train"` or `"train[:10%]"`.
        image_feature: String, the feature with the image; `/` leads into a nested one.
        caption_feature: String, the feature with one or several captions; or several features,
            separated by `,`.

    Raises:
        ValueError: If the data set has no such split or feature, the split is empty, or it is not
            stored as TFRecords.
    """

    def __init__(self, name, split, image_feature="image", caption_feature="captions/text"):
        import tensorflow_datasets as tfds  # Takes seconds.

        builder = tfds_builder(name)
        captions = caption_feature.split(",")
        image = _feature(builder.info, image_feature)
        if not isinstance(image, tfds.features.Image):
            raise ValueError(f"The feature '{image_feature}' of '{name}' is no image: {image}.")
        for feature in captions:
            text = _feature(builder.info, feature)
            if text.np_dtype not in (object, str):
                raise ValueError(f"The feature '{feature}' of '{name}' is no text: {text}.")
        builder.download_and_prepare()
        file_format = builder.info.file_format
        if file_format != tfds.core.FileFormat.TFRECORD:
            raise ValueError(
                f"'{name}' is stored as {file_format.value}. Prepare it as TFRecords: "
                "builder.download_and_prepare(file_format='tfrecord')."
            )
        self.name, self.version = builder.info.name, str(builder.info.version)
        if builder.builder_config is not None:
            self.name += f"/{builder.builder_config.name}"
        self.split = split
        if image.shape[-1] == 3:
            self.image_shape = image.shape
        self._features = image_feature, captions
        parts = [
            _Part(
                part.filename,
                part.skip,
                part.take if part.take >= 0 else part.examples_in_shard - part.skip,
            )
            for part in builder.info.splits[split].file_instructions
        ]
        if not parts:
            raise ValueError(
                f"'{self.name}' has no data in its split '{split}'. It has the splits "
                f"{sorted(builder.info.splits)}."
            )
        self._parts = {f"{part.path}[{part.skip}:{part.skip + part.take}]": part for part in parts}
        super().__init__(self._parts)

    def records(self, group_size):
        num_groups = -(-len(self) // group_size)
        records = super().records(group_size)
        return records.apply(tf.data.experimental.assert_cardinality(num_groups))

    def count_shard(self, shard):
        return self._parts[shard].take

    def read_shard(self, shard):
        part = self._parts[shard]
        end = part.skip + part.take
        number, reason = -1, "too short"
        try:
            for number, example in enumerate(tf.compat.v1.io.tf_record_iterator(part.path)):
                if number >= end:
                    return
                if number >= part.skip:
                    yield example_record(f"{part.path}#{number}", example, *self._features)
        except tf.errors.OpError as error:
            reason = type(error).__name__
        for lost in range(max(number + 1, part.skip), end):
            yield Record(f"{part.path}#{lost}", problem=f"damaged shard ({reason})")


def tfds_builder(name, data_dir=None):
    """Returns the `tfds.core.DatasetBuilder` of a name; nothing is prepared or downloaded.

    Args:
        name: String, as for `TfdsSource`.
        data_dir: Path of TFDS' folder; `None` is TFDS' default.
    """
    import tensorflow_datasets as tfds  # Takes seconds.

    if name.split("/")[0].split(":")[0] == "emoji_captions":
        import keras_lit.data.emoji_captions  # noqa: F401 (registers the builder)

    return tfds.builder(name, data_dir=data_dir)


def tfds_pairs(name, split, batch_size, image_feature="image", caption_feature="captions/text"):
    """Returns the images and captions of a TFDS split, in its own order.

    Args:
        name: String, as for `TfdsSource`.
        split: String, as for `TfdsSource`.
        batch_size: Integer.
        image_feature: String, as for `TfdsSource`.
        caption_feature: String, as for `TfdsSource`.

    Returns:
        A pair of what `Source.pairs` returns; and a dict that identifies the data, for the
        `source` of `cache_embeddings`.

    Raises:
        ValueError: If the data set has no such split or feature.
    """
    source = TfdsSource(name, split, image_feature, caption_feature)
    return source.pairs(batch_size), source.source


def _feature(info, path):
    """Returns a feature of a data set by its path."""
    found = info.features
    try:
        for name in path.split("/"):
            found = getattr(found, "feature", found)[name]
    except (KeyError, TypeError):
        raise ValueError(
            f"The data set '{info.name}' has no feature '{path}'. It has: {sorted(info.features)}."
        ) from None
    return found
