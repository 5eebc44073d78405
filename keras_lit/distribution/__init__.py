"""Devices -> one distributed training step: the only place that knows which backend runs.

`data_parallel()`, `fully_sharded()` or `model_parallel()` sets distribution up once, before any
model is built, and `initialize()` before it joins several processes. The other functions are what
a contrastive loss over the global batch, data and evaluation need to know, answered alike on every
backend.
"""

from keras_lit.distribution.api import (
    check_compile_options,
    check_placement,
    choose_jit_compile,
    describe_devices,
    distribute_batches,
    float32_matmul,
    gather_batch,
    gather_predictions,
    global_batch_size,
    has_accelerator,
    local_function,
    local_rows,
    map_micro_batches,
    num_processes,
    num_replicas,
    other_backends,
    plan_step,
    process_index,
    replica_share,
    row_offset,
    sequential_loop,
    step_logs,
    sum_over_replicas,
    sync_variables,
    to_numpy,
    with_dense_gradients,
)
from keras_lit.distribution.memory import num_bytes
from keras_lit.distribution.setup import (
    data_parallel,
    fully_sharded,
    initialize,
    model_parallel,
)

__all__ = [
    "check_compile_options",
    "check_placement",
    "choose_jit_compile",
    "data_parallel",
    "describe_devices",
    "distribute_batches",
    "float32_matmul",
    "fully_sharded",
    "gather_batch",
    "gather_predictions",
    "global_batch_size",
    "has_accelerator",
    "initialize",
    "local_function",
    "local_rows",
    "map_micro_batches",
    "model_parallel",
    "num_bytes",
    "num_processes",
    "num_replicas",
    "other_backends",
    "plan_step",
    "process_index",
    "replica_share",
    "row_offset",
    "sequential_loop",
    "step_logs",
    "sum_over_replicas",
    "sync_variables",
    "to_numpy",
    "with_dense_gradients",
]
