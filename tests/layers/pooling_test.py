"""Tokens -> pooled vectors: NumPy twins, padding masks, feature maps, names."""

import keras
import numpy as np
import pytest

from keras_lit.layers import (
    AttentionPooling,
    ClassTokenPooling,
    LastTokenPooling,
    MaxPooling,
    MeanPooling,
    TanhRepresentation,
    get_pooling,
)

TOKENS = np.random.default_rng(1).normal(size=(3, 5, 8)).astype("float32")
# A caption of 2 tokens, a full one, and one of padding alone.
MASK = np.array([[1, 1, 0, 0, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]])
REAL = [TOKENS[0, :2], TOKENS[1]]


def pooled(layer, *args, **kwargs):
    return keras.ops.convert_to_numpy(layer(*args, **kwargs))


def test_without_mask():
    np.testing.assert_array_equal(pooled(ClassTokenPooling(), TOKENS), TOKENS[:, 0])
    np.testing.assert_array_equal(pooled(LastTokenPooling(), TOKENS), TOKENS[:, -1])
    np.testing.assert_allclose(pooled(MeanPooling(), TOKENS), TOKENS.mean(1), atol=1e-6)
    np.testing.assert_array_equal(pooled(MaxPooling(), TOKENS), TOKENS.max(1))


@pytest.mark.parametrize("dtype", ["bool", "int32", "float32"])
def test_with_mask(dtype):
    mask = MASK.astype(dtype)
    for layer, twin in (
        (LastTokenPooling(), lambda tokens: tokens[-1]),
        (MeanPooling(), lambda tokens: tokens.mean(0)),
        (MaxPooling(), lambda tokens: tokens.max(0)),
    ):
        computed = pooled(layer, TOKENS, padding_mask=mask)
        for row, tokens in enumerate(REAL):
            np.testing.assert_allclose(computed[row], twin(tokens), atol=1e-6)
    for layer in (MeanPooling(), MaxPooling()):
        np.testing.assert_array_equal(pooled(layer, TOKENS, padding_mask=mask)[2], 0)


def test_masked_places_may_hold_anything():
    tokens = np.where(MASK[:, :, None] == 1, TOKENS, np.nan)
    for name in ("mean", "max", "last_token"):
        assert np.isfinite(pooled(get_pooling(name), tokens, padding_mask=MASK)[:2]).all(), name


def test_attention_pooling_reads_real_tokens_only():
    layer = AttentionPooling(num_heads=2, mlp_dim=16)
    computed = pooled(layer, TOKENS, padding_mask=MASK)
    np.testing.assert_allclose(computed[1], pooled(layer, TOKENS)[1], atol=1e-6)
    np.testing.assert_allclose(computed[0], pooled(layer, TOKENS[:1, :2])[0], atol=1e-6)
    assert np.isfinite(computed).all()


@pytest.mark.parametrize("name", ["class_token", "last_token", "mean", "max", "attention"])
def test_feature_maps_are_read_row_by_row(name):
    layer = get_pooling(name)
    feature_map = TOKENS[:, :4].reshape(3, 2, 2, 8)
    np.testing.assert_array_equal(pooled(layer, feature_map), pooled(layer, TOKENS[:, :4]))


def test_default_heads_and_mlp_follow_the_width():
    layer = AttentionPooling()
    layer.build((None, 5, 128))
    assert layer.attention.num_heads == 2
    assert layer.mlp.mlp_dim == 512


def test_tanh_representation_pools_then_projects():
    layer = TanhRepresentation("mean", units=3)
    computed = pooled(layer, TOKENS)
    kernel, bias = (keras.ops.convert_to_numpy(weight) for weight in layer.weights)
    np.testing.assert_allclose(computed, np.tanh(TOKENS.mean(1) @ kernel + bias), atol=1e-6)
    assert layer.compute_output_shape((None, 5, 8)) == (None, 3)


@pytest.mark.parametrize(
    "layer",
    [
        MeanPooling(),
        AttentionPooling(num_heads=2, mlp_dim=16),
        TanhRepresentation(AttentionPooling(num_heads=4), units=3),
    ],
)
def test_config_round_trip(layer):
    expected = pooled(layer, TOKENS)
    copy = get_pooling(keras.saving.serialize_keras_object(layer))
    copy(TOKENS)  # builds it
    copy.set_weights(layer.get_weights())
    np.testing.assert_array_equal(pooled(copy, TOKENS), expected)


def test_get_pooling():
    layer = MeanPooling()
    assert get_pooling(layer) is layer
    assert get_pooling(None) is None
    with pytest.raises(ValueError, match="pooling must be one of .* Received pooling='cls'"):
        get_pooling("cls")
    with pytest.raises(ValueError, match="num_heads must divide"):
        AttentionPooling(num_heads=3)(TOKENS)
