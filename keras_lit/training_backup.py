"""A model in `fit` -> a file with all that training needs to go on from that very step."""

import itertools
import json
import os
import pathlib
import zipfile

import keras
import numpy as np

from keras_lit import distribution
from keras_lit.optimizers import StepCounter, num_steps
from keras_lit.whole_files import whole_file

_FILE = "backup.zip"


class TrainingBackup(StepCounter):
    """Saves weights, optimizer state and random seeds every few steps, and brings them back.

    A run that was killed at any moment and started again ends with the weights of one that was
    not: `restore` says how many steps are done, and the data set starts there.

    `keras.callbacks.BackupAndRestore` does not give that: it leaves the seeds of dropout out, goes
    on at the start of an epoch whatever the step, writes weights and position one after the other,
    so that a kill may separate them, and writes from every process. Orbax, the other choice of
    Keras, needs JAX and leaves out the data set's position as well.

    What trains comes back as well: a run that `keras_lit.tuning.UnlockTower` had unlocked goes on
    unlocked. Weights that are NaN are never saved over good ones.

    With several processes all of them take part, process 0 alone writes, and all restore from the
    folder, which they share.

    Args:
        folder: Path of a folder for the file `backup.zip`. It is replaced as a whole, or not.
        every_steps: Integer, after how many steps to save. The end of `fit` is saved as well.

    Raises:
        ValueError: If `every_steps` is not an integer >= 1.
        FloatingPointError: In `fit`, if a weight has become NaN or infinite.

    Example:

    ```python
    import keras_lit

    def tune(model, cache, num_steps):
        backup = keras_lit.TrainingBackup("runs/backup", every_steps=500)
        step = backup.restore(model)
        if step < num_steps:
            batches = cache.dataset(batch_size=4096, start_step=step, num_passes=None)
            model.fit(batches, steps_per_epoch=num_steps - step, callbacks=[backup])
    ```
    """

    def __init__(self, folder, every_steps):
        super().__init__()
        if not isinstance(every_steps, int) or every_steps < 1:
            raise ValueError(
                f"`every_steps` must be an integer >= 1. Received: every_steps={every_steps!r}."
            )
        self.path = pathlib.Path(folder) / _FILE
        self.every_steps = every_steps
        self.saved_step = None

    def describe(self):
        """Returns a sentence that names the last good checkpoint."""
        if self.saved_step is None:
            return f"Nothing was saved in '{self.path}' yet."
        return f"The last good checkpoint is '{self.path}' of step {self.saved_step}."

    def restore(self, model):
        """Brings a compiled model to where the last run saved it.

        Args:
            model: A compiled `keras_lit.LiTModel`, built as in the last run.

        Returns:
            Integer, the number of steps done. 0 where nothing is saved yet.

        Raises:
            ValueError: If the file is damaged or of another model or optimizer.
        """
        model.optimizer.build(model.trainable_variables)
        if not self.path.exists():
            return 0
        try:
            with zipfile.ZipFile(self.path) as archive:
                _restore_tuning(model, json.loads(archive.read("tuning.json")))
                variables = _state_variables(model)
                saved = json.loads(archive.read("variables.json"))
                self._check(saved, _descriptions(variables))
                for index, variable in enumerate(variables):
                    dtype = distribution.to_numpy(variable).dtype
                    array = np.frombuffer(archive.read(str(index)), dtype)
                    variable.assign(array.reshape(variable.shape))
        except (zipfile.BadZipFile, KeyError, json.JSONDecodeError) as error:
            raise ValueError(
                f"The backup '{self.path}' is damaged ({error}). Delete it to start from step 0."
            ) from error
        self.saved_step = num_steps(model.optimizer)
        return self.saved_step

    def _check(self, saved, expected):
        differing = [
            f"{was or 'nothing'} instead of {now or 'nothing'}"
            for was, now in itertools.zip_longest(saved, expected)
            if was != now
        ]
        if differing:
            raise ValueError(
                f"The backup '{self.path}' is of another model or optimizer: it holds "
                f"{differing[0]}. Build and compile as in that run, or name another folder."
            )

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch, logs)
        if self.has_passed_multiple(self.every_steps):
            self._save()

    def on_train_end(self, logs=None):
        self._save()

    def _save(self):
        distribution.sync_variables(self.model)
        variables = _state_variables(self.model)
        if distribution.process_index() > 0:
            # The others may hold parts that process 0 must collect.
            for variable in variables:
                self._finite_values(variable)
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(self.path) as file:
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr("variables.json", json.dumps(_descriptions(variables)))
                archive.writestr("tuning.json", json.dumps(_tuning_of(self.model)))
                for index, variable in enumerate(variables):
                    # As bytes, for NumPy's own format does not know bfloat16.
                    archive.writestr(str(index), self._finite_values(variable).tobytes())
            file.flush()
            os.fsync(file.fileno())
        self.saved_step = self.current_step

    def _finite_values(self, variable):
        values = distribution.to_numpy(variable)
        if not np.all(np.isfinite(values)):
            raise FloatingPointError(
                f"By step {self.current_step}, '{variable.path}' is NaN or infinite. "
                f"{self.describe()} Lower the learning rate, warm up for longer or clip gradients; "
                "`keras_lit.StopOnNaN` finds the first such step."
            )
        return values


def _tuning_of(model):
    locks = [model.image_tower.applied_lock, model.text_tower.applied_lock]
    return {"tuning": model.tuning, "locks": keras.saving.serialize_keras_object(locks)}


def _restore_tuning(model, saved):
    if saved == _tuning_of(model):
        return
    locks = keras.saving.deserialize_keras_object(saved["locks"])
    model.image_tower.apply_lock(locks[0])
    model.text_tower.apply_lock(locks[1])
    model.tuning = saved["tuning"]
    model.recompile()


def _state_variables(model):
    """Returns all variables that a step may change, each once."""
    variables = [*model.variables, *model.optimizer.variables]
    return list({id(variable): variable for variable in variables}.values())


def _descriptions(variables):
    return [f"{variable.dtype} {list(variable.shape)}" for variable in variables]
