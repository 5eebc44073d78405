"""What every source of pictures and captions can do: one pass in order, or endless training pairs.

A source only says which raw records it has (see `decoding`): `records` in one stable order, and
`stream` in an endless random one, of which each process gets its share. Decoding, broken records,
batches, the choice of captions, augmentation and exact resumption are here, once for all sources.
"""

import abc

import numpy as np
import tensorflow as tf

from keras_lit import distribution
from keras_lit.data import decoding
from keras_lit.data.broken_records import BrokenRecords
from keras_lit.data.random_orders import permute
from keras_lit.preprocessing import shares

_HASH_RANGE = 2**31
# Groups of so many records are decoded at once while training.
_GROUP_SIZE = 128


class Source(abc.ABC):
    """Pictures with captions, whatever they are stored in.

    Subclasses set `name`, `version` and `split`, and implement `__len__`, `records` and `stream`.

    Attributes:
        name: String, what the data is called: the name of a file, a folder, a TFDS data set.
        version: String that changes with the data.
        split: String, the part of the data that this is.
        image_shape: Shape of a decoded picture, `(None, None, 3)` where sizes differ.
    """

    name = ""
    version = ""
    split = "all"
    image_shape = (None, None, 3)

    @abc.abstractmethod
    def __len__(self):
        """Returns the number of records, broken ones included; may have to read through files."""

    @abc.abstractmethod
    def records(self, group_size):
        """Returns a `tf.data.Dataset` of all raw records, in the same order each time.

        Args:
            group_size: Integer, records per group; the last group may have fewer.
        """

    @abc.abstractmethod
    def stream(self, group_size, seed, start=0, process=0, num_processes=1):
        """Returns the endless stream of raw records of one process, in random order.

        The stream goes through the process's share of the data again and again, each time in
        another order; nothing comes twice in between. It depends on the arguments alone.

        Args:
            group_size: Integer, records per group.
            seed: Integer.
            start: Integer, how many records to leave out at the beginning.
            process: Integer in `[0, num_processes)`.
            num_processes: Integer.

        Returns:
            `tf.data.Dataset` of groups of raw records.
        """

    @property
    def source(self):
        """Dict that identifies the data, for the `source` of `cache_embeddings`."""
        return {"name": self.name, "version": self.version, "split": self.split}

    def captions(self):
        """Returns a `tf.data.Dataset` of all captions, strings `(captions,)`, without pictures."""

        def texts(group):
            # Without what is not UTF-8, which `pairs` leaves out with its record.
            captions = group["captions"].flat_values
            return tf.strings.unicode_transcode(captions, "UTF-8", "UTF-8", errors="ignore")

        return self.records(group_size=1024).map(texts)

    def pairs(self, batch_size, broken=None):
        """Returns all pictures, each with all of its captions, in the order of the source.

        Args:
            batch_size: Integer. Batches with broken records are smaller.
            broken: `BrokenRecords` that notes what is skipped. Defaults to a new one, which stops
                with an error above 5 %.

        Returns:
            `tf.data.Dataset` of dicts of `images`, uint8 `(batch, height, width, 3)`, ragged where
            their sizes differ, and `captions`, ragged strings `(batch, captions)`.
        """
        return self.keyed_pairs(batch_size, broken).map(_without_keys)

    def keyed_pairs(self, batch_size, broken=None):
        """Returns `pairs` with their `keys`, strings `(batch,)` that name the records."""
        broken = BrokenRecords() if broken is None else broken

        def finish(position, key, image, captions):
            del position
            image = tf.ensure_shape(image, self.image_shape)
            return {"images": image, "captions": captions, "keys": key}

        groups = decoding.with_positions(self.records(batch_size), batch_size)
        num_groups = int(groups.cardinality())
        groups = groups.concatenate(decoding.end_of_records(groups.element_spec[1]))
        pairs = decoding.decode_groups(groups, _all_captions, finish, broken)
        if num_groups < 0:
            return pairs
        return pairs.apply(tf.data.experimental.assert_cardinality(num_groups))

    def training_pairs(
        self, batch_size, transform, seed=0, start_step=0, input_context=None, broken=None
    ):
        """Returns endless random batches of augmented pictures, each with one of its captions.

        Batch `step` depends on the arguments and on nothing else, and so does every random choice
        in it: order, captions, augmentation. A record comes again only when all others have come;
        then it may come with another caption. Broken records are left out, and batches are full
        all the same.

        To resume after `n` training steps pass `start_step=n` and the `broken` of the interrupted
        run (`broken.save(path)` at a checkpoint, `BrokenRecords.load(path)`), which says where the
        stream was. Without it, and with broken records, all the skipped pictures must be decoded
        again to get to the same place.

        Args:
            batch_size: Integer, size of the global batch.
            transform: Function from a picture, uint8 `(height, width, 3)`, and a seed, int32
                `(2,)`, to a picture of a fixed size: `keras_lit.data.Resize`, `Augmentation`.
            seed: Integer.
            start_step: Integer, the first batch to return.
            input_context: `tf.distribute.InputContext`: this process reads its share of the files
                (of the rows of a table) and gives its share of every batch. Defaults to the
                processes of `keras_lit.distribution.initialize`.
            broken: `BrokenRecords` that notes what is skipped. Defaults to a new one, which stops
                with an error above 5 %.

        Returns:
            `tf.data.Dataset` of dicts of `images`, uint8 `(batch, *image_size, 3)`, and
            `captions`, strings `(batch,)`.

        Raises:
            ValueError: If the batch does not divide by the processes, or the data does not go
                round.
        """
        process, num_processes = _share_of(input_context, batch_size)
        if start_step < 0:
            raise ValueError(f"`start_step` must be >= 0. Received: start_step={start_step}.")
        broken = BrokenRecords() if broken is None else broken
        rows = batch_size // num_processes
        position, skipped = broken.position_after(start_step * rows), 0
        if position is None:
            position, skipped = 0, start_step

        image_seed, caption_seed = np.random.SeedSequence([seed, process]).generate_state(2) // 2

        def choose_captions(positions, captions):
            draws = permute(positions % _HASH_RANGE, caption_seed, 0, 0, _HASH_RANGE)
            # A record without captions is broken anyway.
            numbers = draws % tf.maximum(captions.row_lengths(), 1)
            padded = tf.concat([captions.flat_values, [""]], axis=0)
            return tf.gather(padded, captions.row_starts() + numbers)

        def finish(position, key, image, caption):
            del key
            place = tf.stack([image_seed, tf.cast(position, tf.int32)])
            return {"images": transform(image, place), "captions": caption}

        group_size = min(rows, _GROUP_SIZE)
        records = self.stream(group_size, seed, position, process, num_processes)
        groups = decoding.with_positions(records, group_size, position)
        pairs = decoding.decode_groups(groups, choose_captions, finish, broken)
        _check_fixed_size(pairs.element_spec["images"], transform)
        pairs = pairs.rebatch(rows, drop_remainder=True).skip(skipped).prefetch(tf.data.AUTOTUNE)
        return shares.mark_local(pairs) if num_processes > 1 else pairs


def _share_of(input_context, batch_size):
    """Returns which share of the data this process reads, and of how many."""
    num_shares = input_context.num_input_pipelines if input_context else 1
    if batch_size < 1 or batch_size % num_shares:
        raise ValueError(
            f"`batch_size` must be > 0 and divide by the {num_shares} process(es). "
            f"Received: batch_size={batch_size}."
        )
    if input_context is not None:
        return input_context.input_pipeline_id, num_shares
    first, last = distribution.local_rows(batch_size)
    return first // (last - first), batch_size // (last - first)


def _check_fixed_size(spec, transform):
    if not isinstance(spec, tf.TensorSpec) or None in spec.shape[1:]:
        raise ValueError(
            f"`transform` must make pictures of one fixed size. Received: {transform!r}, which "
            f"makes {spec}. Begin with `keras_lit.data.Resize(image_size)`."
        )


def _all_captions(positions, captions):
    del positions
    return captions


def _without_keys(batch):
    return {name: values for name, values in batch.items() if name != "keys"}
