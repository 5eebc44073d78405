"""A question about devices -> the running backend's answer: the public page of distribution.

Each backend answers in its own private module (`_jax.py`, `_tensorflow.py`, `_torch.py`).
"""

import importlib.util

import keras

from keras_lit.distribution._running import backend as _backend
from keras_lit.distribution.memory import num_bytes


def num_processes():
    """Returns how many processes train together."""
    return _backend.num_processes()


def process_index():
    """Returns the number of this process, from 0. Process 0 is the one to write logs."""
    return _backend.process_index()


def has_accelerator():
    """Returns whether arrays of this process are computed on a GPU or TPU."""
    return not _backend.devices()[0].startswith("cpu")


def describe_devices():
    """Returns backend and devices in words, e.g. `"jax on gpu:0, gpu:1"`."""
    return f"{keras.config.backend()} on {', '.join(_backend.devices())}"


def float32_matmul(first, second):
    """Multiplies two float32 matrices without rounding their entries to fewer bits before.

    GPUs and TPUs do that by default, which reorders what is almost equally similar.

    Args:
        first: Array or tensor `(rows, inner)`.
        second: Array or tensor `(inner, columns)`.

    Returns:
        Float32 tensor `(rows, columns)`.
    """
    return _backend.float32_matmul(first, second)


def num_replicas():
    """Returns into how many shares the global batch is split, one per device or group of them."""
    return _backend.num_replicas()


def local_rows(num_rows):
    """Says which rows of a global batch this process reads.

    Args:
        num_rows: Integer (or scalar tensor), the rows of the global batch.

    Returns:
        Tuple of the first row and the one after the last. All rows where one process trains.

    Raises:
        ValueError: If the processes do not divide `num_rows`.
    """
    index, num_shares = _backend.share_of_process()
    if isinstance(num_rows, int) and num_rows % num_shares:
        raise ValueError(
            f"The global batch must divide by the {num_shares} processes. Received: a batch of "
            f"{num_rows}. Take {num_rows - num_rows % num_shares or num_shares}."
        )
    return index * num_rows // num_shares, (index + 1) * num_rows // num_shares


def global_batch_size(num_rows):
    """Returns how many rows all replicas hold together.

    Args:
        num_rows: Integer (or scalar tensor), the number of rows on this replica.

    Returns:
        Integer or scalar int32 tensor.
    """
    return _backend.global_batch_size(num_rows)


def distribute_batches(batches):
    """Spreads batches of this process's rows over its devices, in equal parts.

    Args:
        batches: `tf.data.Dataset` whose batches the number of local devices divides.

    Returns:
        What Keras trains on: on TensorFlow a `tf.distribute.DistributedDataset`, elsewhere the data
        set itself.
    """
    return _backend.distribute_batches(batches)


def gather_predictions(predict_function):
    """Lets the `predict_function` of a `keras.Model` return the rows of all processes."""
    return _backend.gather_predictions(predict_function)


def gather_batch(rows):
    """Collects the rows of all replicas, in the order of the global batch. Differentiable.

    Args:
        rows: Tensor `(rows, ...)`, this replica's share of the global batch.

    Returns:
        Tensor `(columns, ...)` with the rows of the whole global batch, on every device.
    """
    return _backend.gather_batch(rows)


def sequential_loop(num_steps, step, carry):
    """Calls `step(index, carry) -> carry` again and again, one at a time.

    `keras.ops.fori_loop`, but with the memory of one step on TensorFlow too.

    Args:
        num_steps: Integer (or scalar tensor).
        step: Function of a scalar int32 tensor and the carry.
        carry: Tuple of tensors.

    Returns:
        The last carry.
    """
    return _backend.sequential_loop(num_steps, step, carry)


def map_micro_batches(function, weights, state, inputs, num_micro_batches):
    """Calls a function on one micro-batch after another, and differentiates it that way too.

    The outputs and the gradients of `weights` are those of one call on all rows, in the memory of
    a micro-batch: the backward pass runs each micro-batch again, from the state it had before.
    Under data parallelism every micro-batch stays spread over all devices.

    Args:
        function: Pure function `(weights, state, micro_batch) -> (outputs, state)` whose outputs
            are float32 `(micro_batch_rows, dim)`.
        weights: List of tensors, the only ones that gradients reach.
        state: List of tensors that each call updates for the next, e.g. random seeds.
        inputs: Tensor `(rows, ...)`, or a list or dict of them.
        num_micro_batches: Integer (or scalar tensor) that divides `rows`, which are this replica's.

    Returns:
        Tuple of the outputs, `(rows, dim)` in the order of the inputs, and the last state.

    Reference:
        - [Scaling Deep Contrastive Learning Batch Size under Memory Limited
          Setup](https://arxiv.org/abs/2101.06983)
    """
    return _backend.map_micro_batches(function, weights, state, inputs, num_micro_batches)


def row_offset(num_rows):
    """Says where this replica's rows start among the rows of the global batch.

    It is computed from the gathered row counts, so that replicas may hold unequal shares.

    Args:
        num_rows: Integer (or scalar tensor), the number of rows on this replica.

    Returns:
        Integer or scalar int32 tensor.
    """
    return _backend.row_offset(num_rows)


def replica_share(value):
    """Scales a value that every replica computes alike, so that the sum over replicas is `value`.

    Keras on TensorFlow sums gradients over replicas, hence a regularizer would count once per
    replica without it. The identity wherever arrays are global.
    """
    return _backend.replica_share(value)


def sum_over_replicas(tensors):
    """Adds up tensors that each replica computed from its own rows, e.g. gradients.

    Args:
        tensors: List of tensors.

    Returns:
        List of tensors of the same shapes, equal on all devices. The tensors themselves wherever
        arrays are global.
    """
    return _backend.sum_over_replicas(tensors)


def local_function(layer):
    """Returns a function that runs a layer on this process's devices, whatever the others do.

    `predict` and `evaluate` are work that all processes share, and wait for each other in. All
    processes make the function together, and may call it as often as each needs.

    Args:
        layer: A built `keras.Model`, as in inference.

    Returns:
        Function of an array `(rows, ...)` or a dict of arrays, the layer's inputs, that returns a
        NumPy array.
    """
    if num_processes() > 1:
        return _backend.local_function(layer)
    if num_replicas() > 1:
        return lambda inputs: layer.predict(
            inputs, batch_size=len(keras.tree.flatten(inputs)[0]), verbose=0
        )
    # `predict` would make a tf.data pipeline for one batch: 70 ms on TensorFlow.
    return lambda inputs: _backend.predict_on_batch(layer, inputs)


def to_numpy(variable):
    """Copies a `keras.Variable` to NumPy, whole, even if other processes hold parts of it.

    All processes must call it alike.
    """
    return _backend.to_numpy(variable)


def step_logs(logs):
    """Shapes the logs of one step, a dict of scalars, as Keras wants them from a replica."""
    return _backend.step_logs(logs)


def sync_variables(model):
    """Brings `model`'s variables up to date in the middle of `fit`, e.g. within a callback."""
    _backend.sync_variables(model)


def with_dense_gradients(optimizer):
    """Makes an optimizer add up sparse embedding gradients before it uses them.

    On TensorFlow the gradient of an embedding is a list of (row, gradient) pairs in which rows
    repeat. Adam, AdamW and Adafactor of Keras square each pair by itself, which is not the square
    of their sum, so that TensorFlow trains to other weights than JAX.

    Args:
        optimizer: A `keras.optimizers.Optimizer`; it is changed in place.

    Returns:
        The same optimizer.
    """
    return _backend.with_dense_gradients(optimizer)


def other_backends():
    """Returns the names of the installed backends that do not run in this process."""
    running = keras.config.backend()
    return [
        name
        for name in ("jax", "tensorflow", "torch")
        if name != running and importlib.util.find_spec(name) is not None
    ]


def check_placement(variables):
    """Raises if a variable was created before `data_parallel()` was called.

    Args:
        variables: List of `keras.Variable`.

    Raises:
        ValueError: Names the first misplaced variable and the remedy.
    """
    _backend.check_placement(variables)


def choose_jit_compile(model):
    """Returns the `jit_compile` with which a `keras.Model` trains fastest; `"auto"` is Keras'."""
    return _backend.choose_jit_compile(model)


def check_compile_options(optimizer, **options):
    """Raises on `compile` options that train to wrong numbers or crash under several replicas.

    Args:
        optimizer: A `keras.optimizers.Optimizer`.
        **options: The other arguments of `keras.Model.compile`.

    Raises:
        ValueError: Names the option, its value and the remedy.
    """
    _backend.check_compile_options(optimizer, options)


def plan_step(model, inputs):
    """Returns the bytes per device that a training step takes, before any step is run.

    JAX compiles the step and says what its compiler plans, for the devices and the layout that
    training was set up for. Elsewhere every device holds the whole model, and what a step computes
    in between is not known.

    Args:
        model: A compiled `keras.Model` whose optimizer is built. Its variables need no values, see
            `keras.StatelessScope(initialize_variables=False)`.
        inputs: Dict from the name of an input to the shape and dtype of a global batch of it.

    Returns:
        Dict of integers: `weights`, `optimizer` and `batch`; `activations`, gradients among them;
        and `exchanged`, what other devices send. The last two are `None` where they are not known.
    """
    plan = _backend.plan_step(model, inputs)
    if plan is not None:
        return plan
    batch = [keras.KerasTensor(shape, dtype) for shape, dtype in inputs.values()]
    return {
        "weights": num_bytes(model.variables),
        "optimizer": num_bytes(model.optimizer.variables),
        "batch": num_bytes(batch) // num_replicas(),
        "activations": None,
        "exchanged": None,
    }
