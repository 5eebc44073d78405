"""A layer's inputs (rows, ...) -> its embeddings (rows, dim), one micro-batch after another."""

import keras
from keras import ops

from keras_lit import distribution


def check_micro_batch_size(micro_batch_size):
    """Raises a ValueError if no batch could be cut into such micro-batches."""
    if micro_batch_size is None:
        return
    if not isinstance(micro_batch_size, int) or micro_batch_size < 1:
        raise ValueError(
            f"`micro_batch_size` must be an integer >= 1. Received: micro_batch_size="
            f"{micro_batch_size!r}. Leave it out to run the whole batch at once."
        )
    num_replicas = distribution.num_replicas()
    if micro_batch_size % num_replicas:
        raise ValueError(
            f"`micro_batch_size` must be a multiple of the number of devices, {num_replicas}, "
            f"because each holds a share of every micro-batch. Received: micro_batch_size="
            f"{micro_batch_size}. Pass {-(-micro_batch_size // num_replicas) * num_replicas}."
        )


def map_layer(layer, function, inputs, micro_batch_size, training):
    """Embeds a batch in micro-batches, exactly as if at once.

    Random seeds run on from one micro-batch to the next, so that no two drop alike, and run the
    same again in the backward pass.

    Args:
        layer: The `keras.Layer` whose variables `function` reads.
        function: `micro_batch -> float32 (micro_batch_rows, dim)`.
        inputs: Tensor `(rows, ...)`, or a list or dict of them.
        micro_batch_size: Integer, rows of the global batch at once.
        training: Boolean. Where it is false, a batch that micro-batches do not divide goes at once.

    Returns:
        Tensor `(rows, dim)`.

    Raises:
        ValueError: If `micro_batch_size` does not divide the batch, or if what the layer computes
            for one row depends on the others, as with batch normalization.
    """
    num_rows = ops.shape(keras.tree.flatten(inputs)[0])[0]
    micro_rows = int(distribution.replica_share(micro_batch_size))
    if not isinstance(num_rows, int) or num_rows % micro_rows:
        if not training:
            return function(inputs)
        if isinstance(num_rows, int):
            raise ValueError(
                f"`micro_batch_size` must divide the batch. Received: micro_batch_size="
                f"{micro_batch_size} and a batch of {distribution.num_replicas()} x {num_rows}."
            )
    trained = layer.trainable_variables
    weight_ids = {id(variable) for variable in layer.weights}
    others = layer.non_trainable_variables
    frozen = [variable for variable in others if id(variable) in weight_ids]
    seeds = [variable for variable in others if id(variable) not in weight_ids]
    frozen_values = _values(frozen)

    def call(trained_values, seed_values, micro_batch):
        mapping = zip(
            [*trained, *frozen, *seeds],
            [*trained_values, *frozen_values, *seed_values],
            strict=True,
        )
        with keras.StatelessScope(list(mapping), collect_losses=True) as scope:
            before = [scope.get_current_value(variable) for variable in frozen]
            embeddings = function(micro_batch)
        _check_exact(scope, frozen, before)
        return embeddings, [scope.get_current_value(variable) for variable in seeds]

    embeddings, seed_values = distribution.map_micro_batches(
        call, _values(trained), _values(seeds), inputs, num_rows // micro_rows
    )
    for variable, value in zip(seeds, seed_values, strict=True):
        variable.assign(value)
    return embeddings


def _values(variables):
    # A cast reads a variable on every backend; TensorFlow takes one for a tensor as it is.
    return [ops.cast(variable, variable.dtype) for variable in variables]


def _check_exact(scope, frozen, before):
    """Raises if a layer updated a weight or added a loss: both would be those of a micro-batch."""
    for variable, value in zip(frozen, before, strict=True):
        if scope.get_current_value(variable) is not value:
            raise ValueError(
                f"`micro_batch_size` would change what the model computes: '{variable.path}' is "
                "updated from the statistics of one micro-batch instead of the batch. Lock the "
                "tower, set `trainable = False` on that layer, or leave `micro_batch_size` out."
            )
    if scope.losses:
        raise ValueError(
            "`micro_batch_size` does not reach losses that layers add while they run, such as "
            "activity regularizers. Remove them, or leave `micro_batch_size` out."
        )
