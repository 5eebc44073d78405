"""Number of devices -> elements that JAX's micro-batched step moves, a line of JSON.

Usage: python -m integration_tests.compiled_step_worker DEVICES
"""

import json
import math
import os
import re
import sys

num_devices = int(sys.argv[1])
os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={num_devices}"

import jax  # noqa: E402
import keras  # noqa: E402

import keras_lit  # noqa: E402
from tests import tiny  # noqa: E402


def main():
    keras_lit.distribution.data_parallel()
    model = tiny.lit_model(tuning="Lu")
    model.compile(
        optimizer="sgd",
        loss=keras_lit.losses.SoftmaxContrastiveLoss(chunk_size=16),
        micro_batch_size=16,
    )
    model.optimizer.build(model.trainable_variables)
    model._symbolic_build(data_batch=tiny.pairs(64))
    state = tuple(
        [variable.value for variable in variables]
        for variables in (
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer.variables,
            model.metrics_variables,
        )
    )
    mesh = keras.distribution.distribution().device_mesh.backend_mesh
    rows = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("batch"))
    data = jax.device_put(tiny.pairs(64), rows)
    compiled = jax.jit(model.train_step).lower(state, data).compile()
    moved = {}
    for operation in ("all-gather", "all-reduce", "all-to-all", "collective-permute"):
        results = re.findall(rf"= (.*?) {operation}(?:-start)?\(", compiled.as_text())
        shapes = re.findall(r"\w+\[([\d,]*)\]", " ".join(results))
        moved[operation] = [math.prod(map(int, filter(None, s.split(",")))) for s in shapes]
    print(json.dumps(moved))


if __name__ == "__main__":
    main()
