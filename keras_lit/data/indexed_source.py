"""Rows of paths and captions in memory -> raw records, and streams of them in global order."""

import tensorflow as tf

from keras_lit.data.random_orders import permute
from keras_lit.data.source import Source


class IndexedSource(Source):
    """A source whose pictures are files, listed in memory.

    A stream shuffles all rows of a process, not a window of them, and starts anywhere at no cost.

    Args:
        keys: List of strings that name the pictures in messages.
        paths: List of strings, the files.
        captions: List of one list of strings or bytes per picture.
        problems: List of strings, what is wrong with a row, or `""`.
    """

    def __init__(self, keys, paths, captions, problems):
        self._columns = {
            "key": tf.constant([_as_bytes(key) for key in keys], tf.string),
            "path": tf.constant([_as_bytes(path) for path in paths], tf.string),
            "problem": tf.constant(problems, tf.string),
        }
        texts = [_as_bytes(text) for row in captions for text in row]
        lengths = tf.constant([len(row) for row in captions], tf.int64)
        self._captions = tf.RaggedTensor.from_row_lengths(tf.constant(texts, tf.string), lengths)

    def __len__(self):
        return int(self._columns["key"].shape[0])

    def records(self, group_size):
        return tf.data.Dataset.range(len(self)).batch(group_size).map(self._records)

    def stream(self, group_size, seed, start=0, process=0, num_processes=1):
        if len(self) < num_processes:
            raise ValueError(
                f"'{self.name}' has {len(self)} records, which do not go round {num_processes} "
                "processes."
            )
        num_rows = len(range(process, len(self), num_processes))

        def read(positions):
            # A group may reach into the next epoch, whose order is another.
            epochs, places = positions // num_rows, positions % num_rows
            rows = permute(places, seed, epochs, 3, num_rows)
            return self._records(rows * num_processes + process)

        return tf.data.Dataset.counter(start).batch(group_size).map(read)

    def _records(self, rows):
        records = {name: tf.gather(column, rows) for name, column in self._columns.items()}
        return {**records, "captions": tf.gather(self._captions, rows)}


def _as_bytes(text):
    """Returns the bytes of a text that was decoded with `surrogateescape`."""
    if isinstance(text, bytes):
        return text
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
