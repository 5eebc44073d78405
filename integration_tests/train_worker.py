"""A configuration and recipes -> losses and weights of each, from one fresh process.

    KERAS_BACKEND=jax python -m integration_tests.train_worker '{"devices": 2}' result.npz softmax

splits the CPU into devices, trains on shared weights and a shared batch order, and writes into the
file, after the recipe's name: the loss of each step, trained weights, whether the locked tower
kept every byte, and what `evaluate` and `predict` say of data that the devices do not divide.
"""

import json
import sys
from unittest import mock

import keras
import numpy as np
import tensorflow as tf

from integration_tests.recipes import BATCH_SIZE, LAST_BATCH_SIZE, RECIPES, REGULARIZATION
from integration_tests.virtual_devices import make_virtual_devices
from keras_lit import distribution
from tests import tiny

# What makes a replica's part of a step the global batch's, and what it becomes without.
MUTATIONS = {
    "gather_batch": lambda rows: rows,
    "row_offset": lambda num_rows: 0,
    "global_batch_size": lambda num_rows: num_rows,
    "replica_share": lambda value: value,
}


def set_up(configuration):
    """Joins the processes and sets the distribution, as a user's script would."""
    if configuration.get("addresses"):
        distribution.initialize(
            configuration["addresses"], configuration["processes"], configuration["process"]
        )
    layout = configuration.get("layout", "data_parallel")
    arguments = (2,) if layout == "model_parallel" else ()
    getattr(distribution, layout)(*arguments)


def batches_of(num_steps):
    """Returns a data set that ends with a smaller batch, and the number of pairs of each batch."""
    sizes = [BATCH_SIZE] * (num_steps - 1) + [LAST_BATCH_SIZE]
    # The same first batches, however many there are.
    pairs = tiny.pairs(RECIPES["softmax"].num_steps * BATCH_SIZE)
    # Some token ids repeat in every batch: their gradients must be added up.
    pairs["token_ids"][:, 0] = 1
    pairs = {name: rows[: sum(sizes)] for name, rows in pairs.items()}
    return tf.data.Dataset.from_tensor_slices(pairs).batch(BATCH_SIZE), sizes


def fit(model, dataset, sizes):
    """Trains one epoch and returns the loss of each step."""
    means = []

    class MeanLosses(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            means.append(logs["loss"])

    model.fit(dataset, verbose=0, callbacks=[MeanLosses()])
    # Keras logs the mean loss since the epoch began.
    return np.diff(np.array(means) * np.cumsum(sizes), prepend=0) / sizes


def values(variables):
    """Copies variables to NumPy, by path."""
    return {v.path: np.array(distribution.to_numpy(v)) for v in variables}


def train(recipe):
    """Trains the tiny model; returns it and a dict of arrays."""
    model = recipe.build()
    dataset, sizes = batches_of(recipe.num_steps)
    start = model.predict(dataset.take(1), verbose=0)
    locked = values(model.image_tower.weights)
    (table,) = values([model.text_tower.backbone.token_embedding.embeddings]).values()
    before = values(model.trainable_variables)
    losses = fit(model, dataset, sizes)
    after = values(model.image_tower.weights)
    return model, {
        **{f"start {name}": rows for name, rows in start.items()},
        "regularization": REGULARIZATION * np.square(table).sum(),
        "losses": losses,
        "locked_bytes_equal": all(np.array_equal(locked[path], after[path]) for path in locked),
        **{f"before {path}": value for path, value in before.items()},
        **{f"weight {path}": value for path, value in values(model.trainable_variables).items()},
    }


def infer(model):
    """Evaluates and embeds pairs that the devices do not divide; returns a dict of arrays."""
    uneven = tf.data.Dataset.from_tensor_slices(tiny.pairs(BATCH_SIZE + LAST_BATCH_SIZE, seed=1))
    uneven = uneven.batch(BATCH_SIZE)
    evaluation = model.evaluate(uneven, return_dict=True, verbose=0)
    end = model.predict(uneven, verbose=0)
    return {
        **{f"end {name}": rows for name, rows in end.items()},
        "evaluation": np.array([evaluation["loss"], evaluation["accuracy"]]),
        "encoded": model.encode_texts(tiny.pairs(3)),
    }


def train_mutated(name):
    """Trains a few steps without something that many replicas need."""
    with mock.patch(f"keras_lit.distribution.{name}", MUTATIONS[name]):
        dataset, sizes = batches_of(4)
        try:
            losses = fit(RECIPES["softmax"].build(), dataset.take(3), sizes[:3])
        except Exception:
            losses = np.full(3, np.nan)
    return {"losses": losses}


def run(configuration, names):
    """Returns the arrays of recipes and mutations, each after its name."""
    set_up(configuration)
    results = {}
    for name in names:
        if name in MUTATIONS:
            found = train_mutated(name)
        else:
            model, found = train(RECIPES[name])
            if name == "softmax":
                found.update(infer(model))
        results.update({f"{name} {key}": value for key, value in found.items()})
    return results


if __name__ == "__main__":
    configuration = json.loads(sys.argv[1])
    make_virtual_devices(configuration["devices"])
    arrays = run(configuration, sys.argv[3:])
    if configuration.get("process", 0) == 0:
        np.savez(sys.argv[2], **arrays)
