"""JAX's answers: arrays are global and the compiler splits them, so most answers are trivial."""

import jax
import keras


def local_devices():
    return [f"{device.platform}:{device.id}".lower() for device in jax.local_devices()]


def data_parallel(devices):
    if len(devices) == 1 and devices == local_devices():
        keras.distribution.set_distribution(None)
        return
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices))


def float32_matmul(first, second):
    return jax.numpy.matmul(first, second, precision=jax.lax.Precision.HIGHEST)


def num_replicas():
    distribution = keras.distribution.distribution()
    return 1 if distribution is None else distribution.device_mesh.shape[0]


def gather_batch(rows):
    distribution = keras.distribution.distribution()
    if distribution is None:
        return rows
    # Said once here, or the compiler may gather the same rows again in every round of a loop.
    everywhere = jax.sharding.PartitionSpec()
    mesh = distribution.device_mesh.backend_mesh
    return jax.lax.with_sharding_constraint(rows, jax.sharding.NamedSharding(mesh, everywhere))


def sequential_loop(num_steps, step, carry):
    return keras.ops.fori_loop(0, num_steps, step, carry)


def map_micro_batches(function, weights, state, inputs, num_micro_batches):
    # Each device deals its own rows out to all micro-batches. Cut into consecutive rows instead,
    # a micro-batch would belong to one device, and the compiler would copy inputs to the others.
    def deal_out(rows):
        return rows.reshape(-1, num_micro_batches, *rows.shape[1:]).swapaxes(0, 1)

    def step(state, micro_batch):
        outputs, state = function(weights, state, micro_batch)
        return state, outputs

    # The backward pass runs each micro-batch again rather than keep what it computed.
    step = jax.checkpoint(step, prevent_cse=False)
    state, outputs = jax.lax.scan(step, state, jax.tree.map(deal_out, inputs))
    return outputs.swapaxes(0, 1).reshape(-1, *outputs.shape[2:]), state


def row_offset(num_rows):
    return 0


def replica_share(value):
    return value


def sum_over_replicas(tensors):
    return tensors


def sync_variables(model):
    model.jax_state_sync()


def with_dense_gradients(optimizer):
    return optimizer


def check_placement(variables):
    expected = num_replicas()
    for variable in variables:
        found = len(variable.value.sharding.device_set)
        if found != expected:
            raise ValueError(
                f"The variable '{variable.path}' lives on {found} device(s), but "
                f"`data_parallel()` trains on {expected}. Call "
                "`keras_lit.distribution.data_parallel()` before building any backbone, tower or "
                "model."
            )


def check_compile_options(optimizer, options):
    pass
