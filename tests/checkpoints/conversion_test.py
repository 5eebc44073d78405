"""Conversion is total in both directions, exact, all or nothing, and says what is wrong."""

import gc
import re
import weakref

import keras
import numpy as np
import pytest

from keras_lit import LiTModel, Tower
from keras_lit.backbones import TextTransformerBackbone, ViTBackbone
from keras_lit.checkpoints import (
    CheckpointError,
    build_lit_model,
    build_tower,
    build_without_values,
    convert,
    convert_when_saved,
    export,
    export_archive,
    open_checkpoint,
)
from keras_lit.layers import SimilarityHead
from tests import reference
from tests.checkpoints.fixture_models import build_fixture_model, convert_fixture

# Fixture families whose `params.npz` is the layout that we export.
LAYOUTS = {"vit_jax.VisionTransformer": "vit_jax", "vit_jax.LitModel": "vit_jax"}


def image_backbone(**kwargs):
    return ViTBackbone.from_variant("mu/16", image_shape=(48, 48, 3), **kwargs)


def lit_model(**head):
    text_backbone = TextTransformerBackbone(
        50, max_length=4, hidden_dim=8, num_layers=1, num_heads=2, mlp_dim=16
    )
    return LiTModel(
        Tower(image_backbone(), "class_token"),
        Tower(text_backbone, "last_token", projection_dim=32),
        head=SimilarityHead(**head),
    )


def random_arrays(model, layout="big_vision", seed=0):
    generator = np.random.default_rng(seed)
    return {
        name: generator.normal(size=array.shape).astype("float32")
        for name, array in export(model, layout)
    }


def model_fixtures():
    """Returns the fixtures of models whose `params.npz` is in a layout that is still written."""
    names = sorted(path.parent.name for path in reference.reference_root().glob("*/params.npz"))
    configs = {name: reference.load_json(name) for name in names}
    return [
        name
        for name, config in configs.items()
        if re.match("vit_jax|big_vision.models", config["family"]) and "layout" not in config
    ]


@pytest.mark.parametrize("fixture", model_fixtures())
def test_export_returns_what_was_converted(fixture):
    model, _, report = convert_fixture(fixture, "params.npz")
    layout = LAYOUTS.get(reference.load_json(fixture)["family"], "big_vision")
    exported = dict(export(model, layout))
    expected = reference.load_arrays(fixture, "params.npz")
    assert exported.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(exported[name], array, err_msg=name, strict=True)
    assert {name for names, _, _ in report.matched for name in names} == expected.keys()
    assert not report.ignored


def test_class_token_slot_moves_between_the_layouts(tmp_path):
    model = lit_model()
    arrays = random_arrays(model, "vit_jax")
    convert(arrays, model)
    export_archive(model, tmp_path / "lit.npz", "big_vision")
    folded = np.load(tmp_path / "lit.npz")
    slot = arrays["img/Transformer/posembed_input/pos_embedding"][:, :1]
    np.testing.assert_array_equal(folded["img/cls"], arrays["img/cls"] + slot)
    assert folded["img/pos_embedding"].shape == (1, 9, 32)

    images = np.random.default_rng(3).normal(size=(2, 48, 48, 3)).astype("float32")
    expected = model.image_tower.predict_on_batch(images)
    for embeddings in (("class_token", "learned"), ("learned", "class_token")):
        tower = Tower(image_backbone(embeddings=embeddings), "class_token")
        convert(f"{tmp_path / 'lit.npz'}:img", tower)
        np.testing.assert_allclose(tower.predict_on_batch(images), expected, atol=1e-6)


def test_slot_is_dropped_without_a_class_token():
    with_token = Tower(image_backbone(), "mean")
    arrays = random_arrays(with_token, "vit_jax")
    del arrays["cls"]
    tower = Tower(image_backbone(embeddings=("learned",)), "mean")
    convert(arrays, tower)
    positions = tower.backbone.get_layer("positions").positions
    source = arrays["Transformer/posembed_input/pos_embedding"]
    np.testing.assert_array_equal(positions, source[:, 1:])


@pytest.mark.parametrize("embeddings", [("class_token", "learned"), ("learned", "class_token")])
@pytest.mark.parametrize("layout", ["vit_jax", "big_vision"])
def test_positions_of_another_resolution_are_resampled(embeddings, layout):
    source = image_backbone(embeddings=embeddings)
    convert(random_arrays(source), source)
    target = ViTBackbone.from_variant("mu/16", image_shape=(80, 80, 3), embeddings=embeddings)
    convert(dict(export(source, layout)), target)
    images = np.random.default_rng(3).normal(size=(1, 80, 80, 3)).astype("float32")
    expected = source.at_image_shape((80, 80, 3)).predict_on_batch(images)
    np.testing.assert_allclose(target.predict_on_batch(images), expected, atol=1e-5)


def test_heads_of_classifiers_are_reported_as_ignored():
    tower = Tower(image_backbone(), "class_token")
    arrays = random_arrays(tower) | {"head/kernel": np.zeros((32, 10)), "head/bias": np.zeros(10)}
    report = convert(arrays, tower)
    assert report.ignored.keys() == {"head/kernel", "head/bias"}
    assert "2 tensors ignored" in str(report)
    bare = convert(arrays, tower.backbone)
    assert bare.num_parameters == report.num_parameters == tower.backbone.count_params()


def test_training_state_is_reported_as_ignored():
    tower = Tower(image_backbone(), "class_token")
    arrays = {f"params/{name}": array for name, array in random_arrays(tower).items()}
    report = convert(arrays | {"opt/0/count": np.zeros(())}, tower)
    assert report.ignored == {"opt/0/count": "training state, no weight"}
    assert report.layouts == ("training checkpoint, its weights under a prefix",)


def test_progress_is_reported_per_variable():
    tower = Tower(image_backbone(), "class_token")
    seen = []
    report = convert(random_arrays(tower), tower, on_tensor=lambda path, size: seen.append(size))
    assert sum(seen) == report.num_parameters


def test_models_without_values_are_filled():
    arrays = random_arrays(lit_model(), "vit_jax")
    model = build_without_values(lit_model)
    convert(arrays, model)
    images = np.zeros((2, 48, 48, 3), "float32")
    expected = lit_model()
    convert(arrays, expected)
    np.testing.assert_array_equal(model.encode_images(images), expected.encode_images(images))
    for name, array in export(model, "vit_jax"):
        np.testing.assert_array_equal(array, arrays[name])


def test_a_build_that_fails_leaves_nothing_behind():
    """Whatever Keras still has on its list is kept, searched and filled by every later build."""
    kept = []

    def build():
        layer = keras.layers.Dense(2)
        layer.build((None, 3))
        kept.append(weakref.ref(layer.kernel))
        raise ValueError("the vocabulary is of another model")

    for _ in range(2):
        with pytest.raises(ValueError, match="another model"):
            build_without_values(build)
    gc.collect()
    assert [reference() for reference in kept] == [None, None]


def changed(arrays, **changes):
    """Returns the arrays with some replaced; `None` removes one. `__` stands for `/`."""
    changed = arrays | {name.replace("__", "/"): array for name, array in changes.items()}
    return {name: array for name, array in changed.items() if array is not None}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cls": None}, "1 tensors are missing: cls"),
        ({"extra__kernel": np.zeros(1)}, "1 tensors have no place in the model: extra/kernel"),
        ({"embedding__kernel": np.zeros((8, 8, 3, 32))}, "expected shape .*another patch size"),
        ({"pos_embedding": np.zeros((1, 12, 32))}, "between square grids only"),
        ({"pos_embedding": np.zeros((1, 9, 16))}, "another sequence length or width"),
        ({"t": np.zeros(1), "b": np.zeros(1)}, "2 tensors have no place in the model: t, b"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_written(changes, message):
    tower = Tower(image_backbone(), "class_token")
    before = tower.get_weights()
    with pytest.raises(CheckpointError, match=message):
        convert(changed(random_arrays(tower), **changes), tower)
    for old, new in zip(before, tower.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_other_numbers_of_heads_are_named():
    arrays = random_arrays(image_backbone())
    backbone = ViTBackbone((48, 48, 3), 16, 32, 1, num_heads=4, mlp_dim=128)
    with pytest.raises(CheckpointError, match="another width or number of heads"):
        convert(arrays, backbone)


def test_bias_must_be_in_both_or_neither():
    with_bias, without = lit_model(bias=-10.0), lit_model()
    with pytest.raises(CheckpointError, match="no place in the model: b"):
        convert(random_arrays(with_bias), without)
    with pytest.raises(CheckpointError, match="missing: b for the variable"):
        convert(random_arrays(without), with_bias)
    convert(random_arrays(with_bias), without, ignore=["b"])


def test_kinds_of_checkpoints_are_told_apart():
    lit, tower = lit_model(), Tower(image_backbone(), "class_token")
    with pytest.raises(CheckpointError, match="holds two towers .* single Tower"):
        convert(random_arrays(lit), tower)
    with pytest.raises(CheckpointError, match="holds a single tower .* is a LiTModel"):
        convert(random_arrays(tower), lit)
    with pytest.raises(CheckpointError, match="no text tower"):
        build_lit_model(open_checkpoint({"img/cls": np.zeros(1)}).tensors)
    with pytest.raises(CheckpointError, match="no known architecture"):
        build_tower(open_checkpoint({"decoder/kernel": np.zeros(1)}).tensors)


def test_architecture_is_read_from_the_shapes():
    for fixture in model_fixtures():
        path = reference.reference_root() / fixture / "params.npz"
        config, tensors = reference.load_json(fixture), open_checkpoint(path).tensors
        height, width = config.get("image_hw", (1, 1))
        takes_any_size = config["family"].startswith("big_vision.models.bit")
        if height != width or config.get("posemb") == "sincos2d" or takes_any_size:
            continue  # the shapes do not tell
        told = build_without_values(build_fixture_model, config, tensors)
        without_images = {k: v for k, v in config.items() if k not in ("image_hw", "res")}
        read = build_without_values(build_fixture_model, without_images, tensors)
        assert [w.shape for w in read.weights] == [w.shape for w in told.weights], fixture


def test_non_square_images_must_be_told():
    backbone = ViTBackbone.from_variant("mu/16", image_shape=(32, 48, 3), embeddings=("learned",))
    tensors = open_checkpoint(random_arrays(backbone)).tensors
    with pytest.raises(CheckpointError, match="form no square"):
        build_tower(tensors)
    tower = build_tower(tensors, image_shape=(32, 48, 3))
    assert convert(tensors, tower).num_parameters == backbone.count_params()


def test_export_refuses_unknown_layouts():
    with pytest.raises(ValueError, match='"big_vision" or "vit_jax"'):
        dict(export(image_backbone(), "flax"))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_tensors_are_read_when_the_model_is_saved(save, tmp_path):
    arrays = random_arrays(lit_model(), "vit_jax")
    save(tmp_path / "lit.npz", **arrays)
    model = build_without_values(lit_model)
    read = []
    report = convert_when_saved(
        tmp_path / "lit.npz", model, on_tensor=lambda path, size: read.append(path)
    )
    assert not read
    model.save_to_preset(tmp_path / "preset")
    assert set(read) == {path for _, path, _ in report.matched}
    loaded = LiTModel.from_preset(tmp_path / "preset")
    for name, array in export(loaded, "vit_jax"):
        np.testing.assert_array_equal(array, arrays[name])
    with pytest.raises(ValueError, match="Build the model with `build_without_values`"):
        convert_when_saved(arrays, lit_model())
