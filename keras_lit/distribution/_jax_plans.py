"""A compiled model and the shapes of a batch -> bytes per device of a training step, on JAX."""

import math
import re

import jax
import keras

_COLLECTIVES = "all-gather|all-reduce|reduce-scatter|all-to-all|collective-permute"


def plan_step(model, inputs):
    layouts = keras.distribution.distribution()

    def abstract(shape, dtype, layout):
        sharding = None if layout is None else layout.backend_layout
        return jax.ShapeDtypeStruct(shape, dtype, sharding=sharding)

    state = tuple(
        [abstract(v.shape, v.dtype, layouts and layouts.get_variable_layout(v)) for v in variables]
        for variables in (
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer.variables,
            model.metrics_variables,
        )
    )
    batch = {
        name: abstract(shape, dtype, layouts and layouts.get_data_layout(shape))
        for name, (shape, dtype) in inputs.items()
    }
    shardings = layouts and (None, jax.tree.map(lambda value: value.sharding, state))
    step = jax.jit(model.train_step, donate_argnums=0, out_shardings=shardings)
    # Its code is not run, so it need not be fast.
    compiled = step.lower(state, batch).compile({"xla_backend_optimization_level": 0})
    trained, frozen, optimizer, _ = map(_bytes_per_device, state)
    return {
        "weights": trained + frozen,
        "optimizer": optimizer,
        "batch": _bytes_per_device(batch.values()),
        "activations": compiled.memory_analysis().temp_size_in_bytes,
        "exchanged": _exchanged_bytes(compiled.as_text()),
    }


def _exchanged_bytes(program):
    """Adds up what all collectives of a compiled program return to a device."""
    results = re.findall(rf"= (.*?) (?:{_COLLECTIVES})(?:-start)?\(", program)
    arrays = re.findall(r"[a-z](\d+)\[([\d,]*)\]", " ".join(results))
    return sum(
        int(bits) // 8 * math.prod(int(size) for size in shape.split(",") if size)
        for bits, shape in arrays
    )


def _bytes_per_device(values):
    total = 0
    for value in values:
        shape = value.shape if value.sharding is None else value.sharding.shard_shape(value.shape)
        total += math.prod(shape) * value.dtype.itemsize
    return total
