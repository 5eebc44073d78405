"""Files of many records each -> raw records, and streams of them shuffled by file and in blocks."""

import abc
import dataclasses
import hashlib
import itertools
import re

import numpy as np
import tensorflow as tf

from keras_lit.data.random_orders import permute
from keras_lit.data.source import Source

# Shards that are read at the same time, and records of them that are shuffled together.
_OPEN_SHARDS = 16
_BLOCK_SIZE = 2048
# Records that Python hands to TensorFlow at once.
_CHUNK_SIZE = 32


@dataclasses.dataclass(frozen=True)
class Record:
    """One picture of a shard.

    Attributes:
        key: String that names it in messages.
        image: Bytes of the encoded picture.
        captions: Tuple of bytes.
        problem: String, what is wrong with it, or `""`.
    """

    key: str
    image: bytes = b""
    captions: tuple = ()
    problem: str = ""


class ShardedSource(Source):
    """A source that is stored as shards, local or `gs://`, each read from its beginning.

    Subclasses implement `read_shard`. A stream takes the shards of a process in random order, 16
    at a time, and shuffles blocks of 2,048 records.

    Args:
        shards: List of strings, the files, in a stable order.

    Raises:
        ValueError: If there are none.
    """

    def __init__(self, shards):
        if not shards:
            raise ValueError(f"'{self.name}' has no shard.")
        self.shards = list(shards)
        self._sizes = {}

    @abc.abstractmethod
    def read_shard(self, shard):
        """Yields the `Record`s of a shard; an exception ends the shard and counts as one."""

    def __len__(self):
        return self._num_records(self.shards)

    def _num_records(self, shards):
        for shard in shards:
            if shard not in self._sizes:
                self._sizes[shard] = self.count_shard(shard)
        return sum(self._sizes[shard] for shard in shards)

    def count_shard(self, shard):
        """Returns how many records `read_shard` yields."""
        return sum(1 for _ in self._read_to_the_end(shard))

    def records(self, group_size):
        shards = tf.data.Dataset.from_tensor_slices(self.shards)
        return shards.flat_map(self._shard_records).ragged_batch(group_size)

    def stream(self, group_size, seed, start=0, process=0, num_processes=1):
        if len(self.shards) < num_processes:
            raise ValueError(
                f"'{self.name}' has {len(self.shards)} shards, which do not go round "
                f"{num_processes} processes. Write at least one for each."
            )
        shards = self.shards[process::num_processes]
        epoch, start = divmod(start, self._num_records(shards)) if start else (0, 0)
        numbers = tf.range(len(shards), dtype=tf.int64)

        def one_pass(epoch):
            order = permute(numbers, seed, epoch, 3, len(shards))
            records = tf.data.Dataset.from_tensor_slices(tf.gather(shards, order)).interleave(
                self._shard_records,
                cycle_length=min(len(shards), _OPEN_SHARDS),
                num_parallel_calls=tf.data.AUTOTUNE,
                deterministic=True,
            )

            def shuffle_block(number, block):
                rows = tf.shape(block["key"], tf.int64)[0]
                # Odd, so that no other order has this seed.
                order = permute(tf.range(rows), seed, epoch, 2 * number + 5, rows)
                return tf.nest.map_structure(lambda values: tf.gather(values, order), block)

            return records.ragged_batch(_BLOCK_SIZE).enumerate().map(shuffle_block).unbatch()

        records = tf.data.Dataset.counter(epoch).flat_map(one_pass).skip(start)
        return records.ragged_batch(group_size)

    def _shard_records(self, shard):
        """Returns the dataset of a shard's records, inside tf.data."""
        chunks = tf.data.Dataset.from_generator(
            self._read_chunks,
            args=[shard],
            output_signature={
                **{name: tf.TensorSpec((None,), tf.string) for name in ("key", "image", "problem")},
                "captions": tf.TensorSpec((None,), tf.string),
                "num_captions": tf.TensorSpec((None,), tf.int64),
            },
        )

        def with_ragged_captions(chunk):
            lengths = chunk.pop("num_captions")
            captions = tf.RaggedTensor.from_row_lengths(chunk.pop("captions"), lengths)
            return {**chunk, "captions": captions}

        return chunks.map(with_ragged_captions).unbatch()

    def _read_chunks(self, shard):
        records = self._read_to_the_end(shard.decode())
        while chunk := list(itertools.islice(records, _CHUNK_SIZE)):
            captions = [caption for record in chunk for caption in record.captions]
            yield {
                "key": _strings(record.key.encode() for record in chunk),
                "image": _strings(record.image for record in chunk),
                "problem": _strings(record.problem.encode() for record in chunk),
                "captions": _strings(captions),
                "num_captions": np.array([len(record.captions) for record in chunk], np.int64),
            }

    def _read_to_the_end(self, shard):
        number = 0
        try:
            for record in self.read_shard(shard):
                number += 1
                yield record
        except Exception as error:  # Whatever it is, it must not end the other shards.
            reason = str(error).split("\n")[0]
            problem = f"shard that ends before its time ({type(error).__name__}: {reason})"
            yield Record(f"{shard}, after {number:,} records", problem=problem)


def list_shards(pattern):
    """Returns the files of a pattern with `*`, `?`, `{000..012}` or `{a,b}`, sorted.

    Args:
        pattern: String, local or `gs://`.

    Raises:
        ValueError: If there is none, or one of a range is missing.
    """
    expanded = list(_expand_braces(pattern))
    shards = [sorted(tf.io.gfile.glob(part)) for part in expanded]
    missing = [part for part, found in zip(expanded, shards, strict=True) if not found]
    if missing:
        raise ValueError(f"There is no file '{missing[0]}' ({len(missing)} of '{pattern}').")
    return list(itertools.chain(*shards))


def files_version(paths):
    """Returns a digest of the names and sizes of files, hexadecimal."""
    digest = hashlib.sha256()
    for path in paths:
        name = re.split(r"[/\\]", path)[-1]
        digest.update(f"{name}\0{tf.io.gfile.stat(path).length}\0".encode())
    return digest.hexdigest()


def _expand_braces(pattern):
    match = re.search(r"\{([^{}]*)\}", pattern)
    if match is None:
        yield pattern
        return
    ends = re.fullmatch(r"(\d+)\.\.(\d+)", match[1])
    choices = match[1].split(",")
    if ends:
        numbers = range(int(ends[1]), int(ends[2]) + 1)
        choices = [str(number).zfill(len(ends[1])) for number in numbers]
    for choice in choices:
        yield from _expand_braces(pattern[: match.start()] + choice + pattern[match.end() :])


def _strings(values):
    values = list(values)
    array = np.empty(len(values), object)
    array[:] = values
    return array
