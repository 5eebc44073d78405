"""Sources -> one source: several mixed by weights, or one with its captions cleaned."""

import hashlib
import json

import numpy as np
import tensorflow as tf

from keras_lit.data.caption_cleaning import clean_captions
from keras_lit.data.source import Source

# Random choices of a source are drawn in blocks, so that a late start can count them.
_BLOCK_SIZE = 256


class Mixture(Source):
    """Several sources as one.

    Training pairs come from each source in proportion to its weight, each going round its own
    records. In order, the sources come one after the other, whatever their weights.

    Args:
        sources: List of `Source`.
        weights: List of floats > 0, one per source. Defaults to their numbers of records, so that
            all records are as likely.

    Raises:
        ValueError: If there are not as many weights as sources, or one is not > 0.

    Example:

    ```python
    import pathlib

    import keras
    import keras_lit
    import numpy as np

    for name, color in {"red": (255, 0, 0), "blue": (0, 0, 255)}.items():
        keras.utils.save_img(f"{name}.png", np.full((8, 8, 3), color), scale=False)
        pathlib.Path(f"{name}.tsv").write_text(f"{name}.png\\ta {name} square\\n")
    sources = [keras_lit.data.ImageTable(f"{name}.tsv") for name in ("red", "blue")]
    mixture = keras_lit.data.Mixture(sources, weights=[0.8, 0.2])
    pairs = mixture.training_pairs(batch_size=8, transform=keras_lit.data.Resize(8))
    ```
    """

    def __init__(self, sources, weights=None):
        if not sources:
            raise ValueError("`sources` is empty.")
        weights = [len(source) for source in sources] if weights is None else list(weights)
        if len(weights) != len(sources) or not all(weight > 0 for weight in weights):
            raise ValueError(
                f"`weights` must be {len(sources)} numbers > 0, one per source. Received: "
                f"weights={weights}."
            )
        self._sources = list(sources)
        self._ends = np.cumsum(weights) / sum(weights)
        self.name = " + ".join(source.name for source in sources)
        parts = [[source.source for source in sources], weights]
        self.version = hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def __len__(self):
        return sum(len(source) for source in self._sources)

    def records(self, group_size):
        records, *others = [_ungrouped(source.records(group_size)) for source in self._sources]
        for other in others:
            records = records.concatenate(other)
        return records.ragged_batch(group_size)

    def stream(self, group_size, seed, start=0, process=0, num_processes=1):
        block, rest = divmod(start, _BLOCK_SIZE)
        num_sources = len(self._sources)
        starts = np.bincount(self._choose(seed, process, block)[:rest], minlength=num_sources)
        for number in range(block):
            starts += np.bincount(self._choose(seed, process, number), minlength=num_sources)
        streams = [
            _ungrouped(source.stream(group_size, seed, int(start), process, num_processes))
            for source, start in zip(self._sources, starts, strict=True)
        ]
        choices = tf.data.Dataset.counter(block).map(
            lambda number: self._choose(seed, process, number)
        )
        records = tf.data.Dataset.choose_from_datasets(streams, choices.unbatch().skip(rest))
        return records.ragged_batch(group_size)

    def _choose(self, seed, process, block):
        """Returns the numbers of the sources of a block of records."""
        block_seed = tf.random.fold_in(tf.stack([seed, process]), tf.cast(block, tf.int32))
        draws = tf.random.stateless_uniform([_BLOCK_SIZE], block_seed, dtype=tf.float64)
        choices = tf.searchsorted(self._ends, draws, side="right", out_type=tf.int64)
        return tf.minimum(choices, len(self._sources) - 1)


def _ungrouped(groups):
    """Returns single records, all with the same entries."""

    def complete(group):
        nothing = tf.fill(tf.shape(group["key"]), "")
        return {"image": nothing, "path": nothing, **group}

    return groups.map(complete).unbatch()


class CleanCaptions(Source):
    """A source whose captions are cleaned, before they are looked at.

    A picture of whose captions nothing is left is skipped and counted.

    Args:
        source: `Source`.
        clean: Function from a string tensor `(captions,)` to another, in TensorFlow operations.
            Defaults to `keras_lit.data.clean_captions`.

    Example:

    ```python
    import pathlib

    import keras
    import keras_lit
    import numpy as np

    keras.utils.save_img("red.png", np.full((8, 8, 3), (255, 0, 0)), scale=False)
    pathlib.Path("red.tsv").write_text("red.png\\t<b>a  red&nbsp;square</b>\\n")
    source = keras_lit.data.CleanCaptions(keras_lit.data.ImageTable("red.tsv"))
    for batch in source.pairs(batch_size=1):
        print(batch["captions"])  # [[b"a red square"]]
    ```
    """

    def __init__(self, source, clean=clean_captions):
        self._source = source
        self._clean = clean
        self.name, self.split = source.name, source.split
        self.version = f"{source.version}, captions by {clean.__name__}"
        self.image_shape = source.image_shape

    def __len__(self):
        return len(self._source)

    def records(self, group_size):
        return self._source.records(group_size).map(self._cleaned)

    def stream(self, group_size, seed, start=0, process=0, num_processes=1):
        groups = self._source.stream(group_size, seed, start, process, num_processes)
        return groups.map(self._cleaned)

    def _cleaned(self, group):
        captions = group["captions"]
        return {**group, "captions": captions.with_flat_values(self._clean(captions.flat_values))}
