"""Settings -> the source of pictures and captions, and batches of it from any step on."""

import keras

import keras_lit
from keras_lit.data import Augmentation, CleanCaptions, EmbeddingCache, Mixture, Resize
from keras_lit.data.embedding_cache import MANIFEST
from keras_lit.training.building import build


def open_data(config):
    """Returns the source of the settings, captions cleaned, several sources mixed by size.

    Args:
        config: Dict of settings.

    Returns:
        `keras_lit.data.Source`.

    Raises:
        ValueError: If there is no data, or a source cannot be opened.
    """
    data = config["data"]
    sources = [
        keras_lit.data.open_source(name, data["image_feature"], data["caption_feature"])
        for name in data["sources"]
    ]
    if not sources:
        raise ValueError("`data.sources` is empty. Pass `--config.data.sources=captions.tsv`.")
    return CleanCaptions(sources[0] if len(sources) == 1 else Mixture(sources))


def augmented_batches(config, source, image_size, start_step, broken):
    """Returns endless batches of augmented pictures, each with one of its captions.

    Args:
        config: Dict of settings.
        source: `keras_lit.data.Source`.
        image_size: Tuple `(height, width)`.
        start_step: Integer, the first batch to return.
        broken: `keras_lit.data.BrokenRecords` of the interrupted run, or a new one.
    """
    steps = [
        build(keras.layers, {"name": name, **arguments})
        for name, arguments in config.get("augmentation", {}).items()
    ]
    augment = Augmentation(Resize(image_size), *steps)
    return source.training_pairs(
        config["batch_size"], augment, config["seed"], start_step, broken=broken
    )


def open_cache(model, source, folder, broken):
    """Returns the stored embeddings of a source, and stores them first where they are missing.

    Args:
        model: `keras_lit.LiTModel` whose image tower is locked.
        source: `keras_lit.data.Source`.
        folder: `pathlib.Path` of the cache.
        broken: `keras_lit.data.BrokenRecords` that notes what is skipped.

    Returns:
        `keras_lit.data.EmbeddingCache`.

    Raises:
        ValueError: If the image tower trains, or the folder holds the embeddings of another tower,
            other preprocessing or other data.
    """
    if not model.image_tower.locked:
        raise ValueError(
            f"tuning={model.tuning!r} trains the image tower, so stored embeddings would be stale "
            "after one step. Leave --cache out, or lock the image tower: --config.tuning=Lu."
        )
    if not (folder / MANIFEST).exists():
        pairs = source.pairs(256, broken)
        return keras_lit.data.cache_embeddings(model, pairs, folder, source=source.source)
    cache = EmbeddingCache(folder, model)
    if cache.identity["source"] != source.source:
        raise ValueError(
            f"The embedding cache '{folder}' is of other data: {cache.identity['source']}, not "
            f"{source.source}. Name another --cache, or delete it."
        )
    return cache
