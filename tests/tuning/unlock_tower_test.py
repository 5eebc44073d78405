"""Unlocking in the middle of `fit`: state kept, step rebuilt, resumed; what is refused."""

import keras
import numpy as np
import pytest

import keras_lit
from keras_lit.optimizers import (
    LiTAdafactor,
    LiTAdamW,
    continue_with,
    num_steps,
    set_learning_rate_multiplier,
)
from keras_lit.tuning import Lock, UnlockTower
from tests import tiny

LOSS = keras_lit.losses.SoftmaxContrastiveLoss()
PAIRS = tiny.pairs(16)


class Record(keras.callbacks.Callback):
    """Notes after each step what the image tower's conv and the first table hold."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        keras_lit.distribution.sync_variables(self.model)
        self.seen.append(tiny.values(self.model.weights))


def fit(model, callbacks, num_batches=4):
    model.fit(
        {name: values[: 4 * num_batches] for name, values in PAIRS.items()},
        batch_size=4,
        shuffle=False,
        verbose=0,
        callbacks=callbacks,
    )


def test_a_tower_joins_the_training_and_the_others_do_not_notice(tmp_path):
    """The unlock is by bits: norms after two steps, all after three."""
    model, record = tiny.lit_model("Lu"), Record()
    set_learning_rate_multiplier(model.image_tower, 0.5)
    model.compile(LiTAdamW(1e-2, 0.0), LOSS)
    backup = keras_lit.TrainingBackup(tmp_path, every_steps=3)
    unlock = UnlockTower(after_steps=2, lock=Lock(keep="norms"))
    fit(model, [unlock, UnlockTower(after_steps=3), record, backup])
    assert model.tuning == "Uu" and int(model.optimizer.iterations) == 4
    steps = record.seen
    for path in ("conv/kernel", "norm/gamma"):
        still = [np.array_equal(a[path], b[path]) for a, b in zip(steps, steps[1:], strict=False)]
        assert still == ([True, True, False] if path == "conv/kernel" else [True, False, False])
    # The first step of Adam has the length of the learning rate, if its moments began with it.
    first = np.abs(steps[2]["norm/gamma"] - steps[1]["norm/gamma"])
    assert np.median(first) == pytest.approx(0.5e-2 * _first_factor(3), rel=1e-2)

    resumed = tiny.lit_model("Lu", seed=1)
    resumed.compile(LiTAdamW(1e-2, 0.0), LOSS)
    assert keras_lit.TrainingBackup(tmp_path, every_steps=9).restore(resumed) == 4
    assert resumed.tuning == "Uu"
    for mine, theirs in zip(model.weights, resumed.weights, strict=True):
        np.testing.assert_array_equal(np.array(mine), np.array(theirs))
    fit(resumed, [UnlockTower(after_steps=3)], num_batches=1)


def _first_factor(num_updates):
    """What Adam's bias correction makes of moments that begin in update `num_updates`."""
    first = 0.1 / (1 - 0.9**num_updates)
    second = 0.001 / (1 - 0.999**num_updates)
    return first / np.sqrt(second)


@pytest.mark.parametrize(
    "make",
    [
        lambda: LiTAdamW(0.1, use_ema=True),
        lambda: LiTAdafactor(0.1, min_dim_size_to_factor=2),
        lambda: keras.optimizers.Adam(0.1),
        lambda: keras.optimizers.Nadam(0.1),
        lambda: keras.optimizers.SGD(0.1),
        lambda: keras.optimizers.Lion(0.1),
        lambda: keras.optimizers.Adafactor(0.1),
        lambda: keras.optimizers.Adam(0.1, gradient_accumulation_steps=2),
    ],
)
def test_known_variables_go_on_as_if_nothing_had_been_added(make):
    def variables():
        return [
            keras.Variable(np.full((2, 3), n + 1.0, "float32"), name="kernel") for n in range(3)
        ]

    gradients = [np.full((2, 3), 0.1 * n + 0.1, "float32") for n in range(3)]
    alone, joined = make(), make()
    mine, theirs = variables(), variables()
    set_learning_rate_multiplier(mine[1:2] + theirs[1:2], 3.0)
    alone.build(theirs[1:2])
    joined.build(mine[1:2])
    for optimizer, variable in ((alone, theirs[1]), (joined, mine[1])):
        for _ in range(2):
            optimizer.apply([keras.ops.convert_to_tensor(gradients[1])], [variable])
    continue_with(joined, mine)
    assert num_steps(joined) == 2
    slots = len(joined.variables)
    # Clipped together, all three would shrink more than one alone.
    for optimizer in (alone, joined):
        optimizer.global_clipnorm = None
    for _ in range(2):
        alone.apply([keras.ops.convert_to_tensor(gradients[1])], [theirs[1]])
        joined.apply([keras.ops.convert_to_tensor(g) for g in gradients], mine)
    np.testing.assert_allclose(np.array(mine[1]), np.array(theirs[1]), rtol=1e-6)
    assert np.all(np.array(mine[0]) != 1.0) and np.all(np.array(mine[2]) != 3.0)
    if getattr(joined, "use_ema", False):
        averages = joined._model_variables_moving_average
        assert np.all(np.abs(np.array(averages[0]) - 1.0) < 0.1)
    continue_with(joined, mine[1:2])
    assert len(joined.variables) < slots or isinstance(joined, keras.optimizers.SGD)


def test_a_loss_scale_goes_around_the_optimizer_that_is_continued():
    first, second = keras.Variable([1.0]), keras.Variable([2.0])
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.1))
    optimizer.build([first])
    optimizer.dynamic_scale.assign(8.0)
    continue_with(optimizer, [first, second])
    assert len(optimizer.variables) == 2 + 2 + 2 + 4 and float(optimizer.dynamic_scale) == 8.0
    assert optimizer._get_variable_index(second) == 1
    gradients = [keras.ops.convert_to_tensor([1.0], "float32")] * 2
    optimizer.inner_optimizer.apply(gradients, [first, second])
    for variable, expected in ((first, 0.9), (second, 1.9)):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(variable), [expected], atol=1e-5)


def test_unlocking_behind_the_back_of_a_compiled_step():
    class Unlock(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.tuning = "Uu"

    model = tiny.lit_model("Lu")
    model.compile(keras.optimizers.SGD(0.1), LOSS)
    with pytest.raises(ValueError, match="changed since `compile`.*`model.recompile\\(\\)`"):
        fit(model, [Unlock()])


def test_stored_embeddings_do_not_stand_for_a_tower_that_trains_now():
    model = tiny.lit_model("Lu")
    model.compile(keras.optimizers.SGD(0.1), LOSS)
    stored = {"image_embeddings": model.encode_images(PAIRS["images"]), **PAIRS}
    del stored["images"]
    with pytest.raises(ValueError, match="image tower that is locked whole"):
        model.fit(stored, batch_size=8, verbose=0, callbacks=[UnlockTower(after_steps=1)])


def test_bad_arguments():
    with pytest.raises(ValueError, match="`after_steps` must be an integer >= 0"):
        UnlockTower(after_steps=-1)
    with pytest.raises(ValueError, match="`tower` must be 'image_tower' or"):
        UnlockTower(1, tower="image")
    callback = UnlockTower(after_steps=1)
    model = tiny.lit_model("Uu")
    model.compile(keras.optimizers.SGD(0.1), LOSS)
    callback.set_model(model)
    with pytest.raises(ValueError, match="unlocked from the start.*`model.tuning`"):
        callback.on_train_begin()
    parts = keras.optimizers.MultiOptimizer(
        keras.optimizers.OptimizerMap(keras.optimizers.SGD(0.1))
    )
    with pytest.raises(NotImplementedError, match="MultiOptimizer.*set_learning_rate_multiplier"):
        continue_with(parts, [])
