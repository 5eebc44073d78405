"""TensorFlow's answers: one replica per device under `tf.distribute`, each with its own rows."""

import functools
import json
import os

import keras
import tensorflow as tf
from keras.src.trainers.trainer import model_supports_jit

from keras_lit.distribution import _rendezvous
from keras_lit.distribution._tensorflow_loops import map_micro_batches as map_micro_batches
from keras_lit.distribution._tensorflow_loops import sequential_loop as sequential_loop

# A strategy scope ends when its context object is collected, so it is kept here.
_entered_scope = None
# TensorFlow wants to know of the other processes before it does anything else.
_multi_worker_strategy = None


def devices():
    """Names of the devices of this process."""
    for kind in ("GPU", "CPU"):
        names = [device.name for device in tf.config.list_logical_devices(kind)]
        if _multi_worker_strategy is not None:
            names = [name for name in names if f"/task:{process_index()}/" in name]
        if names:
            return [name.partition("/device:")[2].lower() for name in names]


def initialize(coordinator_address, num_processes, process_id, timeout_seconds):
    global _multi_worker_strategy
    if coordinator_address is None:
        workers, process_id = _read_cluster()
    else:
        workers = str(coordinator_address).split(",")
        if len(workers) != num_processes:
            raise ValueError(
                "On TensorFlow `coordinator_address` must list the addresses of all processes, "
                f"process 0 first: 'host:port,host:port'. Received: coordinator_address="
                f"{coordinator_address!r} for num_processes={num_processes}. Or leave all "
                "arguments out and set TF_CONFIG."
            )
        _rendezvous.check_processes(num_processes, process_id)
        task = {"type": "worker", "index": process_id}
        os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": workers}, "task": task})
    _rendezvous.meet(workers[0], len(workers), process_id, timeout_seconds)
    _multi_worker_strategy = tf.distribute.MultiWorkerMirroredStrategy()


def _read_cluster():
    """Returns the addresses of all workers, and which of them this process is."""
    try:
        config = json.loads(os.environ.get("TF_CONFIG", ""))
        cluster, task = config["cluster"], config["task"]
        if set(cluster) != {"worker"} or task["type"] != "worker":
            raise ValueError(f"it must have workers alone, and has {sorted(cluster)}")
        return cluster["worker"], int(task["index"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            "On TensorFlow, `initialize()` without arguments reads the environment variable "
            f"TF_CONFIG. Received: TF_CONFIG={os.environ.get('TF_CONFIG')!r} ({error!r}). Set it "
            'to {"cluster": {"worker": ["host:port", "host:port"]}, "task": {"type": "worker", '
            '"index": 0}}, or pass the three arguments.'
        ) from error


def num_processes():
    return 1 if _multi_worker_strategy is None else len(_read_cluster()[0])


def process_index():
    return 0 if _multi_worker_strategy is None else _read_cluster()[1]


def data_parallel(chosen):
    global _entered_scope
    if _entered_scope is not None:
        _entered_scope.__exit__(None, None, None)
        _entered_scope = None
    if _multi_worker_strategy is not None:
        if chosen != devices():
            raise ValueError(
                "After `initialize()` TensorFlow trains on all devices of each process. Received: "
                f"devices={chosen}. Leave it out; CUDA_VISIBLE_DEVICES chooses."
            )
        strategy = _multi_worker_strategy
    elif len(chosen) == 1 and chosen == devices():
        return
    else:
        strategy = tf.distribute.MirroredStrategy(chosen)
    scope = strategy.scope()
    scope.__enter__()
    _entered_scope = scope


def float32_matmul(first, second):
    was_enabled = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        return tf.linalg.matmul(first, second)
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(was_enabled)


def _no_sharded_training(function):
    raise NotImplementedError(
        f"`{function}` is not available on TensorFlow, whose devices each hold the whole model. "
        "Set KERAS_BACKEND=jax, or use `keras_lit.distribution.data_parallel()` with "
        "`compile(..., micro_batch_size=...)`, which saves activations' memory."
    )


def fully_sharded(chosen):
    _no_sharded_training("fully_sharded()")


def model_parallel(chosen, model_axis):
    _no_sharded_training(f"model_parallel(model_axis={model_axis})")


def num_replicas():
    return tf.distribute.get_strategy().num_replicas_in_sync


def share_of_process():
    return process_index(), num_processes()


def distribute_batches(batches):
    """Cuts each batch of this process into equal parts, one for each of its replicas.

    TensorFlow's own cut gives a last, smaller batch to the first replicas, and shards batches
    instead of rows over processes.
    """
    if num_replicas() == 1:
        return batches
    num_parts = num_replicas() // num_processes()

    def cut(rows):
        shape = tf.concat([[num_parts, -1], tf.shape(rows)[1:]], axis=0)
        num_rows = None if rows.shape[0] is None else rows.shape[0] // num_parts
        return tf.ensure_shape(tf.reshape(rows, shape), (num_parts, num_rows, *rows.shape[1:]))

    parts = batches.map(lambda batch: tf.nest.map_structure(cut, batch)).unbatch()
    distributed = tf.distribute.get_strategy().distribute_datasets_from_function(
        lambda context: parts.prefetch(tf.data.AUTOTUNE)
    )
    # Keras asks for the number of steps, and would get the number of parts.
    distributed._cardinality = batches.cardinality().numpy()
    return distributed


def _replica_context():
    """Returns the context of the replica being traced, or None where there is but one."""
    return tf.distribute.get_replica_context() if num_replicas() > 1 else None


def gather_batch(rows):
    context = _replica_context()
    if context is None:
        return rows
    num_rows, *tail = rows.shape
    # The gathered tensor has forgotten its shape. Replicas hold alike where a share is known.
    num_columns = None if num_rows is None else num_rows * num_replicas()
    return tf.ensure_shape(context.all_gather(rows, axis=0), (num_columns, *tail))


def gather_predictions(predict_function):
    return predict_function


def _gathered_counts(context, num_rows):
    return context.all_gather(tf.reshape(tf.cast(num_rows, tf.int32), (1,)), axis=0)


def global_batch_size(num_rows):
    context = _replica_context()
    return num_rows if context is None else tf.reduce_sum(_gathered_counts(context, num_rows))


def row_offset(num_rows):
    context = _replica_context()
    if context is None:
        return 0
    counts = _gathered_counts(context, num_rows)
    return tf.reduce_sum(counts[: context.replica_id_in_sync_group])


def replica_share(value):
    return value / num_replicas()


def sum_over_replicas(tensors):
    context = _replica_context()
    if context is None:
        return tensors
    return context.all_reduce(tf.distribute.ReduceOp.SUM, tensors)


def step_logs(logs):
    if num_processes() == 1:
        return logs
    # Keras averages what a step logs along its first axis there, and scalars have none.
    return {name: tf.reshape(value, (1,)) for name, value in logs.items()}


def sync_variables(model):
    pass


def local_function(layer):
    # Outside of `strategy.run` nothing is exchanged: variables are read from this process's copy.
    call = tf.function(lambda inputs: layer(inputs, training=False), reduce_retracing=True)
    return lambda inputs: call(inputs).numpy()


def predict_on_batch(layer, inputs):
    layer.make_predict_function()
    # A tower is traced twice, for one number of rows and for any. TensorFlow counts all towers as
    # one function, and warns when it has seen three.
    layer.predict_function._omit_frequent_tracing_warning = True
    return layer.predict_on_batch(inputs)


def to_numpy(variable):
    return keras.ops.convert_to_numpy(variable)


def _apply_dense(apply, gradients, trainable_variables=None):
    # Converting adds up the rows that repeat.
    dense = [
        tf.convert_to_tensor(gradient) if isinstance(gradient, tf.IndexedSlices) else gradient
        for gradient in gradients
    ]
    return apply(dense, trainable_variables)


def with_dense_gradients(optimizer):
    if not isinstance(getattr(optimizer, "apply", None), functools.partial):
        optimizer.apply = functools.partial(_apply_dense, optimizer.apply)
    return optimizer


def check_placement(variables):
    strategy = tf.distribute.get_strategy()
    for variable in variables:
        if not strategy.extended.variable_created_in_scope(variable.value):
            raise ValueError(
                f"The variable '{variable.path}' was created before `data_parallel()` was called. "
                "Call `keras_lit.distribution.data_parallel()` before building any backbone, tower "
                "or model."
            )


def choose_jit_compile(model):
    # Keras leaves XLA off on CPUs, where it makes the step faster. Replicas do not run with it.
    return "auto" if tf.distribute.has_strategy() else model_supports_jit(model)


def check_compile_options(optimizer, options):
    if num_replicas() == 1:
        return
    replicas = f"on {num_replicas()} TensorFlow replicas"
    if options.get("jit_compile") is True:
        raise ValueError(
            f"`jit_compile=True` does not compile {replicas}. Leave it at 'auto', or set "
            "KERAS_BACKEND=jax."
        )
    if options.get("steps_per_execution", 1) != 1:
        raise ValueError(
            f"`steps_per_execution={options['steps_per_execution']}` does not run {replicas}. "
            "Leave it at 1."
        )
    if getattr(optimizer, "gradient_accumulation_steps", None):
        raise ValueError(
            f"`gradient_accumulation_steps={optimizer.gradient_accumulation_steps}` of the "
            f"optimizer does not run {replicas}, and would not give a contrastive loss more "
            "negatives. Leave it out."
        )
    scales_loss = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    if scales_loss or keras.config.dtype_policy().compute_dtype == "float16":
        raise ValueError(
            f"float16 trains to infinite weights {replicas}: one replica's overflow reaches all. "
            "Use `keras.config.set_dtype_policy('mixed_bfloat16')`."
        )


def plan_step(model, inputs):
    return None
