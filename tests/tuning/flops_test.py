"""Floating point operations of towers against numbers worked out by hand."""

import keras
import keras_hub
import pytest

import keras_lit
from keras_lit.tuning.flops import forward_flops, step_flops
from tests import tiny

pytestmark = pytest.mark.any_backend


def test_flops_of_towers():
    model = tiny.lit_model()
    assert forward_flops(model.image_tower, 0) == tiny.IMAGE_FLOPS
    assert forward_flops(model.text_tower, tiny.TOKENS) == tiny.TEXT_FLOPS
    projected = keras_lit.Tower(tiny.text_backbone(), "last_token", projection_dim=5)
    assert forward_flops(projected, tiny.TOKENS) == tiny.TEXT_FLOPS + 2 * 8 * 5
    backbone = tiny.image_backbone()
    nested = keras.Model(backbone.input, backbone(backbone.input))
    assert forward_flops(keras_lit.Tower(nested, "mean"), 0) == tiny.IMAGE_FLOPS


def test_flops_of_keras_hub_backbones_of_any_length():
    bert = keras_hub.models.BertBackbone(
        20, num_layers=2, num_heads=2, hidden_dim=8, intermediate_dim=16
    )
    flops = forward_flops(keras_lit.Tower(bert, "class_token"), tiny.TOKENS)
    # BERT's own pooler, a kernel of 8 x 8, is not read but is there.
    assert flops == 2 * tiny.TEXT_FLOPS + 2 * 64


def test_a_step_costs_what_trains_and_what_stands_behind_it():
    tower = keras_lit.Tower(tiny.text_backbone(), "last_token", projection_dim=5)
    forward, head = tiny.TEXT_FLOPS, 2 * 8 * 5
    assert step_flops(tower, tiny.TOKENS) == 3 * (forward + head)
    tower.lock()
    assert step_flops(tower, tiny.TOKENS) == forward + head
    tower.lock(keep="head")
    assert step_flops(tower, tiny.TOKENS) == forward + 3 * head
    tower.lock(keep="token_embedding/*")
    assert step_flops(tower, tiny.TOKENS) == 2 * (forward + head)
