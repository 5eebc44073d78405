"""A question about devices -> the running backend's answer: the public page of distribution.

Each backend answers in its own private module (`_jax.py`, `_tensorflow.py`, `_torch.py`); this is
the only file of the package that asks which one runs.
"""

import importlib
import importlib.util

import keras

_backend = importlib.import_module(f"keras_lit.distribution._{keras.config.backend()}")


def data_parallel(devices=None):
    """Trains on several local accelerators: every one holds the model and a share of each batch.

    Call it once, before any model, tower or backbone is built. On one device it changes nothing.
    JAX uses `keras.distribution.DataParallel`, TensorFlow `tf.distribute.MirroredStrategy`; the
    script around it is the same. The loss still sees the global batch (see `gather_batch`).

    Args:
        devices: List of device names, e.g. `["gpu:0", "gpu:1"]`. Defaults to all local
            accelerators, or to all (virtual) CPU devices where there is none.

    Raises:
        ValueError: If `devices` is empty or names a device that does not exist.
        NotImplementedError: On torch with more than one device.

    Example:

    ```python
    import keras_lit

    keras_lit.distribution.data_parallel()
    ```
    """
    known = _backend.local_devices()
    chosen = known if devices is None else [str(device).lower() for device in devices]
    unknown = [device for device in chosen if device not in known]
    if unknown or not chosen or len(set(chosen)) != len(chosen):
        raise ValueError(
            f"`devices` must name distinct devices out of {known}. Received: devices={devices}. "
            "Leave it out to use all of them."
        )
    _backend.data_parallel(chosen)


def has_accelerator():
    """Returns whether arrays of this process are computed on a GPU or TPU."""
    return not _backend.local_devices()[0].startswith("cpu")


def describe_devices():
    """Returns backend and devices in words, e.g. `"jax on gpu:0, gpu:1"`."""
    return f"{keras.config.backend()} on {', '.join(_backend.local_devices())}"


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
    """Returns over how many devices `data_parallel` splits the global batch."""
    return _backend.num_replicas()


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

    Raises:
        NotImplementedError: On torch.

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


def check_compile_options(optimizer, **options):
    """Raises on `compile` options that train to wrong numbers or crash under several replicas.

    Args:
        optimizer: A `keras.optimizers.Optimizer`.
        **options: The other arguments of `keras.Model.compile`.

    Raises:
        ValueError: Names the option, its value and the remedy.
    """
    _backend.check_compile_options(optimizer, options)
