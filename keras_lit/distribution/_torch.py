"""torch's answers: one device."""

import keras
import torch


def local_devices():
    if torch.cuda.is_available():
        return [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return ["cpu:0"]


def data_parallel(devices):
    if len(devices) > 1:
        raise NotImplementedError(
            f"Training on several devices is not available on torch. Received: devices={devices}. "
            "Name one device, or set KERAS_BACKEND to jax or tensorflow."
        )


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
    raise NotImplementedError(
        "`micro_batch_size` is not available on torch. Leave it out, or set KERAS_BACKEND to jax "
        "or tensorflow."
    )


def row_offset(num_rows):
    return 0


def replica_share(value):
    return value


def sum_over_replicas(tensors):
    return tensors


def sync_variables(model):
    pass


def with_dense_gradients(optimizer):
    return optimizer


def check_placement(variables):
    pass


def check_compile_options(optimizer, options):
    pass
