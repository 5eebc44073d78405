"""Every backbone -> files and back, other dtypes and resolutions; bad arguments."""

import functools

import keras
import numpy as np
import pytest

from keras_lit.backbones import (
    BertTextBackbone,
    BiTBackbone,
    HybridBackbone,
    MixerBackbone,
    ResNetBackbone,
    TextTransformerBackbone,
    ViTBackbone,
)
from keras_lit.layers import resample_positions

IMAGE_SHAPE = (32, 32, 3)


def small_vit(**kwargs):
    return ViTBackbone.from_variant("mu/16", image_shape=IMAGE_SHAPE, **kwargs)


def small_hybrid():
    resnet = ResNetBackbone((1,), 0.5, IMAGE_SHAPE)
    return HybridBackbone(resnet, ViTBackbone.from_variant("mu/4", image_shape=(8, 8, 128)))


def small_bert():
    return BertTextBackbone(50, hidden_dim=8, num_layers=1, num_heads=2, mlp_dim=16, max_length=8)


def small_text_transformer():
    return TextTransformerBackbone(
        50, max_length=4, hidden_dim=8, num_layers=1, num_heads=2, mlp_dim=16
    )


BACKBONES = {
    "vit": small_vit,
    "vit_big_vision": lambda: small_vit(embeddings=("learned", "class_token")),
    "vit_sincos": lambda: small_vit(embeddings=("sincos2d",)),
    "mixer": lambda: MixerBackbone(IMAGE_SHAPE, 16, 8, 1, 4, 16),
    "bit": lambda: BiTBackbone((1,), 0.5, IMAGE_SHAPE),
    "resnet": lambda: ResNetBackbone((1,), 0.5, IMAGE_SHAPE),
    "hybrid": small_hybrid,
    "bert": small_bert,
    "text_transformer": small_text_transformer,
}


def batch_for(backbone):
    generator = np.random.default_rng(0)
    if hasattr(backbone, "image_shape"):
        return generator.uniform(-1, 1, (2, *backbone.image_shape)).astype("float32")
    return generator.integers(1, 50, (2, 4)).astype("int32")


@functools.cache
def built(name):
    """A backbone, a batch for it, and what comes out; compiled once for all tests."""
    backbone = BACKBONES[name]()
    batch = batch_for(backbone)
    return backbone, batch, backbone.predict_on_batch(batch)


def assert_same(loaded, backbone):
    """Config and weights say all that a backbone is."""
    assert type(loaded) is type(backbone)
    assert loaded.get_config() == backbone.get_config()
    for old, new in zip(backbone.weights, loaded.weights, strict=True):
        assert new.path == old.path and new.dtype == old.dtype
        new, old = keras.ops.convert_to_numpy(new), keras.ops.convert_to_numpy(old)
        np.testing.assert_array_equal(new, old)


@pytest.mark.parametrize("name", BACKBONES)
def test_files_bring_the_backbone_back(name, tmp_path):
    backbone, batch, expected = built(name)
    backbone.save_to_preset(str(tmp_path))
    backbone.save(tmp_path / "backbone.keras")
    assert_same(type(backbone).from_preset(tmp_path), backbone)
    assert_same(keras.saving.load_model(tmp_path / "backbone.keras"), backbone)


@pytest.mark.parametrize("name", BACKBONES)
def test_mixed_precision_stays_close(name, tmp_path):
    backbone, batch, expected = built(name)
    backbone.save_to_preset(str(tmp_path))
    halved = type(backbone).from_preset(tmp_path, dtype="bfloat16")
    assert {weight.dtype for weight in halved.weights} <= {"bfloat16", "float32", "uint32"}
    computed = np.asarray(halved.predict_on_batch(batch)).astype("float32")
    assert np.abs(computed - expected).max() > 0
    assert np.corrcoef(expected.ravel(), computed.ravel())[0, 1] > 0.99


def test_lora_reaches_the_attention():
    backbone = small_vit()
    backbone.enable_lora(2)
    trainable = {tuple(weight.path.split("/")[-2:]) for weight in backbone.trainable_weights}
    factors = ("bias", "lora_kernel_a", "lora_kernel_b")
    assert trainable == {(name, factor) for name in ("query", "value") for factor in factors}


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
@pytest.mark.parametrize("name", ["vit", "mixer", "hybrid", "bert", "text_transformer"])
def test_int8_comes_back_from_files(name, tmp_path):
    backbone = BACKBONES[name]()
    backbone.quantize("int8")
    assert sum(weight.dtype == "int8" for weight in backbone.weights) >= 4
    backbone.save_to_preset(str(tmp_path))
    backbone.save(tmp_path / "backbone.keras")
    assert_same(type(backbone).from_preset(tmp_path), backbone)
    assert_same(keras.saving.load_model(tmp_path / "backbone.keras"), backbone)


@pytest.mark.parametrize("name", ["vit", "vit_big_vision", "vit_sincos", "hybrid", "bit", "resnet"])
def test_at_image_shape_resamples_positions_and_keeps_the_rest(name):
    backbone, _, _ = built(name)
    resized = backbone.at_image_shape((64, 64, 3))
    assert resized.image_shape == (64, 64, 3)
    num_class_positions = getattr(getattr(backbone, "vit", backbone), "num_class_positions", 0)
    for old, new in zip(backbone.weights, resized.weights, strict=True):
        if old.name == "positions":
            assert new.shape[1] - num_class_positions == 4 * (old.shape[1] - num_class_positions)
            old = resample_positions(old, new.shape[1], num_class_positions)
        new, old = keras.ops.convert_to_numpy(new), keras.ops.convert_to_numpy(old)
        np.testing.assert_array_equal(new, old)


def test_bert_ignores_what_stands_at_padded_places():
    backbone, _, _ = built("bert")
    ids = np.array([[3, 7, 0, 0]])
    longer = np.array([[3, 7, 0, 0, 0, 0]])
    np.testing.assert_allclose(
        backbone.predict_on_batch(ids)[:, 0], backbone.predict_on_batch(longer)[:, 0], atol=1e-6
    )


def test_text_transformer_attends_to_padding():
    backbone, _, _ = built("text_transformer")
    first, second = (
        backbone.predict_on_batch(np.array([ids]))[:, 0] for ids in ([3, 7, 1, 1], [3, 7, 1, 2])
    )
    assert np.abs(first - second).max() > 1e-4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: small_vit(embeddings=("class", "learned")), "embeddings must hold"),
        (lambda: small_vit(embeddings=("learned", "sincos2d")), "embeddings must hold"),
        (lambda: small_vit(embeddings=("learned", "learned")), "embeddings must hold"),
        (lambda: small_vit(embeddings=("class_token", "sincos2d")), "belong to patches"),
        (lambda: ViTBackbone.from_variant("mu/16", image_shape=(8, 32, 3)), "at least one patch"),
        (lambda: ViTBackbone(IMAGE_SHAPE, 16, 10, 1, 3, 8), "num_heads must divide"),
        (lambda: HybridBackbone(ResNetBackbone((1,), 0.5, IMAGE_SHAPE), small_vit()), "vit must"),
        (lambda: small_vit().at_image_shape((32, 48, 3)), "square grids only"),
        (lambda: BACKBONES["mixer"]().at_image_shape((64, 64, 3)), "fits images of .*32, 32, 3"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
