"""Batches of the global batch -> this process's rows, padded so that the devices divide them.

A padded row is a copy, and `pair_mask`, float32 `(rows,)`, is 0 for it and 1 for all others: losses
and metrics count every pair once, and `predict` leaves copies out. Batches of a known size that
the devices divide get no mask.
"""

import tensorflow as tf

from keras_lit import distribution
from keras_lit.preprocessing import batches as input_checks

PAIR_MASK = "pair_mask"
_LOCAL = tf.data.experimental.AutoShardPolicy.OFF


def local_share(batches):
    """Keeps of every global batch the rows that this process trains on.

    `LiTModel.fit` does so at the end of a pipeline where it was not done before. Done early, a
    process reads and decodes its own rows only:

    ```python
    import keras_lit
    import tensorflow as tf

    paths = tf.data.Dataset.from_tensor_slices(["a.png", "b.png"]).batch(2, drop_remainder=True)
    paths = paths.apply(keras_lit.data.local_share)  # Then map them to pictures.
    ```

    Processes get equal shares of every batch, so all take the same number of steps, and no pair is
    read twice. A last batch that the devices do not divide is padded first.

    Args:
        batches: `tf.data.Dataset` of the same global batches in every process; dicts, where the
            last one may be smaller.

    Returns:
        `tf.data.Dataset`; it carries the mark of TensorFlow for data that is sharded already,
        `auto_shard_policy = OFF`, which later transformations keep. All rows where one process
        trains.

    Raises:
        ValueError: If batches that may need padding are no dicts.
    """
    if distribution.num_processes() == 1 or is_local(batches):
        return batches
    batches = _pad_batches(batches, distribution.num_replicas())
    return mark_local(batches.map(_take_local_rows, num_parallel_calls=tf.data.AUTOTUNE))


def is_local(batches):
    """Says whether the batches of a data set hold this process's rows only."""
    return batches.options().experimental_distribute.auto_shard_policy == _LOCAL


def mark_local(batches):
    """Marks a data set as one whose batches hold this process's rows only."""
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = _LOCAL
    return batches.with_options(options)


def _take_local_rows(batch):
    def take(rows):
        first, last = distribution.local_rows(rows.shape[0] or tf.shape(rows)[0])
        return rows[first:last]

    return tf.nest.map_structure(take, batch)


def share_batches(batches, row_multiple=1):
    """Pads batches to a number of rows that the devices divide, and keeps this process's rows.

    Args:
        batches: `tf.data.Dataset` of dicts, or another data source, which is returned as it is.
        row_multiple: Integer, a number of consecutive rows that must stay on one device.

    Returns:
        What Keras trains on, see `distribution.distribute_batches`.

    Raises:
        ValueError: If another data source is to train on several devices.
    """
    multiple = distribution.num_replicas() * row_multiple
    if not isinstance(batches, tf.data.Dataset):
        if distribution.num_processes() > 1:
            raise ValueError(
                "In several processes batches must come as a tf.data.Dataset. Received: "
                f"{type(batches).__name__}."
            )
        return batches
    if is_local(batches):
        first, last = distribution.local_rows(multiple)
        multiple = last - first
    return distribution.distribute_batches(local_share(_pad_batches(batches, multiple)))


def _pad_batches(batches, multiple):
    """Pads every batch to a multiple, where sizes are not known to be one."""
    sizes = [spec.shape[0] for spec in tf.nest.flatten(batches.element_spec)]
    if all(size is not None and size % multiple == 0 for size in sizes) or multiple == 1:
        return batches
    if not isinstance(batches.element_spec, dict):
        raise ValueError(
            f"Batches whose size {multiple} devices may not divide must be dicts, to take a mask. "
            f"Received: {batches.element_spec}. Map them to dicts, or batch them by "
            "`dataset.batch(batch_size, drop_remainder=True)`."
        )
    return batches.map(lambda batch: _pad(batch, multiple), num_parallel_calls=tf.data.AUTOTUNE)


def _pad(batch, multiple):
    num_rows = tf.shape(tf.nest.flatten(batch)[0])[0]
    num_padded = -num_rows % multiple

    def pad(rows):
        padded = tf.concat([rows, tf.repeat(rows[:1], num_padded, axis=0)], axis=0)
        known = rows.shape[0] and rows.shape[0] + -rows.shape[0] % multiple
        return tf.ensure_shape(padded, (known, *rows.shape[1:]))

    padded = tf.nest.map_structure(pad, batch)
    mask = batch.get(PAIR_MASK, tf.ones(num_rows))
    mask = tf.concat([mask, tf.zeros(num_padded)], axis=0)
    return {**padded, PAIR_MASK: tf.ensure_shape(mask, tf.nest.flatten(padded)[0].shape[:1])}


def predict_rows(tower, inputs):
    """Runs a tower on a few rows, which all processes pass alike.

    Args:
        tower: `keras_lit.Tower`.
        inputs: Array or dict of arrays, `(rows, ...)`.

    Returns:
        Float32 NumPy array `(rows, dim)`, in every process.
    """
    padded = input_checks.pad_rows(inputs, distribution.num_replicas())
    if distribution.num_processes() == 1:
        outputs = distribution.local_function(tower)(padded)
    else:
        num_padded = input_checks.num_rows(padded)
        batch = tf.data.Dataset.from_tensor_slices(padded).batch(num_padded, drop_remainder=True)
        outputs = tower.predict(share_batches(batch), verbose=0)
    return outputs[: input_checks.num_rows(inputs)]


def without_padding(outputs):
    """Leaves the padded rows out of what `predict` returned, a dict of NumPy arrays."""
    mask = outputs.pop(PAIR_MASK, None)
    if mask is None:
        return outputs
    return {name: rows[mask > 0] for name, rows in outputs.items()}


def check_divides(batches, row_multiple=1):
    """Checks that the devices divide the batches to train on, all but a smaller last one.

    Args:
        batches: `tf.data.Dataset`, or another data source, which is not checked.
        row_multiple: As for `share_batches`.

    Returns:
        `tf.data.Dataset` that checks its first batch.

    Raises:
        ValueError: If batches are of a known size that the devices do not divide.
    """
    multiple = distribution.num_replicas() * row_multiple
    if not isinstance(batches, tf.data.Dataset) or multiple == 1:
        return batches
    if is_local(batches):
        first, last = distribution.local_rows(multiple)
        multiple = last - first
    what = f"{distribution.num_replicas()} devices of {distribution.num_processes()} process(es)"
    if row_multiple > 1:
        what += f", each with groups of {row_multiple} pairs,"
    problem = f"{what} must divide the batch size. Use a multiple of {multiple}."
    for spec in tf.nest.flatten(batches.element_spec):
        if spec.shape[0] is not None and spec.shape[0] % multiple:
            raise ValueError(f"{problem} Received: batches of {spec.shape[0]} pairs.")

    def check(batch):
        num_rows = tf.shape(tf.nest.flatten(batch)[0])[0]
        return tf.debugging.Assert(
            num_rows % multiple == 0,
            [f"{input_checks.MARK}{problem} Received a batch of this many pairs:", num_rows],
        )

    return input_checks.check_first(batches, check)


def check_chunk_size(batches, chunk_size):
    """Checks that a loss's chunks are no larger than the first batch; a last one may be smaller.

    Args:
        batches: `tf.data.Dataset`, or another data source, which is not checked.
        chunk_size: Integer, or `None`, which fits any batch.

    Returns:
        `tf.data.Dataset` that checks its first batch.
    """
    if not isinstance(batches, tf.data.Dataset) or chunk_size is None:
        return batches
    num_shares = distribution.num_processes() if is_local(batches) else 1

    def check(batch):
        num_pairs = num_shares * tf.shape(tf.nest.flatten(batch)[0])[0]
        problem = (
            f"{input_checks.MARK}`chunk_size={chunk_size}` must not exceed the global batch. Leave "
            "it out to have it chosen. Received a batch of this many pairs:"
        )
        return tf.debugging.Assert(num_pairs >= chunk_size, [problem, num_pairs])

    return input_checks.check_first(batches, check)
