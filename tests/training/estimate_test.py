"""The estimate against numbers worked out by hand."""

import pytest

import keras_lit
from keras_lit.training.estimate import UTILISATION, estimate_training
from tests import tiny
from tests.data import caches


@pytest.mark.parametrize("is_cached", [False, True])
def test_estimate(is_cached):
    model = caches.lit_model()
    model.compile("adam", keras_lit.losses.SoftmaxContrastiveLoss())
    model.optimizer.build(model.trainable_variables)
    estimate = estimate_training(model, batch_size=8, num_steps=5, is_cached=is_cached)
    assert estimate.num_examples == 40
    assert estimate.flops == 40 * (3 * tiny.TEXT_FLOPS + (0 if is_cached else tiny.IMAGE_FLOPS))
    assert estimate.num_parameters == model.count_params() > estimate.num_trained
    sizes = estimate.device_bytes
    image_bytes = 4 * (8 if is_cached else 8 * 8 * 3)
    assert sizes["batch"] == 8 * (image_bytes + 4 * tiny.TOKENS)
    # Two moments for each trained number, a few scalars, and what is not a weight, such as seeds.
    assert 0 <= sizes["optimizer"] - 8 * estimate.num_trained < 64
    assert 0 <= sizes["weights"] - 4 * estimate.num_parameters < 64
    assert sizes["activations"] is None or sizes["activations"] > 0
    assert sizes["exchanged"] in (None, 0)
    expected = estimate.flops / (2e12 * UTILISATION) / 3600
    assert estimate.hours(2e12) == pytest.approx(expected)
    assert "40 pairs in 5 steps" in str(estimate)
