"""The estimate against numbers worked out by hand."""

import keras
import keras_hub
import pytest

import keras_lit
from keras_lit.training.estimate import UTILISATION, estimate_training, forward_flops
from tests import tiny
from tests.data import caches

# Kernels of the tiny text tower: queries, keys, values, output 4 x 8 x 8, and two of 8 x 16.
TEXT_FLOPS = 2 * (4 * 64 + 2 * 128) * tiny.TOKENS
# A convolution of 4 x 4 x 3 to 8 channels at 2 x 2 places.
IMAGE_FLOPS = 2 * 48 * 8 * 4


def test_flops_of_towers():
    model = tiny.lit_model()
    assert forward_flops(model.image_tower, 0) == IMAGE_FLOPS
    assert forward_flops(model.text_tower, tiny.TOKENS) == TEXT_FLOPS
    projected = keras_lit.Tower(tiny.text_backbone(), "last_token", projection_dim=5)
    assert forward_flops(projected, tiny.TOKENS) == TEXT_FLOPS + 2 * 8 * 5
    backbone = tiny.image_backbone()
    nested = keras.Model(backbone.input, backbone(backbone.input))
    assert forward_flops(keras_lit.Tower(nested, "mean"), 0) == IMAGE_FLOPS


def test_flops_of_keras_hub_backbones_of_any_length():
    bert = keras_hub.models.BertBackbone(
        20, num_layers=2, num_heads=2, hidden_dim=8, intermediate_dim=16
    )
    flops = forward_flops(keras_lit.Tower(bert, "class_token"), tiny.TOKENS)
    # BERT's own pooler, a kernel of 8 x 8, is not read but is there.
    assert flops == 2 * TEXT_FLOPS + 2 * 64


@pytest.mark.parametrize("is_cached", [False, True])
def test_estimate(is_cached):
    model = caches.lit_model()
    model.compile("adam", keras_lit.losses.SoftmaxContrastiveLoss())
    model.optimizer.build(model.trainable_variables)
    estimate = estimate_training(model, batch_size=8, num_steps=5, is_cached=is_cached)
    assert estimate.num_examples == 40
    assert estimate.flops == 40 * (3 * TEXT_FLOPS + (0 if is_cached else IMAGE_FLOPS))
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
