"""The original's recorded trainings -> the same schedules, losses and weights."""

import keras
import numpy as np
import pytest

from keras_lit.optimizers import CosineSchedule, LiTAdafactor, LiTAdamW
from tests import reference
from tests.optimizers import given_gradients

OPTIMIZERS = {"scale_by_adam": LiTAdamW, "big_vision.scale_by_adafactor": LiTAdafactor}
ARGUMENTS = {"dtype_momentum": "momentum_dtype"}
FIXTURES = sorted(path.name for path in reference.reference_root().glob("optim_*"))


def make_optimizer(config):
    """Builds the optimizer that a fixture's config describes."""
    (frozen, nothing), (rest, schedule) = config["schedule"]
    assert (frozen, nothing, rest) == ("img/.*", None, ".*")
    assert schedule.pop("decay_type") == "cosine"
    return OPTIMIZERS[config["optax_name"]](
        CosineSchedule(config["lr"], config["total_steps"], **schedule),
        weight_decay=config["wd"],
        global_clipnorm=config["grad_clip_norm"],
        **{ARGUMENTS[name]: value for name, value in config["optax"].items()},
    )


def load(fixture):
    """Returns config, first parameters, gradients and expected parameters of what trains."""
    config = reference.load_json(fixture)
    inputs = reference.load_arrays(fixture, "inputs.npz")
    outputs = reference.load_arrays(fixture, "outputs.npz")

    def trainable(arrays, prefix):
        found = {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
        return {name: array for name, array in found.items() if not name.startswith("img/")}

    steps = range(config["nsteps"])
    gradients = [trainable(inputs, f"grad_{step}/") for step in steps]
    expected = [trainable(outputs, f"params_{step}/") for step in steps]
    return config, trainable(inputs, "init/"), gradients, expected


@pytest.mark.parametrize("mode", given_gradients.MODES)
@pytest.mark.parametrize("fixture", FIXTURES)
def test_parameters_after_each_update(fixture, mode):
    config, first, gradients, expected = load(fixture)
    # In bfloat16 a value next to a tie may round the other way: 2 ** -9 of one update's momentum.
    in_bfloat16 = "adafactor" in config["optax_name"] and not config["optax"]
    tolerance = 1e-5 if in_bfloat16 else 1e-6
    history = given_gradients.train(first, gradients, make_optimizer(config), mode)
    for step, (values, wanted) in enumerate(zip(history, expected, strict=True)):
        for name in wanted:
            np.testing.assert_allclose(
                values[name], wanted[name], rtol=0, atol=tolerance, err_msg=f"{name}, step {step}"
            )
    # The first update of a warm-up moves nothing, the later ones move everything.
    for name in first:
        np.testing.assert_array_equal(history[0][name], first[name])
        assert np.max(np.abs(history[-1][name] - first[name])) > 1e-4


@pytest.mark.parametrize("fixture", [*FIXTURES, "train_lit_softmax"])
def test_schedule(fixture):
    config = reference.load_json(fixture)
    expected = reference.load_arrays(fixture, "outputs.npz")["schedule_0"]
    schedule = make_optimizer(config)._learning_rate
    fractions = [float(schedule.fraction(step)) for step in range(len(expected))]
    np.testing.assert_allclose(fractions, expected, atol=1e-6)
    np.testing.assert_allclose(
        [float(keras.ops.convert_to_numpy(schedule(step))) for step in range(len(expected))],
        config["lr"] * expected,
        atol=1e-7,
    )
