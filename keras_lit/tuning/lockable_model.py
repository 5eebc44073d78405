"""A model around a backbone -> which of its variables train, and where their values came from."""

import keras

from keras_lit.tuning import adapters, from_scratch
from keras_lit.tuning.locks import Lock


def _can_be_quantised(layer):
    # Keras asks every layer and warns of those that cannot.
    return type(layer).quantize is not keras.layers.Layer.quantize


class LockableModel(keras.Model):
    """The part of `keras_lit.Tower` that locks it, in whole or in part, and gives it adapters.

    A subclass sets `backbone`, a `keras.Model`. What is not in the backbone counts as head.

    Args:
        name: String.
    """

    def __init__(self, name=None):
        super().__init__(name=name, autocast=False)
        self._applied_lock = self._random_weights = None
        self._locked_ids = frozenset()

    @property
    def applied_lock(self):
        """The `keras_lit.tuning.Lock` of the tower, `None` if it is unlocked."""
        return self._applied_lock

    @property
    def locked(self):
        """Whether the whole tower is locked: no variable trains."""
        return self._applied_lock is not None and not self.trainable_variables

    @property
    def locked_variables(self):
        """Variables that would train without the lock."""
        return [v for v in self.weights if id(v) in self._locked_ids]

    @property
    def escaped_variables(self):
        """Variables that the lock holds but that train, after `trainable` was set by hand."""
        return [v for v in self.locked_variables if v.trainable]

    def lock(self, keep_last=0, keep=(), only=()):
        """Locks the tower, whole or in part, and runs it as in inference.

        Args:
            keep_last: Integer, how many of the last blocks train, with what follows them.
            keep: What else trains: `"norms"`, `"biases"`, `"head"` (pooling and projection) or a
                pattern of paths such as `"*/attention/*"`, or several of these.
            only: All that is locked, in the same words. `()`: everything.

        Raises:
            ValueError: As `keras_lit.tuning.Lock`.
        """
        self.apply_lock(Lock(keep_last, keep, only))

    def unlock(self):
        """Lets the tower train; of a backbone with LoRA adapters, the adapters alone."""
        self.apply_lock(None)

    def apply_lock(self, lock):
        """Locks what a `keras_lit.tuning.Lock` says, and nothing else; `None` unlocks."""
        self._set_trainable(True)
        adapters.freeze_adapted(self.backbone)
        try:
            held = [] if lock is None else lock.select(self)
        except ValueError:
            self.apply_lock(self._applied_lock)
            raise
        if len(held) == len(self.trainable_variables):
            self._set_trainable(False)
        for variable in held:
            variable.trainable = False
        if lock != self._applied_lock:
            self._forget_functions()
        self._applied_lock, self._locked_ids = lock, frozenset(map(id, held))

    def reinitialize(self, seed):
        """Draws all weights anew, as from scratch.

        Args:
            seed: Integer; gives the same weights each time, on the same backend.

        Raises:
            ValueError: If the tower has a lock or adapters.
        """
        if self._applied_lock is not None or adapters.has_adapters(self.backbone):
            state = "has LoRA adapters" if self._applied_lock is None else "is locked"
            raise ValueError(
                f"The tower '{self.name}' {state}: its weights are to stay as they are. Unlock it "
                "first (`model.tuning = 'uu'`), and re-initialise before adding adapters."
            )
        from_scratch.reinitialize(self, seed)
        self.mark_random()

    def mark_random(self):
        """Notes that the weights, as they are now, are random: the tower starts from scratch."""
        self._random_weights = from_scratch.fingerprint(self)

    @property
    def has_random_weights(self):
        """Whether the weights are still those that were marked as random."""
        drawn = self._random_weights
        return drawn is not None and drawn == from_scratch.fingerprint(self)

    def enable_lora(self, rank, target_layer_names=None):
        """Freezes the backbone and adds low-rank adapters that train in its place.

        Pooling and projection train as before. Saving adds the adapters to what they adapt: a
        saved tower has the same outputs and no adapters. Call `compile` afterwards.

        Args:
            rank: Integer, the rank of the adapters.
            target_layer_names: List of strings, the layers that get one. `None`: the backbone's
                choice, for most the queries and values of its attention.

        Raises:
            ValueError: If the tower is locked, its backbone has adapters already or cannot have
                any, or no layer has such a name.

        Reference:
            - [LoRA](https://arxiv.org/abs/2106.09685)
        """
        if self._applied_lock is not None:
            raise ValueError(
                f"The tower '{self.name}' is locked, so adapters would never train. Unlock it "
                "first: `model.tuning = 'UU'`, or `tower.unlock()`."
            )
        try:
            owner = f"tower '{self.name}'"
            adapters.add_adapters(self.backbone, rank, target_layer_names, owner)
        finally:
            self.unlock()  # keras-hub freezes too much, and even where it then fails

    def quantize(self, mode=None, config=None, filters=None, **kwargs):
        """Quantises the backbone; pooling and projection keep their dtype.

        Quantised kernels do not train, but LoRA adapters on them do. Call `compile` afterwards.

        Args:
            mode: String, such as `"int8"`; as for `keras.Model.quantize`.
            config: As for `keras.Model.quantize`.
            filters: As for `keras.Model.quantize`. `None`: all layers that can be quantised.
            **kwargs: As for `keras.Model.quantize`.
        """
        self.backbone.quantize(mode, config=config, filters=filters or _can_be_quantised, **kwargs)
        self._forget_functions()
        self.apply_lock(self._applied_lock)

    def _forget_functions(self):
        # They hold what the tower was before.
        self.train_function = self.test_function = self.predict_function = None

    def _set_trainable(self, value):
        # Keras on TensorFlow skips a layer whose own flag says `value` already, whatever its
        # variables say, as after loading. Set the other way first, no layer is skipped.
        for layer in self._flatten_layers():
            layer.trainable = not value
        self.trainable = value
