"""Patch embedding, positions, transformer and Mixer blocks, convolutions: NumPy twins."""

import keras
import numpy as np
import pytest

from keras_lit.layers import (
    BiTConv2D,
    ClassToken,
    LearnedPositions,
    MixerBlock,
    MLPBlock,
    PatchEmbedding,
    ResNetConv2D,
    SinCosPositions,
    TransformerBlock,
    resample_positions,
)
from keras_lit.layers.position_embedding import sincos_positions

GENERATOR = np.random.default_rng(2)
TOKENS = GENERATOR.normal(size=(2, 6, 8)).astype("float32")


def computed(layer, *inputs):
    return keras.ops.convert_to_numpy(layer(*inputs))


def randomise(layer):
    """Replaces the weights, whose zeros and ones would hide mistakes; returns them by path end."""
    weights = {}
    for weight in layer.weights:
        weight.assign(GENERATOR.normal(size=weight.shape).astype("float32"))
        weights[weight.path.split("/", 1)[1]] = keras.ops.convert_to_numpy(weight)
    return weights


def layer_norm(x, weights, name):
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    scaled = (x - mean) / np.sqrt(variance + 1e-6)
    return scaled * weights[f"{name}/gamma"] + weights[f"{name}/beta"]


def mlp(x, weights, name):
    x = x @ weights[f"{name}/hidden_dense/kernel"] + weights[f"{name}/hidden_dense/bias"]
    x = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return x @ weights[f"{name}/output_dense/kernel"] + weights[f"{name}/output_dense/bias"]


def attention(x, weights):
    q, k, v = (
        np.einsum("btd,dhk->bhtk", x, weights[f"attention/{name}/kernel"])
        + weights[f"attention/{name}/bias"][:, None]
        for name in ("query", "key", "value")
    )
    scores = np.einsum("bhqk,bhtk->bhqt", q, k) / np.sqrt(q.shape[-1])
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    read = np.einsum("bhqt,bhtk->bqhk", scores / scores.sum(-1, keepdims=True), v)
    kernel = weights["attention/attention_output/kernel"]
    return np.einsum("bqhk,hkd->bqd", read, kernel) + weights["attention/attention_output/bias"]


def test_transformer_block_equals_its_numpy_twin():
    layer = TransformerBlock(num_heads=2, mlp_dim=12)
    layer.build(TOKENS.shape)
    weights = randomise(layer)
    x = TOKENS + attention(layer_norm(TOKENS, weights, "attention_norm"), weights)
    x = x + mlp(layer_norm(x, weights, "mlp_norm"), weights, "mlp")
    np.testing.assert_allclose(computed(layer, TOKENS), x, rtol=1e-4, atol=1e-3)


def test_mixer_block_equals_its_numpy_twin():
    layer = MixerBlock(token_mlp_dim=5, channel_mlp_dim=12)
    layer.build(TOKENS.shape)
    weights = randomise(layer)
    mixed = mlp(layer_norm(TOKENS, weights, "token_norm").swapaxes(1, 2), weights, "token_mlp")
    x = TOKENS + mixed.swapaxes(1, 2)
    x = x + mlp(layer_norm(x, weights, "channel_norm"), weights, "channel_mlp")
    np.testing.assert_allclose(computed(layer, TOKENS), x, rtol=1e-4, atol=1e-3)


def test_attention_starts_as_wide_as_the_original():
    layer = TransformerBlock(num_heads=2, mlp_dim=12)
    layer.build((None, 6, 64))
    limit = np.sqrt(6 / (64 + 64))  # Glorot on the matrix (width, width), not on its heads
    kernels = [weight for weight in layer.attention.weights if weight.name == "kernel"]
    assert len(kernels) == 4
    for kernel in kernels:
        kernel = np.abs(keras.ops.convert_to_numpy(kernel))
        assert 0.98 * limit < kernel.max() <= limit


def test_patches_are_cut_row_by_row_and_a_rest_is_left_out():
    images = GENERATOR.normal(size=(2, 9, 12, 3)).astype("float32")
    layer = PatchEmbedding(width=5, patch_size=(4, 4))
    layer.build(images.shape)
    weights = randomise(layer)
    patches = images[:, :8].reshape(2, 2, 4, 3, 4, 3).swapaxes(2, 3).reshape(2, 6, 48)
    expected = patches @ weights["projection/kernel"].reshape(48, 5) + weights["projection/bias"]
    np.testing.assert_allclose(computed(layer, images), expected, atol=1e-4)


def test_class_token_and_positions():
    token, positions = ClassToken(), LearnedPositions()
    token.build(TOKENS.shape)
    token.token.assign(np.full((1, 1, 8), 3.0))
    with_token = computed(token, TOKENS)
    np.testing.assert_array_equal(with_token[:, 0], 3.0)
    np.testing.assert_array_equal(with_token[:, 1:], TOKENS)
    np.testing.assert_array_equal(
        computed(positions, TOKENS), TOKENS + keras.ops.convert_to_numpy(positions.positions)
    )


def test_sincos_positions():
    table = sincos_positions((3, 5), 8).reshape(3, 5, 8)
    row, column, slow = 2, 4, 1e-4
    expected = [np.sin(column), np.sin(column * slow), np.cos(column), np.cos(column * slow)]
    expected += [np.sin(row), np.sin(row * slow), np.cos(row), np.cos(row * slow)]
    np.testing.assert_allclose(table[row, column], expected, atol=1e-6)
    np.testing.assert_allclose(
        computed(SinCosPositions((2, 3)), TOKENS), TOKENS + sincos_positions((2, 3), 8), atol=1e-6
    )
    with pytest.raises(ValueError, match="multiple of 4"):
        sincos_positions((2, 2), 10)


def test_resampling_keeps_corners_linear_ramps_and_class_tokens():
    ramp = np.add.outer(2.0 * np.arange(4), np.arange(4)).reshape(1, 16, 1)
    resampled = keras.ops.convert_to_numpy(resample_positions(ramp, 49)).reshape(7, 7)
    np.testing.assert_allclose(resampled[[0, -1]][:, [0, -1]], [[0, 3], [6, 9]], atol=1e-6)
    np.testing.assert_allclose(np.diff(resampled, axis=0), 1.0, atol=1e-6)
    table = GENERATOR.normal(size=(1, 10, 8)).astype("float32")
    resampled = keras.ops.convert_to_numpy(resample_positions(table, 26, num_class_tokens=1))
    np.testing.assert_array_equal(resampled[:, 0], table[:, 0])


@pytest.mark.parametrize(("old", "new"), [(12, 16), (16, 12)])
def test_only_square_grids_are_resampled(old, new):
    with pytest.raises(ValueError, match="square grids only"):
        resample_positions(np.zeros((1, old, 8)), new)


@pytest.mark.parametrize(
    ("layer", "deviation"),
    [
        (BiTConv2D(4, 3), lambda variance: np.sqrt(variance + 1e-10)),
        (ResNetConv2D(4, 3), lambda variance: np.sqrt(variance) + 1e-5),
    ],
)
def test_kernels_are_standardised(layer, deviation):
    images = GENERATOR.normal(size=(1, 3, 3, 2)).astype("float32")
    layer.build(images.shape)
    # So small that the place of the epsilon shows.
    layer.kernel.assign(1e-5 * GENERATOR.normal(size=layer.kernel.shape))
    kernel = keras.ops.convert_to_numpy(layer.kernel).astype("float64")
    kernel = (kernel - kernel.mean((0, 1, 2))) / deviation(kernel.var((0, 1, 2)))
    expected = np.tensordot(images, kernel, 3)
    np.testing.assert_allclose(computed(layer, images)[:, 0, 0], expected, rtol=1e-4)


@pytest.mark.parametrize(
    "layer",
    [
        MLPBlock(8),
        TransformerBlock(2, 8),
        MixerBlock(3, 8),
        PatchEmbedding(4, 8),
        SinCosPositions((2, 3)),
        BiTConv2D(4, 3),
        ResNetConv2D(4, 3, strides=2, padding="same"),
    ],
)
def test_config_round_trip(layer):
    config = keras.saving.serialize_keras_object(layer)
    copy = keras.saving.deserialize_keras_object(config)
    assert keras.saving.serialize_keras_object(copy) == config
