"""A folder for backups -> trained weights, of a run that goes on where a killed one was.

    KERAS_BACKEND=jax python -m integration_tests.resume_worker DEVICES FOLDER [OUT.npz]

Without OUT the process kills itself in the middle of an epoch. With it, it finishes that run, then
runs another one from the start, and writes the weights of both.
"""

import os
import signal
import sys

from integration_tests.virtual_devices import make_virtual_devices

NUM_STEPS, BATCH_SIZE, EVERY_STEPS, KILLED_AT = 14, 8, 4, 10


def train(folder, kill):
    """Returns the step that training started at, and the model."""
    import keras
    import tensorflow as tf

    import keras_lit
    from tests import tiny

    class Kill(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch + 1 == KILLED_AT:
                os.kill(os.getpid(), signal.SIGKILL)

    # Dropout in a tower that trains: its random seeds are part of where a run is.
    model = tiny.lit_model("Uu", dropout=0.3)
    for layer in model.image_tower.backbone.layers:
        if layer.name == "dropout":
            layer.seed_generator.state.assign([3, 4])
    model.compile(keras.optimizers.AdamW(1e-2), loss=keras_lit.losses.SoftmaxContrastiveLoss())
    # Five steps an epoch, each in another order.
    pairs = tf.data.Dataset.from_tensor_slices(tiny.pairs(5 * BATCH_SIZE)).shuffle(64, seed=1)
    batches = pairs.batch(BATCH_SIZE, drop_remainder=True).repeat()
    backup = keras_lit.TrainingBackup(folder, EVERY_STEPS)
    step = backup.restore(model)
    callbacks = [backup, Kill()] if kill else [backup]
    model.fit(batches.skip(step), steps_per_epoch=NUM_STEPS - step, callbacks=callbacks, verbose=0)
    return step, model


def main(folder, out=None):
    import numpy as np

    import keras_lit
    from tests import tiny

    keras_lit.distribution.data_parallel()
    step, resumed = train(f"{folder}/killed", kill=out is None)
    start, whole = train(f"{folder}/whole", kill=False)
    assert (step, start) == (KILLED_AT // EVERY_STEPS * EVERY_STEPS, 0), (step, start)
    assert keras_lit.TrainingBackup(f"{folder}/killed", 1).restore(resumed) == NUM_STEPS
    arrays = {}
    for name, model in (("resumed", resumed), ("whole", whole)):
        values = tiny.values([*model.variables, *model.optimizer.variables])
        arrays.update({f"{name} {index}": v for index, v in enumerate(values.values())})
    np.savez(out, **arrays)


if __name__ == "__main__":
    make_virtual_devices(int(sys.argv[1]))
    main(*sys.argv[2:])
