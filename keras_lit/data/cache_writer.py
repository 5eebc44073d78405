"""A locked image tower and image-text pairs -> a folder of stored embeddings and captions.

Each shard is the embeddings of a fixed number of consecutive batches, so that who writes it and
after how many interruptions changes no byte. `cache.json` says what the cache is made from and is
written first; `manifest.json` lists the shards with their checksums and is written last.
"""

import errno
import math
import pathlib
import shutil
import time

import numpy as np
import tensorflow as tf
import tqdm

from keras_lit import distribution
from keras_lit.data import cache_files, fingerprints, raw_pairs
from keras_lit.data.embedding_cache import IDENTITY, MANIFEST, EmbeddingCache
from keras_lit.preprocessing import batches as input_batches

_DTYPES = ("float16", "float32")
_PATIENCE_SECONDS = 600


def cache_embeddings(
    model, pairs, folder, source=None, dtype="float16", batches_per_shard=64, input_context=None
):
    """Reads every image once through a locked image tower and stores the embeddings.

    `model.fit(cache.dataset(batch_size))` then tunes the text tower without the image tower's
    forward pass. Interrupted at any point, the same call goes on at the shard where it was; on a
    finished cache it only checks that model and data are the same. A progress bar shows images per
    second and the time left.

    Args:
        model: `keras_lit.LiTModel` whose image tower is locked.
        pairs: `tf.data.Dataset` of batches in the same order each time. `images` is as for
            `fit`, or `(batch, views, height, width, 3)` with several augmented views of each
            image, or a ragged tensor of uint8 images of any sizes (`dataset.ragged_batch`).
            `captions` is `(batch,)`, `(batch, captions)` or ragged. Empty strings beside other
            captions of the image are taken for padding and left out. Other numeric entries
            `(batch, ...)`, e.g. `token_ids`, are stored as they are.
        folder: Path of a new or empty folder, or of a cache to go on with.
        source: String or other JSON value that names the data, e.g. data set, version and split.
            A cache of another source is refused.
        dtype: `"float16"` (inner products move by less than 1e-3) or `"float32"`.
        batches_per_shard: Integer, how many batches one shard stores, and how many at most are
            embedded again after an interruption. Reading is fastest from up to 128 shards.
        input_context: `tf.distribute.InputContext` with `num_input_pipelines` processes, of which
            this is `input_pipeline_id`, each writing its own shards of one cache. Every process
            passes the same `pairs`, and returns when all are done. Defaults to the processes that
            `keras_lit.distribution.initialize` joined.

    Returns:
        A `keras_lit.data.EmbeddingCache`.

    Raises:
        ValueError: If the image tower is not locked, `pairs` is not what it must be, or `folder`
            holds other files, a damaged shard, or a cache made by another image tower, other
            preprocessing or other data: the message says which differs. Nothing is overwritten.
        OSError: If the folder cannot be written or the disk is full. Finished shards stay.
        TimeoutError: If no other process has finished a shard for ten minutes.

    Example:

    ```python
    import keras
    import keras_lit
    import numpy as np
    import tensorflow as tf

    images, token_ids = keras.Input((8, 8, 3)), keras.Input((4,), dtype="int32")
    image_backbone = keras.Model(images, keras.layers.Conv2D(4, 4)(images))
    text_backbone = keras.Model(token_ids, keras.layers.Embedding(9, 4)(token_ids))
    model = keras_lit.LiTModel(
        keras_lit.Tower(image_backbone, pooling="mean"),
        keras_lit.Tower(text_backbone, pooling="mean"),
    )
    images = np.random.uniform(-1, 1, (6, 8, 8, 3)).astype("float32")
    views = np.stack([images, images[:, :, ::-1]], axis=1)
    pairs = {"images": views, "token_ids": np.random.randint(0, 9, (6, 4))}
    pairs = tf.data.Dataset.from_tensor_slices(pairs).batch(2)
    cache = keras_lit.data.cache_embeddings(model, pairs, "cache/")
    model.compile("adam", keras_lit.losses.SoftmaxContrastiveLoss())
    model.fit(cache.dataset(batch_size=3), epochs=2)
    ```

    Reference:
        - [LiT, section 3](https://arxiv.org/abs/2111.07991): the image tower's embeddings can be
          precomputed.
    """
    _check_arguments(model, pairs, dtype, batches_per_shard)
    folder = pathlib.Path(folder)
    with input_batches.clear_errors():
        identity = _identity(model, pairs, source, dtype, batches_per_shard)
        with cache_files.clear_os_errors(folder):
            _open_folder(folder, identity)
        if not (folder / MANIFEST).exists():
            _write_shards(model, pairs, folder, identity, input_context)
    return EmbeddingCache(folder)


def _check_arguments(model, pairs, dtype, batches_per_shard):
    if not model.image_tower.locked:
        raise ValueError(
            f"`model` has an image tower that trains (tuning={model.tuning!r}), so its embeddings "
            "change and cannot be stored. Set `model.tuning = 'Lu'` first."
        )
    if dtype not in _DTYPES:
        raise ValueError(f"`dtype` must be one of {_DTYPES}. Received: dtype={dtype!r}.")
    if not isinstance(batches_per_shard, int) or batches_per_shard < 1:
        raise ValueError(
            f"`batches_per_shard` must be an integer >= 1. Received: {batches_per_shard!r}."
        )
    raw_pairs.check_pairs(pairs, model.preprocessor)


def _identity(model, pairs, source, dtype, batches_per_shard):
    """Returns what the cache is made from, as JSON values; see `fingerprints`."""
    spec = pairs.element_spec
    is_raw = raw_pairs.is_raw(spec["images"])
    cardinality = int(pairs.cardinality())
    entries = {}
    for name, entry in spec.items():
        if name not in ("images", "captions"):
            entries[name] = {"shape": entry.shape.as_list()[1:], "dtype": entry.dtype.name}
    return {
        "image_tower_weights": fingerprints.weights_fingerprint(model.image_tower),
        "image_tower_architecture": fingerprints.architecture_fingerprint(model.image_tower),
        "image_preprocessing": fingerprints.canonical_config(model.preprocessor.image_converter)
        if is_raw
        else {"ready_made": True},
        "source": source,
        **fingerprints.data_fingerprints(pairs),
        "num_batches": None if cardinality < 0 else cardinality,
        "batches_per_shard": batches_per_shard,
        "has_captions": "captions" in spec,
        "entries": entries,
        "num_views": raw_pairs.num_views(spec["images"]),
        "embedding_dim": model.image_tower.embedding_dim,
        "dtype": dtype,
    }


def _open_folder(folder, identity):
    """Creates the cache's folder, or checks that an existing one is this very cache."""
    if folder.is_file():
        raise NotADirectoryError(errno.ENOTDIR, "it is a file")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / IDENTITY
    if not path.exists():
        others = sorted(entry.name for entry in folder.iterdir() if entry.name[0] != ".")
        if others:
            raise ValueError(
                f"The folder '{folder}' is not an embedding cache, and not empty: it holds "
                f"{others[:3]}. Name a new folder."
            )
        cache_files.write_json(path, identity)
    differing = fingerprints.differences(cache_files.read_json(path), identity)
    if differing:
        raise ValueError(
            f"The embedding cache '{folder}' was made from something else. What differs: "
            f"{'; '.join(differing)}. Name another folder, or delete this one; "
            "`keras_lit.data.EmbeddingCache(folder)` opens it as it is."
        )


class _Share:
    """Which batches of the stream this process embeds: those of its shards that are missing."""

    def __init__(self, folder, batches_per_shard, input_context):
        self.folder = folder
        self.batches_per_shard = batches_per_shard
        self.num_processes = distribution.num_processes()
        self.process = distribution.process_index()
        if input_context is not None:
            self.num_processes = input_context.num_input_pipelines
            self.process = input_context.input_pipeline_id
        self.num_batches = 0
        self.finished = {}
        for path in sorted(folder.glob("shard_*")):
            checksums = cache_files.read_json(path / cache_files.CHECKSUMS)
            cache_files.verify_shard(path, checksums)
            self.finished[int(path.name.removeprefix("shard_"))] = checksums["rows"]

    def is_mine(self, index):
        """Says whether this process embeds the batch `index`, and counts the batches."""
        self.num_batches = max(self.num_batches, int(index) + 1)
        shard = int(index) // self.batches_per_shard
        return shard % self.num_processes == self.process and shard not in self.finished

    @property
    def num_shards(self):
        return math.ceil(self.num_batches / self.batches_per_shard)


def _write_shards(model, pairs, folder, identity, input_context):
    share = _Share(folder, identity["batches_per_shard"], input_context)
    stream = _embedded_batches(model, pairs, identity, share)
    finished = [
        rows
        for shard, rows in share.finished.items()
        if shard % share.num_processes == share.process
    ]
    num_images = identity["num_batches"] and (
        identity["num_batches"] * identity["batch_size"] // share.num_processes
    )
    with tqdm.tqdm(
        desc="Embedding images",
        total=num_images,
        initial=sum(finished),
        unit=" images",
        disable=share.process > 0,
    ) as progress:
        batches, current = [], None
        for index, *batch in stream:
            shard = int(index) // share.batches_per_shard
            if batches and shard != current:
                _write_shard(folder, current, batches, identity)
                batches = []
            batches.append(batch)
            current = shard
            progress.update(len(batch[0]))
        if batches:
            _write_shard(folder, current, batches, identity)
        progress.total = progress.n
    _finish(folder, share)


def _embedded_batches(model, pairs, identity, share):
    """Yields (index, embeddings, captions or None, other entries) of this process's batches."""
    is_raw = raw_pairs.is_raw(pairs.element_spec["images"])
    converted = (
        pairs.enumerate()
        .filter(lambda index, _: tf.numpy_function(share.is_mine, [index], tf.bool))
        .map(
            lambda index, batch: (
                index,
                raw_pairs.flat_images(batch, model.preprocessor),
                raw_pairs.without_images(batch),
            ),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        .prefetch(tf.data.AUTOTUNE)
    )
    replicas = distribution.num_replicas()
    images_per_batch = max(1, identity["batch_size"]) * identity["num_views"]
    multiple = math.ceil(images_per_batch / replicas) * replicas
    distribution.sync_variables(model)
    # Each process has shards of its own, so none may wait for another in here.
    embed = distribution.local_function(model.image_tower)
    for index, images, others in converted:
        images = images.numpy()
        if not is_raw:
            input_batches.check_float_images(images)
        embeddings = np.zeros((0, identity["embedding_dim"]), "float32")
        if len(images):
            embeddings = embed(input_batches.pad_rows(images, multiple))[: len(images)]
        if not np.isfinite(embeddings).all():
            raise ValueError(
                f"The image tower returns NaN or infinity for images of batch {int(index)} of "
                "`pairs`. Check the tower's weights and the images."
            )
        captions = others.pop("captions", None)
        yield (
            int(index),
            embeddings.reshape(-1, identity["num_views"], embeddings.shape[-1]),
            None if captions is None else raw_pairs.caption_rows(captions, int(index)),
            {name: entry.numpy() for name, entry in others.items()},
        )


def _write_shard(folder, shard, batches, identity):
    embeddings, captions, entries = zip(*batches, strict=True)
    with cache_files.clear_os_errors(folder):
        cache_files.write_shard(
            folder,
            shard,
            np.concatenate(embeddings).astype(identity["dtype"]),
            [row for rows in captions for row in rows] if identity["has_captions"] else None,
            {name: np.concatenate([e[name] for e in entries]) for name in identity["entries"]},
        )


def _finish(folder, share):
    """Waits for the other processes' shards and writes the manifest."""
    last_progress, num_found = time.monotonic(), -1
    while not (folder / MANIFEST).exists():
        paths = [cache_files.shard_path(folder, shard) for shard in range(share.num_shards)]
        missing = [path.name for path in paths if not path.exists()]
        if not missing:
            shards = [cache_files.read_json(path / cache_files.CHECKSUMS) for path in paths]
            with cache_files.clear_os_errors(folder):
                cache_files.write_json(folder / MANIFEST, {"shards": shards})
            # What killed processes left behind.
            for leftover in folder.glob(".shard_*"):
                shutil.rmtree(leftover, ignore_errors=True)
            return
        if len(missing) != num_found:
            last_progress, num_found = time.monotonic(), len(missing)
        if time.monotonic() - last_progress > _PATIENCE_SECONDS:
            raise TimeoutError(
                f"The cache '{folder}' still lacks {missing[:3]}, and no other process has "
                f"finished a shard for {_PATIENCE_SECONDS} seconds. Start all {share.num_processes}"
                " processes again: they go on where they stopped."
            )
        time.sleep(0.5)
