"""A model in `fit` whose loss is no number any more -> an error that says since when."""

import numpy as np

from keras_lit.optimizers import StepCounter


class StopOnNaN(StepCounter):
    """Ends `fit` with an error in the first step whose loss is NaN or infinite.

    `keras.callbacks.TerminateOnNaN` ends it as if it were finished, so that other callbacks then
    save weights that are NaN. List this one before those that save.

    Args:
        backup: `keras_lit.TrainingBackup` of the same `fit`, which the error points to. `None`: the
            error names the step alone.

    Raises:
        FloatingPointError: In `fit`; names the step and the last good checkpoint.

    Example:

    ```python
    import keras_lit

    def tune(model, pairs):
        backup = keras_lit.TrainingBackup("runs/backup", every_steps=500)
        backup.restore(model)
        model.fit(pairs, callbacks=[keras_lit.StopOnNaN(backup), backup])
    ```
    """

    def __init__(self, backup=None):
        super().__init__()
        self.backup = backup

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch, logs)
        loss = float((logs or {}).get("loss", 0.0))
        if not np.isfinite(loss):
            saved = "" if self.backup is None else f" {self.backup.describe()}"
            raise FloatingPointError(
                f"The loss became {loss} in step {self.current_step}.{saved} Lower the learning "
                "rate, warm up for longer, clip gradients (`global_clipnorm=1.0`), and use "
                "bfloat16 instead of float16."
            )
