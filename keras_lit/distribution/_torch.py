"""torch's answers: one device."""

import keras
import torch
from torch.utils.checkpoint import checkpoint


def devices():
    if torch.cuda.is_available():
        return [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return ["cpu:0"]


def _one_device(call):
    raise NotImplementedError(
        f"`{call}` is not available on torch, which trains on one device here. Name one device, "
        "or set KERAS_BACKEND to jax or tensorflow."
    )


def initialize(coordinator_address, num_processes, process_id, timeout_seconds):
    _one_device("initialize()")


def num_processes():
    return 1


def process_index():
    return 0


def data_parallel(chosen):
    if len(chosen) > 1:
        _one_device(f"data_parallel({chosen})")


def fully_sharded(chosen):
    _one_device("fully_sharded()")


def model_parallel(chosen, model_axis):
    _one_device(f"model_parallel(model_axis={model_axis})")


def share_of_process():
    return 0, 1


def distribute_batches(batches):
    return batches


def gather_predictions(predict_function):
    return predict_function


def global_batch_size(num_rows):
    return num_rows


def float32_matmul(first, second):
    # torch keeps all bits of float32 unless asked not to.
    return keras.ops.matmul(first, second)


def num_replicas():
    return 1


def gather_batch(rows):
    return rows


def sequential_loop(num_steps, step, carry):
    return keras.ops.fori_loop(0, num_steps, step, carry)


def map_micro_batches(function, weights, state, inputs, num_micro_batches):
    # Row i belongs to micro-batch i % num_micro_batches, as on the other backends.
    outputs = []
    for index in range(num_micro_batches):
        micro_batch = keras.tree.map_structure(
            lambda rows, index=index: rows[index::num_micro_batches], inputs
        )
        # The backward pass runs each micro-batch again rather than keep what it computed.
        embeddings, state = checkpoint(function, weights, state, micro_batch, use_reentrant=False)
        outputs.append(embeddings)
    return torch.stack(outputs, dim=1).reshape(-1, outputs[0].shape[-1]), state


def row_offset(num_rows):
    return 0


def replica_share(value):
    return value


def sum_over_replicas(tensors):
    return tensors


def step_logs(logs):
    return logs


def sync_variables(model):
    pass


def predict_on_batch(layer, inputs):
    return layer.predict_on_batch(inputs)


def to_numpy(variable):
    return keras.ops.convert_to_numpy(variable)


def with_dense_gradients(optimizer):
    return optimizer


def check_placement(variables):
    pass


def choose_jit_compile(model):
    return "auto"


def check_compile_options(optimizer, options):
    pass


def plan_step(model, inputs):
    return None
