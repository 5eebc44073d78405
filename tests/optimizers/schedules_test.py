"""Schedules against their formulas; arguments that make no schedule are refused."""

import math

import keras
import numpy as np
import pytest

from keras_lit.optimizers import CosineSchedule, LinearSchedule, RsqrtSchedule

TOTAL, WARMUP, COOLDOWN = 20, 4, 5
STEPS = range(TOTAL + 6)


def progress(step):
    return min(max((step - WARMUP) / (TOTAL - WARMUP), 0), 1)


# What big_vision's create_learning_rate_schedule computes, before warm-up and cooldown.
DECAYS = {
    CosineSchedule: lambda step: 0.5 * (1 + math.cos(math.pi * progress(step))),
    LinearSchedule: lambda step: 1 - progress(step),
    RsqrtSchedule: lambda step: 1 / math.sqrt(1 + (max(step - WARMUP, 0) + 2) / 7),
}


def make(schedule_class, **kwargs):
    if schedule_class is RsqrtSchedule:
        kwargs |= {"timescale": 7, "shift": 2}
    return schedule_class(0.5, TOTAL, warmup_steps=WARMUP, **kwargs)


def rates(schedule):
    return [float(keras.ops.convert_to_numpy(schedule(step))) for step in STEPS]


@pytest.mark.parametrize("schedule_class", DECAYS)
def test_values(schedule_class):
    warm = [0.5 * min(1, step / WARMUP) * DECAYS[schedule_class](step) for step in STEPS]
    np.testing.assert_allclose(rates(make(schedule_class)), warm, atol=1e-7)
    cool = [min(1, max(0, (TOTAL - step) / COOLDOWN)) for step in STEPS]
    cooled = rates(make(schedule_class, cooldown_steps=COOLDOWN))
    np.testing.assert_allclose(cooled, np.multiply(warm, cool), atol=1e-7)
    assert cooled[0] == 0 and max(cooled) > 0.2 and set(cooled[TOTAL:]) == {0.0}


def test_no_warmup_starts_at_the_peak():
    assert float(CosineSchedule(0.5, 10)(0)) == 0.5


@pytest.mark.parametrize("learning_rate", [0, 0.0, -1e-3, math.nan, math.inf, "1e-3", True, None])
def test_learning_rates_that_are_none(learning_rate):
    with pytest.raises(ValueError, match=r"`learning_rate` must be .* Received: learning_rate="):
        CosineSchedule(learning_rate, 10)


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"total_steps": 0}, "`total_steps` must be > 0. Received: total_steps=0"),
        (
            {"warmup_steps": 10},
            "longer than its warm-up. Received: total_steps=10, warmup_steps=10",
        ),
        ({"warmup_steps": -1}, "`warmup_steps` must be >= 0"),
        ({"cooldown_steps": -1}, "`cooldown_steps` must be >= 0"),
        ({"warmup_steps": 5, "cooldown_steps": 6}, "must fit into the schedule"),
        ({"timescale": 0}, "`timescale` must be > 0"),
        ({"shift": -1}, "`shift` must be >= 0"),
    ],
)
def test_steps_that_do_not_fit(kwargs, message):
    with pytest.raises(ValueError, match=message):
        RsqrtSchedule(**{"learning_rate": 1e-3, "total_steps": 10, **kwargs})
