"""JAX's answers: arrays are global and the compiler splits them, so most answers are trivial."""

import jax
import keras
import numpy as np
from jax.experimental import multihost_utils

from keras_lit.distribution import _jax_layouts, _jax_plans, _rendezvous


def devices():
    """Names of the devices of all processes."""
    return [f"{device.platform}:{device.id}".lower() for device in jax.devices()]


def initialize(coordinator_address, num_processes, process_id, timeout_seconds):
    if coordinator_address is not None:
        # TensorFlow needs all addresses, JAX the first.
        coordinator_address = str(coordinator_address).split(",")[0]
        _rendezvous.meet(coordinator_address, num_processes, process_id, timeout_seconds)
    jax.distributed.initialize(
        coordinator_address,
        num_processes,
        process_id,
        initialization_timeout=max(1, int(timeout_seconds)),
    )
    # Weights that start at random must start alike everywhere.
    seed = int(multihost_utils.broadcast_one_to_all(np.random.randint(2**31, dtype="int32")))
    keras.utils.set_random_seed(seed)


def num_processes():
    return jax.process_count()


def process_index():
    return jax.process_index()


def data_parallel(chosen):
    if len(chosen) == 1 and chosen == devices():
        keras.distribution.set_distribution(None)
        return
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(devices=chosen, auto_shard_dataset=False)
    )


def fully_sharded(chosen):
    axis = _jax_layouts.DATA_AXIS
    mesh = keras.distribution.DeviceMesh((len(chosen),), [axis], chosen)
    keras.distribution.set_distribution(
        _jax_layouts.ShapeParallel(mesh, _jax_layouts.fully_sharded_axes, axis)
    )


def model_parallel(chosen, model_axis):
    axes = [_jax_layouts.DATA_AXIS, _jax_layouts.MODEL_AXIS]
    shape = (len(chosen) // model_axis, model_axis)
    mesh = keras.distribution.DeviceMesh(shape, axes, chosen)
    keras.distribution.set_distribution(
        _jax_layouts.ShapeParallel(mesh, _jax_layouts.tensor_parallel_axes, axes[1])
    )


def float32_matmul(first, second):
    return jax.numpy.matmul(first, second, precision=jax.lax.Precision.HIGHEST)


def num_replicas():
    distribution = keras.distribution.distribution()
    return 1 if distribution is None else distribution.num_model_replicas


def share_of_process():
    distribution = keras.distribution.distribution()
    if distribution is None:
        return 0, 1
    # Processes that hold parts of one replica read the same rows.
    return distribution.data_shard_id, min(num_replicas(), num_processes())


def distribute_batches(batches):
    return batches


def gather_batch(rows):
    distribution = keras.distribution.distribution()
    if distribution is None:
        return rows
    # Said once here, or the compiler may gather the same rows again in every round of a loop.
    everywhere = jax.sharding.PartitionSpec()
    mesh = distribution.device_mesh.backend_mesh
    return jax.lax.with_sharding_constraint(rows, jax.sharding.NamedSharding(mesh, everywhere))


def gather_predictions(predict_function):
    if jax.process_count() == 1:
        return predict_function

    def gathered(state, iterator):
        outputs, state = predict_function(state, iterator)
        # Keras makes NumPy arrays of them, and no process holds more than its own rows.
        return multihost_utils.process_allgather(outputs, tiled=True), state

    return gathered


def global_batch_size(num_rows):
    return num_rows


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


def step_logs(logs):
    return logs


def sync_variables(model):
    model.jax_state_sync()
    # Or Keras brings it back at the end of the epoch, even if other variables train by then.
    model._jax_state = None
    # `SwapEMAWeights` leaves a weight and its average in one array, which `predict` gives away.
    weights = {id(variable.value) for variable in model.variables}
    for variable in model.optimizer.variables if getattr(model, "optimizer", None) else ():
        if id(variable.value) in weights:
            variable.assign(jax.numpy.copy(variable.value))


def local_function(layer):
    mesh = jax.sharding.Mesh(np.array(jax.local_devices()), ("batch",))
    everywhere = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    by_rows = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("batch"))
    state = [
        [jax.device_put(to_numpy(variable), everywhere) for variable in variables]
        for variables in (layer.trainable_variables, layer.non_trainable_variables)
    ]
    call = jax.jit(lambda state, inputs: layer.stateless_call(*state, inputs, training=False)[0])

    def run(inputs):
        divides = len(jax.tree.leaves(inputs)[0]) % mesh.size == 0
        return np.asarray(call(state, jax.device_put(inputs, by_rows if divides else everywhere)))

    return run


def predict_on_batch(layer, inputs):
    return layer.predict_on_batch(inputs)


def to_numpy(variable):
    value = variable.value
    if isinstance(value, jax.Array) and not (
        value.is_fully_addressable or value.is_fully_replicated
    ):
        return np.asarray(multihost_utils.process_allgather(value, tiled=True))
    return np.asarray(value)


def with_dense_gradients(optimizer):
    return optimizer


def check_placement(variables):
    distribution = keras.distribution.distribution()
    for variable in variables:
        found = variable.value.sharding.device_set
        if distribution is None:
            expected = found if len(found) == 1 else set(jax.devices()[:1])
        else:
            expected = set(distribution.device_mesh.backend_mesh.devices.flat)
        if found != expected:
            raise ValueError(
                f"The variable '{variable.path}' lives on {len(found)} device(s), but training was "
                f"set up for {len(expected)}. Call `keras_lit.distribution.data_parallel()` (or "
                "`fully_sharded`, `model_parallel`) before building any backbone, tower or model."
            )


def choose_jit_compile(model):
    return "auto"


def check_compile_options(optimizer, options):
    pass


def plan_step(model, inputs):
    return _jax_plans.plan_step(model, inputs)
