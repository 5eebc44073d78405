"""LoRA and quantised towers: what trains, what stays to the byte, what comes back from files."""

import keras
import numpy as np
import pytest

import keras_lit
from tests import tiny

LOSS = keras_lit.losses.SoftmaxContrastiveLoss()
PAIRS = tiny.pairs(8)


def vit_model(**kwargs):
    """A model whose towers both have attention, and a projection after the text backbone."""
    vit = keras_lit.backbones.ViTBackbone((8, 8, 3), 4, 8, num_layers=1, num_heads=2, mlp_dim=16)
    model = keras_lit.LiTModel(
        keras_lit.Tower(vit, "class_token", name="image_tower"),
        keras_lit.Tower(tiny.text_backbone(), "last_token", projection_dim=8, name="text_tower"),
        **kwargs,
    )
    tiny.fill(model)
    return model


def embeddings(model):
    """The embeddings of `PAIRS`, images above texts: (16, 8)."""
    images, texts = model.image_tower(PAIRS["images"]), model.text_tower(PAIRS["token_ids"])
    return np.concatenate([keras.ops.convert_to_numpy(rows) for rows in (images, texts)])


def adapters(layers=("query", "value")):
    return {f"block_0/attention/{name}/lora_kernel_{half}" for name in layers for half in "ab"}


@pytest.fixture(scope="module")
def trained():
    """A model with an int8 image tower and adapters in its text tower, and what training moved."""
    model = vit_model()
    exact = embeddings(model)
    model.compile(keras.optimizers.Adam(1e-2), LOSS)
    model.image_tower.quantize("int8")
    model.enable_lora(rank=2)
    close = embeddings(model)
    np.testing.assert_allclose(close, exact, atol=2e-2)
    assert np.abs(close - exact)[:8].max() > 1e-4 and np.abs(close - exact)[8:].max() < 1e-6
    with pytest.raises(ValueError, match="changed since `compile`.*Call `model.compile` again"):
        model.fit(PAIRS, verbose=0)
    model.compile(keras.optimizers.Adam(1e-2), LOSS)
    parts = (model.image_tower, model.text_tower, model.head)
    before = [tiny.values(part.variables) for part in parts]
    model.fit(PAIRS, batch_size=4, verbose=0)
    after = [tiny.values(part.variables) for part in parts]
    moved = [
        {path for path in old if not np.array_equal(old[path], new[path])}
        for old, new in zip(before, after, strict=True)
    ]
    return model, moved


def test_a_locked_int8_tower_keeps_its_bytes_while_the_adapters_of_the_other_train(trained):
    model, (image_tower, text_tower, head) = trained
    assert image_tower == set()
    assert {v.dtype for v in model.image_tower.variables} == {"int8", "float32"}
    assert not [v for v in model.image_tower.variables if "lora" in v.path]
    assert text_tower == adapters() | {"projection/kernel", "projection/bias"}
    assert head == {"head/log_temperature"}
    np.testing.assert_allclose(
        model.encode_images(PAIRS["images"]), embeddings(model)[:8], atol=1e-6
    )


def test_locking_and_unlocking_keep_the_kernels_under_the_adapters_frozen(trained):
    model, _ = trained
    paths = {v.path for v in model.trainable_variables}
    model.tuning = "UL"
    assert not model.text_tower.trainable_variables
    assert all("lora" not in v.path for v in model.trainable_variables)
    model.tuning = "Lu"
    assert {v.path for v in model.trainable_variables} == paths
    with pytest.raises(ValueError, match="already enabled"):
        model.enable_lora(2)
    assert {v.path for v in model.trainable_variables} == paths


def test_saving_adds_the_adapters_to_the_kernels(trained, tmp_path):
    model, _ = trained
    expected = embeddings(model)
    model.save_weights(tmp_path / "model.weights.h5")
    from_weights = vit_model()
    from_weights.image_tower.quantize("int8")
    from_weights.load_weights(tmp_path / "model.weights.h5")
    model.save_to_preset(tmp_path / "preset")
    from_preset = keras_lit.LiTModel.from_preset(tmp_path / "preset")
    for loaded in (from_weights, from_preset):
        np.testing.assert_allclose(embeddings(loaded), expected, atol=1e-6)
        assert not [v for v in loaded.variables if "lora" in v.path]
        assert loaded.image_tower.locked
        assert len(loaded.trainable_variables) == len(vit_model().trainable_variables)


def test_adapters_alone_are_saved_and_loaded(trained, tmp_path):
    model, _ = trained
    model.save_lora_weights(tmp_path / "text.lora.h5")
    other = vit_model()
    other.load_lora_weights(tmp_path / "text.lora.h5")
    values, loaded = tiny.values(model.variables), tiny.values(other.variables)
    for path in adapters():
        np.testing.assert_array_equal(loaded[path], values[path])


def test_lora_errors():
    model = vit_model(tuning="LL")
    with pytest.raises(ValueError, match="Both towers are locked"):
        model.enable_lora(2)
    with pytest.raises(ValueError, match="'image_tower' is locked.*`model.tuning = 'UU'`"):
        model.image_tower.enable_lora(2)
    model.tuning = "Lu"
    num_trained = len(model.trainable_variables)
    with pytest.raises(ValueError, match="named one of \\['no_such'\\]"):
        model.enable_lora(2, target_layer_names=["no_such"])
    assert len(model.trainable_variables) == num_trained
    with pytest.raises(ValueError, match="no `keras_hub.models.Backbone`"):
        tiny.lit_model(tuning="Uu").image_tower.enable_lora(2)


def test_adapters_go_onto_quantised_kernels(tmp_path):
    model = vit_model(tuning="UL")
    model.quantize("int8")
    model.enable_lora(rank=2)
    trained = {v.path for v in model.trainable_variables}
    assert trained == adapters() | {"head/log_temperature"}
    for variable in model.image_tower.trainable_variables:
        variable.assign(np.full(variable.shape, 0.1))
    # The sum of kernel and adapters is quantised again.
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(embeddings(loaded), embeddings(model), atol=2e-2)
    assert loaded.text_tower.locked and not loaded.text_tower.trainable_variables
