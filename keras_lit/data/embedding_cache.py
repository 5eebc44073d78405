"""A folder of stored image embeddings -> batches of embeddings and captions in a seeded order.

The files are memory-mapped `.npy`, NumPy's own format. Measured on one core, 4,096 random rows of
512 float16 numbers with their captions, from 200,000: 5 ms, against 35 ms from ArrayRecord, which
parses every record, copies it and hands it to Python one by one; writing is 40 times faster too.
TFRecord has no random access. Grain and torch read a cache by `__len__` and `__getitem__`.
"""

import functools
import itertools
import pathlib

import numpy as np
import tensorflow as tf

from keras_lit import distribution
from keras_lit.data import cache_files, fingerprints
from keras_lit.data.random_orders import permute
from keras_lit.preprocessing import shares

IDENTITY = "cache.json"
MANIFEST = "manifest.json"
# Each keeps up to five files open; processes may often have but 1,024.
_MAX_OPEN_SHARDS = 128
_HASH_RANGE = 2**31


class EmbeddingCache:
    """Image embeddings stored by `cache_embeddings`, with their captions.

    `len(cache)` is the number of images. `cache[index]` is a dict of one image's
    `image_embeddings`, float32 `(views, dim)`, its `captions`, a list of strings, and other
    entries as they were stored.

    Args:
        folder: Path of the cache.
        model: `keras_lit.LiTModel` that is to be tuned on it, see `check_model`. `None`: not
            checked.

    Raises:
        ValueError: If the folder is no cache, is not finished, lacks files, or stores another
            model's embeddings.

    Example:

    ```python
    import keras_lit

    def tune(model, folder):
        cache = keras_lit.data.EmbeddingCache(folder, model)
        model.fit(cache.dataset(batch_size=4096), epochs=10)
    ```
    """

    def __init__(self, folder, model=None):
        self.folder = pathlib.Path(folder)
        if not (self.folder / IDENTITY).is_file():
            raise ValueError(
                f"'{folder}' is not an embedding cache: it has no '{IDENTITY}'. "
                "`keras_lit.data.cache_embeddings(model, pairs, folder)` writes one."
            )
        self.identity = cache_files.read_json(self.folder / IDENTITY)
        if not (self.folder / MANIFEST).is_file():
            finished = len(list(self.folder.glob("shard_*")))
            raise ValueError(
                f"The embedding cache '{folder}' is half written ({finished} shards are finished). "
                "Call `cache_embeddings` as before: it goes on where it stopped."
            )
        self._shards = cache_files.read_json(self.folder / MANIFEST)["shards"]
        self._ends = np.cumsum([checksums["rows"] for checksums in self._shards])
        self._verified = False
        self._open_shard = functools.lru_cache(_MAX_OPEN_SHARDS)(self._load_shard)
        for number, checksums in enumerate(self._shards):
            path = cache_files.shard_path(self.folder, number)
            missing = [name for name in checksums["files"] if not (path / name).is_file()]
            if missing:
                raise ValueError(cache_files.damaged(path, f"'{missing[0]}' is missing"))
        if model is not None:
            self.check_model(model)

    def __len__(self):
        return int(self._ends[-1])

    def __getitem__(self, index):
        if not -len(self) <= index < len(self):
            raise IndexError(f"The cache holds {len(self)} images. Received: index {index}.")
        (number, _, rows), *_ = self._by_shard(np.array([index % len(self)]))
        shard = self._open_shard(number)
        example = {"image_embeddings": _unit_norm(shard.embeddings(rows))[0]}
        if self.identity["has_captions"]:
            captions = shard.captions(int(rows[0]))
            example["captions"] = [caption.decode("utf-8", "replace") for caption in captions]
        for name in self.identity["entries"]:
            example[name] = shard.entry(name, rows)[0]
        return example

    @property
    def embedding_dim(self):
        """Length of the embeddings."""
        return self.identity["embedding_dim"]

    @property
    def num_views(self):
        """How many views of each image are stored."""
        return self.identity["num_views"]

    def check_model(self, model):
        """Raises if the embeddings are not those of a model's image tower.

        Args:
            model: `keras_lit.LiTModel`.

        Raises:
            ValueError: Says whether weights, architecture or preprocessing differ.
        """
        tower = model.image_tower
        expected = {
            "image_tower_weights": fingerprints.weights_fingerprint(tower),
            "image_tower_architecture": fingerprints.architecture_fingerprint(tower),
        }
        converter = getattr(model.preprocessor, "image_converter", None)
        if converter is not None and "ready_made" not in self.identity["image_preprocessing"]:
            expected["image_preprocessing"] = fingerprints.canonical_config(converter)
        stored = {name: self.identity[name] for name in expected}
        differing = fingerprints.differences(stored, expected)
        if differing:
            raise ValueError(
                f"The embedding cache '{self.folder}' is not of this model's image tower. What "
                f"differs: {'; '.join(differing)}."
            )

    def verify(self):
        """Reads every file once and compares it with its SHA-256 (about 1 GB a second).

        Raises:
            ValueError: Names the first damaged shard and file.
        """
        for number, checksums in enumerate(self._shards):
            cache_files.verify_shard(cache_files.shard_path(self.folder, number), checksums)
        self._verified = True

    def num_batches(self, batch_size, drop_remainder=True):
        """Returns how many batches one pass over the images has."""
        return len(self) // batch_size if drop_remainder else -(-len(self) // batch_size)

    def dataset(
        self,
        batch_size,
        shuffle=True,
        seed=0,
        start_step=0,
        drop_remainder=True,
        num_passes=1,
        input_context=None,
    ):
        """Returns batches for `LiTModel.fit`.

        Batch `step` depends on the arguments and on nothing else: pass `step // num_batches` over
        the images has an order of its own, and chooses one view and one caption of each image. A
        block cipher (TensorFlow's `RandomIndexShuffle`) computes the order, so a global shuffle
        takes no memory and a late start costs nothing.

        Each iteration over the dataset, hence each epoch of `fit`, makes the next `num_passes`
        passes, as with `tf.data`'s own shuffle. To resume a run exactly, take the endless dataset,
        which always begins at `start_step`, and `fit(..., steps_per_epoch=...)`; do not `repeat`.

        The first call reads all files against their checksums.

        Args:
            batch_size: Integer, size of the global batch.
            shuffle: Boolean. `False`: stored order, always the first view and caption.
            seed: Integer.
            start_step: Integer, the first batch to return, counted over all passes. To go on after
                `n` training steps pass `n`.
            drop_remainder: Boolean. `False` returns the last, smaller batch of each pass too.
            num_passes: Integer, passes over the images in one iteration. `None`: endless.
            input_context: `tf.distribute.InputContext`: this process takes its share of the rows
                of every batch. Defaults to the processes of `keras_lit.distribution.initialize`.

        Returns:
            `tf.data.Dataset` of dicts of `image_embeddings`, unit-norm float32 `(batch, dim)`,
            `captions`, strings `(batch,)`, and other entries as stored.

        Raises:
            ValueError: If a shard is damaged, there are fewer images than one batch, or the batch
                does not divide by the processes.
        """
        num_processes = input_context.num_input_pipelines if input_context else 1
        if batch_size < 1 or batch_size % num_processes:
            raise ValueError(
                f"`batch_size` must be > 0 and divide by the {num_processes} process(es). "
                f"Received: batch_size={batch_size}."
            )
        if start_step < 0:
            raise ValueError(f"`start_step` must be >= 0. Received: start_step={start_step}.")
        steps = self.num_batches(batch_size, drop_remainder)
        if not steps:
            raise ValueError(
                f"The cache holds {len(self)} images, fewer than one batch. Received: "
                f"batch_size={batch_size}. Take smaller batches, or drop_remainder=False."
            )
        if not self._verified:
            self.verify()
        if num_passes is not None and num_passes < 1:
            raise ValueError(f"`num_passes` must be >= 1 or None. Received: {num_passes}.")

        share, is_local = _share_of(input_context, drop_remainder)

        def read(step):
            start = step % steps * batch_size
            first, last = share(tf.minimum(start + batch_size, len(self)) - start)
            positions = start + tf.range(first, last)
            if not shuffle:
                return self._read(positions, tf.zeros_like(positions), tf.zeros_like(positions))
            epoch = step // steps
            images = permute(positions, seed, epoch, 0, len(self))
            views = permute(images, seed, epoch, 1, _HASH_RANGE)
            captions = permute(images, seed, epoch, 2, _HASH_RANGE)
            return self._read(images, views, captions)

        first, last = share(batch_size)
        rows = last - first if drop_remainder else None
        numbers = tf.data.Dataset.counter(start_step)
        if num_passes:
            numbers = _consecutive_ranges(start_step, steps * num_passes)
        batches = numbers.map(
            lambda step: self._with_shapes(read(step), rows), num_parallel_calls=tf.data.AUTOTUNE
        ).prefetch(tf.data.AUTOTUNE)
        return shares.mark_local(batches) if is_local else batches

    def _read(self, images, views, captions):
        """Returns the dict of tensors of some images, inside tf.data."""
        entries = {
            name: tf.as_dtype(entry["dtype"]) for name, entry in self.identity["entries"].items()
        }
        dtypes = {"image_embeddings": tf.float32, **entries}
        if self.identity["has_captions"]:
            dtypes["captions"] = tf.string
        values = tf.numpy_function(
            functools.partial(self._read_arrays, list(dtypes)),
            [images, views, captions],
            list(dtypes.values()),
        )
        return dict(zip(dtypes, values, strict=True))

    def _with_shapes(self, batch, rows):
        inner = {name: entry["shape"] for name, entry in self.identity["entries"].items()}
        inner.update(image_embeddings=[self.embedding_dim], captions=[])
        return {name: tf.ensure_shape(value, [rows, *inner[name]]) for name, value in batch.items()}

    def _read_arrays(self, names, images, views, captions):
        read = {name: [] for name in names}
        order = []
        for number, places, rows in self._by_shard(images):
            shard = self._open_shard(number)
            order.append(places)
            for name in names:
                if name == "image_embeddings":
                    chosen = shard.embeddings(rows)[
                        np.arange(len(rows)), views[places] % self.num_views
                    ]
                    read[name].append(_unit_norm(chosen))
                elif name == "captions":
                    texts = shard.chosen_captions(rows, captions[places])
                    read[name].append(np.array(texts, object))
                else:
                    read[name].append(shard.entry(name, rows))
        back = np.argsort(np.concatenate(order))
        return [np.concatenate(read[name])[back] for name in names]

    def _by_shard(self, images):
        """Yields (number of the shard, places in `images`, rows of the shard)."""
        numbers = np.searchsorted(self._ends, images, side="right")
        for number in np.unique(numbers).tolist():
            places = np.flatnonzero(numbers == number)
            start = self._ends[number] - self._shards[number]["rows"]
            yield number, places, images[places] - start

    def _load_shard(self, number):
        path = cache_files.shard_path(self.folder, number)
        return cache_files.Shard(path, self._shards[number]["files"])


def _share_of(input_context, drop_remainder):
    """Returns which rows to read of so many rows of a batch, and if they are only some of them."""
    if input_context is not None:
        num_shares = input_context.num_input_pipelines
        part = functools.partial(_part, input_context.input_pipeline_id, num_shares)
        return part, num_shares > 1
    if drop_remainder:
        return distribution.local_rows, distribution.num_processes() > 1
    # `fit` takes this process's rows of it, for it must pad the last batch first.
    return functools.partial(_part, 0, 1), False


def _part(index, num_parts, rows):
    return index * rows // num_parts, (index + 1) * rows // num_parts


def _consecutive_ranges(start, size):
    """Returns a dataset of `size` integers that goes on in each iteration where it ended."""
    starts = itertools.count(start, size)
    return (
        tf.data.Dataset.range(1)
        .map(lambda _: tf.numpy_function(lambda: np.int64(next(starts)), [], tf.int64))
        .flat_map(lambda first: tf.data.Dataset.range(first, first + size))
        .apply(tf.data.experimental.assert_cardinality(size))
    )


def _unit_norm(embeddings):
    embeddings = np.asarray(embeddings, "float32")
    # Rounding to float16 moved the lengths by up to 5e-4.
    return embeddings / np.maximum(np.linalg.norm(embeddings, axis=-1, keepdims=True), 1e-8)
