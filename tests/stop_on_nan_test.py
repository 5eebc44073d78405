"""StopOnNaN and TrainingBackup: the step is named, and good weights are not written over."""

import keras
import numpy as np
import pytest

import keras_lit
from tests import tiny


def test_the_error_names_the_step_and_the_last_good_checkpoint(tmp_path):
    model = tiny.lit_model()
    model.compile(keras.optimizers.SGD(1e-3), keras_lit.losses.SoftmaxContrastiveLoss())

    class Explode(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 3:
                keras_lit.distribution.sync_variables(self.model)
                self.model.head.log_temperature.assign(np.nan)

    backup = keras_lit.TrainingBackup(tmp_path, every_steps=2)
    stop = keras_lit.StopOnNaN(backup)
    with pytest.raises(
        FloatingPointError, match="became nan in step 5.*backup.zip' of step 4. Low"
    ):
        model.fit(tiny.pairs(24), batch_size=4, verbose=0, callbacks=[stop, backup, Explode()])
    assert backup.restore(model) == 4
    assert np.isfinite(model.temperature)
    with pytest.raises(
        FloatingPointError, match="By step 8, 'head/log_temperature' is NaN.*step 6"
    ):
        model.fit(tiny.pairs(20), batch_size=4, verbose=0, callbacks=[Explode(), backup])
    assert keras_lit.TrainingBackup(tmp_path, every_steps=2).restore(model) == 6
