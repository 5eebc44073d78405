"""Shared weights and a shared batch order -> losses and weights after 20 steps, in one process.

    KERAS_BACKEND=tensorflow python -m integration_tests.train_worker 2 result.npz

trains on 2 devices (virtual CPU devices) and writes the losses, the trained weights, and whether
the locked tower kept every byte.
"""

import os
import sys

NUM_STEPS, BATCH_SIZE = 20, 8


def make_virtual_devices(num_devices):
    """Splits the CPU into devices; must run before the backend starts."""
    os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={num_devices}"
    if os.environ["KERAS_BACKEND"] == "tensorflow":
        import tensorflow as tf

        cpu = tf.config.list_physical_devices("CPU")[0]
        devices = [tf.config.LogicalDeviceConfiguration()] * num_devices
        tf.config.set_logical_device_configuration(cpu, devices)


def train(num_devices):
    """Trains the tiny model and returns a dict of arrays."""
    import keras
    import numpy as np
    import tensorflow as tf

    import keras_lit
    from tests import tiny

    keras_lit.distribution.data_parallel()
    assert keras_lit.distribution.num_replicas() == num_devices
    model = tiny.lit_model("Lu", dropout=0.3)
    model.compile(
        optimizer=keras.optimizers.AdamW(1e-3), loss=keras_lit.losses.SoftmaxContrastiveLoss()
    )
    locked = tiny.values(model.image_tower.weights)
    pairs = tiny.pairs(NUM_STEPS * BATCH_SIZE)
    # Some token ids repeat in every batch: their gradients must be added up.
    pairs["token_ids"][:, 0] = 1
    start = model.predict({name: rows[:BATCH_SIZE] for name, rows in pairs.items()}, verbose=0)
    means = []

    class MeanLosses(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            means.append(logs["loss"])

    dataset = tf.data.Dataset.from_tensor_slices(pairs).batch(BATCH_SIZE)
    model.fit(dataset, verbose=0, callbacks=[MeanLosses()])
    # Keras logs the mean loss since the epoch began.
    losses = np.diff(np.array(means) * np.arange(1, NUM_STEPS + 1), prepend=0)
    after = tiny.values(model.image_tower.weights)
    return {
        **start,
        "losses": losses,
        "locked_bytes_equal": all(np.array_equal(locked[path], after[path]) for path in locked),
        **{f"weight {path}": v for path, v in tiny.values(model.trainable_variables).items()},
    }


if __name__ == "__main__":
    make_virtual_devices(int(sys.argv[1]))
    import numpy

    numpy.savez(sys.argv[2], **train(int(sys.argv[1])))
