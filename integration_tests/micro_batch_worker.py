"""Runs in JSON, by name -> losses and weights of each after two steps: one fresh process.

Usage: python -m integration_tests.micro_batch_worker DEVICES RUNS_AS_JSON OUT.npz
"""

import json
import sys

from integration_tests.virtual_devices import make_virtual_devices

num_devices, runs, out = int(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
make_virtual_devices(num_devices)

import keras  # noqa: E402
import numpy as np  # noqa: E402

import keras_lit  # noqa: E402
from tests import tiny  # noqa: E402

NUM_PAIRS = 24
BATCH_SIZE = 12


class Unrolled(keras_lit.LiTModel):
    """Calls the towers on one micro-batch after another, and keeps all of it for the gradients."""

    num_micro_batches = None

    def call(self, inputs, training=None):
        if self.num_micro_batches is None:
            return super().call(inputs, training=training)
        parts = []
        for index in range(self.num_micro_batches):
            micro_batch = {
                name: value[index :: self.num_micro_batches] for name, value in inputs.items()
            }
            parts.append(keras_lit.LiTModel.call(self, micro_batch, training=training))
        return {
            name: keras.ops.reshape(
                keras.ops.stack([part[name] for part in parts], axis=1),
                (-1, parts[0][name].shape[-1]),
            )
            for name in parts[0]
        }


def backbone(inputs, features, dropout):
    features = keras.layers.Dense(16, activation="gelu")(features)
    features = keras.layers.Dropout(dropout, seed=3)(features)
    return keras.Model(inputs, keras.layers.Dense(8)(features))


def build(dropout):
    images = keras.Input((8, 8, 3), name="images")
    token_ids = keras.Input((tiny.TOKENS,), dtype="int32", name="token_ids")
    embedded = keras.layers.Embedding(tiny.VOCABULARY_SIZE, 8)(token_ids)
    model = Unrolled(
        image_tower=keras_lit.Tower(
            backbone(images, keras.layers.Conv2D(8, 4, strides=4)(images), dropout), pooling="mean"
        ),
        text_tower=keras_lit.Tower(backbone(token_ids, embedded, dropout), pooling="mean"),
        tuning="Uu",
    )
    tiny.fill(model)
    return model


def main():
    results = {}
    for name, options in runs.items():
        keras_lit.distribution.data_parallel(options.get("devices"))
        model = build(options.get("dropout", 0.0))
        model.num_micro_batches = options.get("unrolled")
        model.compile(
            optimizer=keras.optimizers.SGD(0.1, momentum=0.9),
            loss=keras_lit.losses.SoftmaxContrastiveLoss(chunk_size=options.get("chunk_size")),
            micro_batch_size=options.get("micro_batch_size"),
            jit_compile=options.get("jit_compile", "auto"),
        )
        history = model.fit(
            tiny.pairs(NUM_PAIRS), batch_size=BATCH_SIZE, shuffle=False, epochs=1, verbose=0
        )
        results[f"{name}/loss"] = np.array(history.history["loss"])
        results[f"{name}/accuracy"] = np.array(history.history["accuracy"])
        # Seeds count as well: they must have run on as far as in the run to compare with.
        for index, variable in enumerate(model.variables):
            value = keras.ops.convert_to_numpy(variable)
            results[f"{name}/{index:02d}_{variable.path.split('/')[-1]}"] = value
    np.savez(out, **results)


if __name__ == "__main__":
    main()
