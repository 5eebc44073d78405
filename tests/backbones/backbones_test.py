"""Every backbone -> config, file and preset round trips; resolution; bad arguments."""

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


@pytest.mark.parametrize("name", BACKBONES)
def test_preset_and_config_round_trip(name, tmp_path):
    backbone = BACKBONES[name]()
    batch = batch_for(backbone)
    expected = backbone.predict_on_batch(batch)
    assert type(backbone).from_config(backbone.get_config()).count_params() == (
        backbone.count_params()
    )
    backbone.save_to_preset(str(tmp_path))
    loaded = type(backbone).from_preset(str(tmp_path))
    np.testing.assert_array_equal(loaded.predict_on_batch(batch), expected)


@pytest.mark.parametrize("name", ["vit", "hybrid", "bert"])
def test_keras_file_round_trip(name, tmp_path):
    backbone = BACKBONES[name]()
    batch = batch_for(backbone)
    backbone.save(tmp_path / "backbone.keras")
    loaded = keras.saving.load_model(tmp_path / "backbone.keras")
    np.testing.assert_array_equal(loaded.predict_on_batch(batch), backbone.predict_on_batch(batch))


@pytest.mark.parametrize("name", BACKBONES)
def test_mixed_precision_stays_close(name):
    backbone = BACKBONES[name]()
    config = {**backbone.get_config(), "dtype": "bfloat16"}
    if name == "hybrid":
        parts = [backbone.resnet, backbone.vit]
        parts = [type(p).from_config({**p.get_config(), "dtype": "bfloat16"}) for p in parts]
        halved = HybridBackbone(*parts)
    else:
        halved = type(backbone).from_config(config)
    for source, target in zip(backbone.weights, halved.weights, strict=True):
        target.assign(source)
    batch = batch_for(backbone)
    expected, computed = backbone.predict_on_batch(batch), halved.predict_on_batch(batch)
    computed = np.asarray(computed).astype("float32")
    assert np.corrcoef(expected.ravel(), computed.ravel())[0, 1] > 0.99


def test_lora_reaches_the_attention():
    backbone = small_vit()
    backbone.enable_lora(2)
    trainable = {tuple(weight.path.split("/")[-2:]) for weight in backbone.trainable_weights}
    factors = ("bias", "lora_kernel_a", "lora_kernel_b")
    assert trainable == {(name, factor) for name in ("query", "value") for factor in factors}


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
def test_int8_stays_close():
    backbone = small_vit()
    batch = batch_for(backbone)
    expected = backbone.predict_on_batch(batch)
    backbone.quantize("int8")
    computed = backbone.predict_on_batch(batch)
    assert "int8" in {str(weight.dtype) for weight in backbone.weights}
    assert np.corrcoef(expected.ravel(), computed.ravel())[0, 1] > 0.99


@pytest.mark.parametrize("name", ["vit", "vit_big_vision", "hybrid"])
def test_at_image_shape_resamples_positions_and_keeps_the_rest(name):
    backbone = BACKBONES[name]()
    resized = backbone.at_image_shape((48, 48, 3))
    vits = [getattr(b, "vit", b) for b in (backbone, resized)]
    positions = [vit.get_layer("positions").positions for vit in vits]
    expected = resample_positions(positions[0], positions[1].shape[1], vits[0].num_class_positions)
    np.testing.assert_array_equal(positions[1], expected)
    for old, new in zip(backbone.weights, resized.weights, strict=True):
        if old.shape == new.shape:
            np.testing.assert_array_equal(old, new)
    assert resized.predict_on_batch(batch_for(resized)).shape[1] == positions[1].shape[1] + (
        name == "vit_big_vision"
    )


def test_bert_ignores_what_stands_at_padded_places():
    backbone = small_bert()
    ids = np.array([[3, 7, 0, 0]])
    longer = np.array([[3, 7, 0, 0, 0, 0]])
    np.testing.assert_allclose(
        backbone.predict_on_batch(ids)[:, 0], backbone.predict_on_batch(longer)[:, 0], atol=1e-6
    )


def test_text_transformer_attends_to_padding():
    backbone = small_text_transformer()
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
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
