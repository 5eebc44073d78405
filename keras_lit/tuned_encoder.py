"""Two towers and two letters -> what of the model trains, and a check that it stays so."""

import keras
import numpy as np

from keras_lit import distribution
from keras_lit.dual_encoder import DualEncoder
from keras_lit.optimizers import continue_with
from keras_lit.tuning import Lock
from keras_lit.tuning.summary import summarize

_LETTERS = {"L": "locked", "U": "unlocked", "u": "unlocked, from scratch"}


class TunedEncoder(DualEncoder):
    """The part of `LiTModel` that says which weights train.

    Args:
        image_tower: `keras_lit.Tower`.
        text_tower: `keras_lit.Tower` with embeddings of the same length.
        preprocessor: `keras_lit.LiTPreprocessor` or `None`.
        tuning: Two letters, as for `LiTModel`.
        head: `keras_lit.layers.SimilarityHead`. Defaults to temperature 10 without a bias.
        name: String.
    """

    def __init__(
        self, image_tower, text_tower, preprocessor=None, tuning="Lu", head=None, name=None
    ):
        super().__init__(image_tower, text_tower, preprocessor, head, name)
        self._compiled_variables = None
        self.tuning = tuning

    @property
    def tuning(self):
        """The two letters of the paper; set them before `compile`."""
        return self._tuning

    @tuning.setter
    def tuning(self, value):
        if not isinstance(value, str) or len(value) != 2 or not set(value) <= set(_LETTERS):
            raise ValueError(
                f"`tuning` must be two letters, the image tower's and the text tower's, out of "
                f"{_LETTERS}. Received: tuning={value!r}. The paper's choice is 'Lu'."
            )
        for tower, letter in zip(self._towers, value, strict=True):
            if letter != "u" and tower.has_random_weights:
                raise ValueError(
                    f"tuning={value!r} says {letter!r}, pretrained, of the tower '{tower.name}', "
                    "whose weights are random: it starts from scratch, or `reinitialize` has drawn "
                    "them. Load its weights, or say 'u', unlocked and from scratch."
                )
        self._tuning = value
        self._apply_tuning()

    def _apply_tuning(self):
        for tower, letter in zip(self._towers, self._tuning, strict=True):
            tower.apply_lock((tower.applied_lock or Lock()) if letter == "L" else None)

    def _prepare_to_train(self):
        """Locks and unlocks as the letters say, which must agree with the locks of the towers."""
        for tower, letter in zip(self._towers, self._tuning, strict=True):
            if letter != "L" and tower.applied_lock is not None:
                raise ValueError(
                    f"tuning={self._tuning!r} says {letter!r}, {_LETTERS[letter]}, of the tower "
                    f"'{tower.name}', which has the lock {tower.applied_lock}. Set `model.tuning`: "
                    "'L' keeps a lock, also one in part; 'U' and 'u' take it away."
                )
        self._apply_tuning()
        if all(tower.locked for tower in self._towers):
            raise ValueError(
                f"tuning={self._tuning!r} locks both towers and leaves nothing to train. Set "
                "`model.tuning = 'Lu'` to train the text tower, or lock in part: "
                "`model.text_tower.lock(keep_last=2)`."
            )

    def _check_tuning(self):
        """Raises if what trains is not what the letters say and `compile` has seen."""
        for tower, letter in zip(self._towers, self._tuning, strict=True):
            moving = tower.escaped_variables
            if moving or (tower.applied_lock is not None) != (letter == "L"):
                raise ValueError(
                    f"tuning={self._tuning!r} {'' if letter == 'L' else 'un'}locks the tower "
                    f"'{tower.name}', but that was changed afterwards ({len(moving)} locked "
                    "variables would train). Set `model.tuning`, which says what trains, and call "
                    "`compile` again."
                )
        if self._compiled_variables != self._describe_variables():
            raise ValueError(
                "What trains, or what it is made of, has changed since `compile`: by "
                "`model.tuning`, a tower's lock, LoRA or quantisation. Call `model.compile` again, "
                "or `model.recompile()`, which keeps the optimizer's state."
            )

    def _describe_variables(self):
        return [(v.path, v.dtype, v.trainable) for v in self.variables]

    def recompile(self):
        """Takes up a change of what trains, and keeps the optimizer's state.

        For after `model.tuning = ...` or `tower.lock(...)`, also in the middle of `fit`. Variables
        that go on training keep their slots, new ones get some, and the step is compiled anew.

        Raises:
            ValueError: As `compile`, or if the model is not compiled.
            NotImplementedError: If the optimizer is a `keras.optimizers.MultiOptimizer`.
        """
        if not self.compiled:
            raise ValueError("`recompile` goes on from `compile`. Call `model.compile(...)` first.")
        self._prepare_to_train()
        distribution.sync_variables(self)
        if self.optimizer.built:
            continue_with(self.optimizer, self.trainable_variables)
        self.test_function = self.predict_function = None
        self.make_train_function(force=True)  # `fit` asks for it once, before the first step.
        self._compiled_variables = self._describe_variables()

    def reinitialize(self, seed=0):
        """Draws the weights of each tower whose letter is `u` anew: from scratch, as it says.

        The temperature stays. A letter alone never changes a weight, so that a model that was
        saved during its tuning can be loaded with its letters.

        Args:
            seed: Integer. The same seed gives the same weights, on the same backend.

        Returns:
            The model.

        Raises:
            ValueError: If neither letter is `u`, or such a tower has adapters.
        """
        if "u" not in self._tuning:
            raise ValueError(
                f"tuning={self._tuning!r} says that both towers are pretrained, so none can start "
                "from scratch. Say `u` of the tower that is to: `model.tuning = 'Lu'`."
            )
        distribution.sync_variables(self)
        for index, (tower, letter) in enumerate(zip(self._towers, self._tuning, strict=True)):
            if letter == "u":
                tower.reinitialize(int(np.random.SeedSequence([seed, index]).generate_state(1)[0]))
        return self

    def tuning_summary(self, print_fn=print):
        """Prints what trains, what is locked, and what that saves.

        Args:
            print_fn: Function of a string.
        """
        print_fn(str(summarize(self)))

    def get_config(self):
        return {**super().get_config(), "tuning": self.tuning}


class TuningCheck(keras.callbacks.Callback):
    """Raises where something is locked or unlocked in the middle of `fit` without `recompile`."""

    async_safe = True

    def on_train_begin(self, logs=None):
        self._variables = self.model.variables
        self._checked = None

    def on_train_batch_end(self, batch, logs=None):
        trainable = [variable.trainable for variable in self._variables]
        if trainable != self._checked:
            self._model._check_tuning()  # `self.model` would bring all values up to date, on JAX.
            self._checked = trainable
