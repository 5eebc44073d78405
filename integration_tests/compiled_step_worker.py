"""A number of devices -> what JAX's compiled steps move and hold, by layout, a line of JSON.

Usage: python -m integration_tests.compiled_step_worker DEVICES
"""

import json
import math
import re
import sys

from integration_tests.virtual_devices import make_virtual_devices

make_virtual_devices(int(sys.argv[1]))

import jax  # noqa: E402
import keras  # noqa: E402

import keras_lit  # noqa: E402
from tests import tiny  # noqa: E402

BATCH_SIZE = 64
COLLECTIVES = ("all-gather", "all-reduce", "reduce-scatter", "all-to-all", "collective-permute")


def compiled_step(model, batch):
    """Returns JAX's compiled training step, and the state that it takes."""
    model.optimizer.build(model.trainable_variables)
    model._symbolic_build(data_batch=batch)
    variables = (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    )
    state = tuple([variable.value for variable in group] for group in variables)
    shardings = jax.tree.map(lambda value: value.sharding, state)
    distribution = keras.distribution.distribution()
    data = {
        name: jax.device_put(rows, distribution.get_data_layout(rows.shape).backend_layout)
        for name, rows in batch.items()
    }
    step = jax.jit(model.train_step, out_shardings=(None, shardings))
    return step.lower(state, data).compile(), state


def moved(compiled):
    """Returns the sizes, in numbers, of what each kind of collective in a step returns."""
    sizes = {}
    for operation in COLLECTIVES:
        results = re.findall(rf"= (.*?) {operation}(?:-start)?\(", compiled.as_text())
        shapes = re.findall(r"\w+\[([\d,]*)\]", " ".join(results))
        sizes[operation] = [math.prod(map(int, filter(None, s.split(",")))) for s in shapes]
    return sizes


def held(state):
    """Returns the bytes of weights and optimizer state on one device, and on all if split."""
    values = [value for values in (state[0], state[2]) for value in values]
    device = jax.devices()[0]
    here = sum(s.data.nbytes for v in values for s in v.addressable_shards if s.device == device)
    return [here, sum(value.nbytes for value in values)]


def measure(layout):
    """Returns what the steps of a layout move and hold, by name."""
    getattr(keras_lit.distribution, layout)()
    found = {}
    batches = {"images": tiny.pairs(BATCH_SIZE)}
    cached = {"image_embeddings": tiny.pairs(BATCH_SIZE)["images"][:, 0, :, 0]}
    batches["cached"] = {**cached, "token_ids": batches["images"]["token_ids"]}
    runs = [("whole", "Lu", {}, "images")]
    if layout == "data_parallel":
        runs += [
            ("both towers train", "Uu", {}, "images"),
            ("cached", "Lu", {}, "cached"),
            ("micro-batches", "Lu", {"micro_batch_size": 16}, "images"),
        ]
    for name, tuning, options, batch in runs:
        model = tiny.lit_model(tuning)
        chunk_size = 16 if options else None
        loss = keras_lit.losses.SoftmaxContrastiveLoss(chunk_size=chunk_size)
        model.compile(optimizer="adam", loss=loss, **options)
        compiled, state = compiled_step(model, batches[batch])
        found[name] = {
            "moved": moved(compiled),
            "held": held(state),
            "gradients": [math.prod(variable.shape) for variable in model.trainable_variables],
        }
    return found


def main():
    print(json.dumps({layout: measure(layout) for layout in ("data_parallel", "fully_sharded")}))


if __name__ == "__main__":
    main()
