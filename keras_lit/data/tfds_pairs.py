"""A TensorFlow Datasets name and split -> batches of images and captions."""

import tensorflow as tf


def tfds_pairs(name, split, batch_size, image_feature="image", caption_feature="captions/text"):
    """Returns the images and captions of a TFDS split, in its own order.

    The data set is prepared first where it is not yet.

    Args:
        name: String, e.g. `"coco_captions"`, or `"emoji_captions"` of this package.
        split: String, e.g. `"train"` or `"train[:10%]"`.
        batch_size: Integer.
        image_feature: String, the feature with the image.
        caption_feature: String, the feature with one or several captions; `/` leads into a nested
            one. `"captions/text"` is that of `coco_captions`, `"names"` that of `emoji_captions`.

    Returns:
        A pair of a `tf.data.Dataset` of dicts of `images`, uint8 `(batch, height, width, 3)`,
        ragged where their sizes differ, and `captions`, `(batch,)` or ragged; and a dict that
        identifies the data, for the `source` of `cache_embeddings`.

    Raises:
        ValueError: If the data set has no such split or feature.
    """
    import tensorflow_datasets as tfds  # Takes seconds.

    if name.split("/")[0].split(":")[0] == "emoji_captions":
        import keras_lit.data.emoji_captions  # noqa: F401 (registers the builder)

    builder = tfds.builder(name)
    builder.download_and_prepare()
    dataset = builder.as_dataset(split=split, shuffle_files=False)
    spec = dataset.element_spec
    for feature in (image_feature, caption_feature):
        try:
            _lookup(spec, feature)
        except (KeyError, TypeError):
            raise ValueError(
                f"The data set '{name}' has no feature '{feature}'. It has: {sorted(spec)}."
            ) from None
    pairs = dataset.map(
        lambda example: {
            "images": _lookup(example, image_feature),
            "captions": _lookup(example, caption_feature),
        },
        num_parallel_calls=tf.data.AUTOTUNE,
    ).ragged_batch(batch_size)
    return pairs, {"tfds": builder.info.full_name, "split": split}


def _lookup(features, path):
    for name in path.split("/"):
        features = features[name]
    return features
