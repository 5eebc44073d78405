"""Devices -> one distributed training step: the only place that knows which backend runs.

`data_parallel()` sets distribution up once, before any model is built. The other functions are
what a contrastive loss over the global batch needs to know, answered alike on every backend.
"""

from keras_lit.distribution.api import (
    check_compile_options,
    check_placement,
    data_parallel,
    describe_devices,
    float32_matmul,
    gather_batch,
    has_accelerator,
    map_micro_batches,
    num_replicas,
    other_backends,
    replica_share,
    row_offset,
    sequential_loop,
    sum_over_replicas,
    sync_variables,
    with_dense_gradients,
)

__all__ = [
    "check_compile_options",
    "check_placement",
    "data_parallel",
    "describe_devices",
    "float32_matmul",
    "gather_batch",
    "has_accelerator",
    "map_micro_batches",
    "num_replicas",
    "other_backends",
    "replica_share",
    "row_offset",
    "sequential_loop",
    "sum_over_replicas",
    "sync_variables",
    "with_dense_gradients",
]
