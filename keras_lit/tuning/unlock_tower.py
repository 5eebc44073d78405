"""A model in `fit` -> one of its towers unlocked, in whole or in part, after some steps."""

from keras_lit.optimizers import StepCounter


class UnlockTower(StepCounter):
    """Unlocks a locked tower in the middle of `fit`.

    The variables that trained before keep their optimizer state, the new ones get some, and the
    step is compiled anew; nothing else of the training changes. Several of these unlock a tower
    bit by bit. A lower learning rate for what is unlocked:
    `keras_lit.optimizers.set_learning_rate_multiplier(model.image_tower, 0.1)` before `compile`.

    Args:
        after_steps: Integer >= 0, steps since the optimizer's start, those of an earlier `fit`
            included.
        tower: `"image_tower"` or `"text_tower"`.
        lock: `keras_lit.tuning.Lock`, what stays locked. `None`: nothing, and the tower's letter
            becomes `U`.

    Raises:
        ValueError: If an argument is none of these; when `fit` begins, if the tower is not locked.

    Example:

    ```python
    import keras_lit
    from keras_lit.tuning import Lock, UnlockTower

    def tune(model, pairs):
        last_blocks = UnlockTower(after_steps=1000, lock=Lock(keep_last=2))
        everything = UnlockTower(after_steps=5000)
        model.fit(pairs, callbacks=[last_blocks, everything])
    ```
    """

    def __init__(self, after_steps, tower="image_tower", lock=None):
        super().__init__()
        if not isinstance(after_steps, int) or after_steps < 0:
            raise ValueError(
                f"`after_steps` must be an integer >= 0. Received: after_steps={after_steps!r}."
            )
        if tower not in ("image_tower", "text_tower"):
            raise ValueError(
                f"`tower` must be 'image_tower' or 'text_tower'. Received: tower={tower!r}."
            )
        self.after_steps = after_steps
        self.tower = tower
        self.lock = lock

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        applied = getattr(self.model, self.tower).applied_lock
        self._is_done = self.current_step > self.after_steps or (
            self.current_step == self.after_steps and applied == self.lock
        )
        if applied is None and self.current_step < self.after_steps:
            raise ValueError(
                f"UnlockTower(after_steps={self.after_steps}) finds the {self.tower} unlocked from "
                "the start. Lock it first: `model.tuning`."
            )
        self._unlock_if_due()

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch, logs)
        self._unlock_if_due()

    def _unlock_if_due(self):
        if self._is_done or self.current_step < self.after_steps:
            return
        self._is_done = True
        if self.lock is not None:
            getattr(self.model, self.tower).apply_lock(self.lock)
        else:
            image_letter, text_letter = self.model.tuning
            is_image = self.tower == "image_tower"
            self.model.tuning = f"U{text_letter}" if is_image else f"{image_letter}U"
        self.model.recompile()
