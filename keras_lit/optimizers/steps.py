"""An optimizer -> how many batches it was given, also in the middle of `fit`."""

import keras

from keras_lit import distribution


def num_steps(optimizer):
    """Returns how many batches an optimizer was given, an integer.

    Keras' own `iterations` counts updates, fewer where gradients of several batches are added up.
    """
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    return int(distribution.to_numpy(optimizer._iterations))


class StepCounter(keras.callbacks.Callback):
    """Base of callbacks that act at a step: `num_steps`, without asking the optimizer each time.

    Asking it would stop training to sync. A subclass that overrides a method calls it first;
    `current_step` is then the number of steps done, those of an earlier `fit` included.
    """

    def on_train_begin(self, logs=None):
        self.current_step = num_steps(self.model.optimizer)

    def on_epoch_begin(self, epoch, logs=None):
        self._steps_before_epoch = self.current_step

    def on_train_batch_end(self, batch, logs=None):
        self._previous_step = self.current_step
        # `batch` advances by more than 1 where a call executes several steps.
        self.current_step = self._steps_before_epoch + batch + 1

    def has_passed_multiple(self, every_steps):
        """Whether the batches just done reached or passed a multiple of `every_steps`."""
        return self.current_step // every_steps > self._previous_step // every_steps
