"""TensorFlow's answers: one replica per device under `tf.distribute`, each with its own rows."""

import functools

import keras
import tensorflow as tf

# A strategy scope ends when its context object is collected, so it is kept here.
_entered_scope = None


def local_devices():
    for kind in ("GPU", "CPU"):
        names = [device.name for device in tf.config.list_logical_devices(kind)]
        if names:
            return [name.removeprefix("/device:").lower() for name in names]


def data_parallel(devices):
    global _entered_scope
    if _entered_scope is not None:
        _entered_scope.__exit__(None, None, None)
        _entered_scope = None
    if len(devices) == 1 and devices == local_devices():
        return
    scope = tf.distribute.MirroredStrategy(devices).scope()
    scope.__enter__()
    _entered_scope = scope


def float32_matmul(first, second):
    was_enabled = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        return tf.linalg.matmul(first, second)
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(was_enabled)


def num_replicas():
    return tf.distribute.get_strategy().num_replicas_in_sync


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


def sequential_loop(num_steps, step, carry):
    # TensorFlow would start ten steps at once, and hold the memory of ten.
    return tf.while_loop(
        lambda index, carry: index < num_steps,
        lambda index, carry: (index + 1, step(index, carry)),
        (tf.constant(0), carry),
        parallel_iterations=1,
    )[1]


def map_micro_batches(function, weights, state, inputs, num_micro_batches):
    # Row i belongs to micro-batch i % num_micro_batches, as on JAX.
    def deal_out(rows):
        tail = rows.shape[1:]
        size = tf.concat([[-1, num_micro_batches], tf.shape(rows)[1:]], axis=0)
        return tf.ensure_shape(tf.reshape(rows, size), (None, None, *tail))

    def gather_in(rows):
        rows = tf.transpose(rows, (1, 0, 2))
        return tf.reshape(rows, (-1, rows.shape[-1]))

    micro_batches = tf.nest.map_structure(deal_out, inputs)

    def run(weights, state, index):
        micro_batch = tf.nest.map_structure(lambda rows: rows[:, index], micro_batches)
        return function(weights, state, micro_batch)

    @tf.custom_gradient
    def map_all(*weights):
        def forward_step(index, end_state, embeddings):
            outputs, end_state = run(weights, end_state, index)
            return end_state, embeddings.write(index, outputs)

        embeddings = tf.TensorArray(tf.float32, num_micro_batches)
        end_state, embeddings = sequential_loop(
            num_micro_batches, lambda index, carry: forward_step(index, *carry), (state, embeddings)
        )

        def gradient(upstream, *_, variables=()):
            upstream = deal_out(upstream)

            def backward_step(index, state, totals):
                with tf.GradientTape(watch_accessed_variables=False) as tape:
                    tape.watch(weights)
                    outputs, state = run(weights, state, index)
                gradients = tape.gradient(
                    outputs, weights, upstream[:, index], unconnected_gradients="zero"
                )
                # An embedding's gradient is sparse, and the sum over micro-batches need not be.
                totals = [
                    t + tf.convert_to_tensor(g) for t, g in zip(totals, gradients, strict=True)
                ]
                return state, totals

            # From the same state on, so that dropout drops the same again.
            zeros = [tf.zeros_like(weight) for weight in weights]
            _, totals = sequential_loop(
                num_micro_batches, lambda index, carry: backward_step(index, *carry), (state, zeros)
            )
            # TensorFlow lists the frozen variables it found in the function, and wants them back.
            return (totals, [None] * len(variables)) if variables else totals

        return (gather_in(embeddings.stack()), *end_state), gradient

    embeddings, *end_state = map_all(*weights)
    return embeddings, end_state


def row_offset(num_rows):
    context = _replica_context()
    if context is None:
        return 0
    counts = context.all_gather(tf.reshape(tf.cast(num_rows, tf.int32), (1,)), axis=0)
    return tf.reduce_sum(counts[: context.replica_id_in_sync_group])


def replica_share(value):
    return value / num_replicas()


def sum_over_replicas(tensors):
    context = _replica_context()
    if context is None:
        return tensors
    return context.all_reduce(tf.distribute.ReduceOp.SUM, tensors)


def sync_variables(model):
    pass


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
    if keras.config.dtype_policy().compute_dtype == "float16":
        raise ValueError(
            f"float16 trains to infinite weights {replicas}: one replica's overflow reaches all. "
            "Use `keras.config.set_dtype_policy('mixed_bfloat16')`."
        )
