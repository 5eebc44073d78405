"""A configuration and training recipes -> losses and weights of each, from one fresh process.

    KERAS_BACKEND=jax python -m integration_tests.train_worker '{"devices": 2}' result.npz softmax

splits the CPU into devices, trains on shared weights and a shared batch order, and writes into the
file, after the recipe's name: the loss of each step, trained weights, whether the locked tower
kept every byte, and what `evaluate` and `predict` say of data that the devices do not divide.
"""

import contextlib
import json
import os
import sys
from unittest import mock

NUM_STEPS, BATCH_SIZE = 20, 16
# The last batch of an epoch, and of `evaluate`; no number of devices divides it.
LAST_BATCH_SIZE = 11
GROUP_SIZE = 2
REGULARIZATION = 0.01
# What makes a replica's part of a step the global batch's, and what it becomes without.
MUTATIONS = {
    "gather_batch": lambda rows: rows,
    "row_offset": lambda num_rows: 0,
    "global_batch_size": lambda num_rows: num_rows,
    "replica_share": lambda value: value,
}


def make_virtual_devices(num_devices):
    """Splits the CPU into devices; must run before the backend starts."""
    flag = f"--xla_force_host_platform_device_count={num_devices}"
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flag}"
    if os.environ["KERAS_BACKEND"] == "tensorflow":
        import tensorflow as tf

        cpu = tf.config.list_physical_devices("CPU")[0]
        devices = [tf.config.LogicalDeviceConfiguration()] * num_devices
        tf.config.set_logical_device_configuration(cpu, devices)


def set_up(configuration):
    """Joins the processes and sets the distribution, as a user's script would."""
    from keras_lit import distribution

    if configuration.get("addresses"):
        distribution.initialize(
            configuration["addresses"], configuration["processes"], configuration["process"]
        )
    layout = configuration.get("layout", "data_parallel")
    arguments = (2,) if layout == "model_parallel" else ()
    getattr(distribution, layout)(*arguments)


def build(recipe):
    """Returns the compiled tiny model of a recipe."""
    import keras

    import keras_lit
    from tests import tiny

    bias = -10.0 if recipe == "sigmoid" else None
    model = tiny.lit_model("Lu", dropout=0.3, head=keras_lit.layers.SimilarityHead(bias=bias))
    # Counted once, however many replicas compute it.
    model.text_tower.backbone.token_embedding.embeddings.regularizer = keras.regularizers.L2(
        REGULARIZATION
    )
    losses = {
        "sigmoid": keras_lit.losses.SigmoidContrastiveLoss,
        "local_softmax": lambda: keras_lit.losses.LocalSoftmaxContrastiveLoss(GROUP_SIZE),
    }
    loss = losses.get(recipe, keras_lit.losses.SoftmaxContrastiveLoss)()
    model.compile(
        optimizer=keras.optimizers.AdamW(1e-3),
        loss=loss,
        jit_compile="auto" if recipe != "not_compiled" else False,
    )
    return model


def batches_of(num_steps):
    """Returns a data set that ends with a smaller batch, and the number of pairs of each batch."""
    import tensorflow as tf

    from tests import tiny

    sizes = [BATCH_SIZE] * (num_steps - 1) + [LAST_BATCH_SIZE]
    # The same first batches, however many there are.
    pairs = tiny.pairs(NUM_STEPS * BATCH_SIZE)
    # Some token ids repeat in every batch: their gradients must be added up.
    pairs["token_ids"][:, 0] = 1
    pairs = {name: rows[: sum(sizes)] for name, rows in pairs.items()}
    return tf.data.Dataset.from_tensor_slices(pairs).batch(BATCH_SIZE), sizes


def fit(model, dataset, sizes):
    """Trains one epoch and returns the loss of each step."""
    import keras
    import numpy as np

    means = []

    class MeanLosses(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            means.append(logs["loss"])

    model.fit(dataset, verbose=0, callbacks=[MeanLosses()])
    # Keras logs the mean loss since the epoch began.
    return np.diff(np.array(means) * np.cumsum(sizes), prepend=0) / sizes


def train(recipe, num_steps):
    """Trains the tiny model and returns a dict of arrays."""
    import numpy as np
    import tensorflow as tf

    from keras_lit import distribution
    from tests import tiny

    def values(variables):
        return {v.path: np.array(distribution.to_numpy(v)) for v in variables}

    model = build(recipe)
    dataset, sizes = batches_of(num_steps)
    uneven = tf.data.Dataset.from_tensor_slices(tiny.pairs(BATCH_SIZE + LAST_BATCH_SIZE, seed=1))
    uneven = uneven.batch(BATCH_SIZE)
    start = model.predict(dataset.take(1), verbose=0)
    locked = values(model.image_tower.weights)
    (table,) = values([model.text_tower.backbone.token_embedding.embeddings]).values()
    losses = fit(model, dataset, sizes)
    after = values(model.image_tower.weights)
    evaluation = model.evaluate(uneven, return_dict=True, verbose=0)
    end = model.predict(uneven, verbose=0)
    return {
        **{f"start {name}": rows for name, rows in start.items()},
        **{f"end {name}": rows for name, rows in end.items()},
        "regularization": REGULARIZATION * np.square(table).sum(),
        "losses": losses,
        "evaluation": np.array([evaluation["loss"], evaluation["accuracy"]]),
        "encoded": model.encode_texts(tiny.pairs(3)),
        "locked_bytes_equal": all(np.array_equal(locked[path], after[path]) for path in locked),
        **{f"weight {path}": value for path, value in values(model.trainable_variables).items()},
    }


def train_mutated(name):
    """Trains a few steps without something that many replicas need."""
    import numpy as np

    with mock.patch(f"keras_lit.distribution.{name}", MUTATIONS[name]):
        dataset, sizes = batches_of(4)
        try:
            losses = fit(build("softmax"), dataset.take(3), sizes[:3])
        except Exception:
            losses = np.full(3, np.nan)
    return {"losses": losses}


def run(configuration, recipes):
    """Returns the arrays of all recipes, each after its recipe's name."""
    import keras

    set_up(configuration)
    results = {}
    for recipe in recipes:
        with contextlib.ExitStack() as stack:
            if recipe == "mixed_bfloat16":
                keras.config.set_dtype_policy(recipe)
                stack.callback(keras.config.set_dtype_policy, "float32")
            if recipe in MUTATIONS:
                found = train_mutated(recipe)
            else:
                found = train(recipe, NUM_STEPS if recipe == "softmax" else 3)
        results.update({f"{recipe} {name}": value for name, value in found.items()})
    return results


if __name__ == "__main__":
    configuration = json.loads(sys.argv[1])
    make_virtual_devices(configuration["devices"])
    arrays = run(configuration, sys.argv[3:])
    if configuration.get("process", 0) == 0:
        import numpy

        numpy.savez(sys.argv[2], **arrays)
