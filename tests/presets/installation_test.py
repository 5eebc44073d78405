"""Name -> model: converted once, the original's numbers, and nothing half-done that would load."""

import collections
import json
import shutil

import huggingface_hub
import keras_hub
import numpy as np
import pytest

import keras_lit
from keras_lit.checkpoints import build_without_values, convert
from keras_lit.presets import preset_folder
from keras_lit.presets.architectures import build_model
from tests.presets import tiny_release
from tests.presets.tiny_release import LIT, VIT


def images():
    return np.random.default_rng(0).integers(0, 256, (2, 40, 30, 3)).astype("uint8")


def test_a_name_becomes_the_released_model(server, cache):
    model = keras_lit.LiTModel.from_preset("lit_tiny")
    expected = build_model(LIT, server / LIT.vocabulary.file.path)
    convert(server / LIT.weights.path, expected)
    np.testing.assert_allclose(
        model.encode_images(images()), expected.encode_images(images()), atol=1e-6
    )
    texts = ["a dog", "A cat a cat a cat", ""]
    np.testing.assert_allclose(model.encode_texts(texts), expected.encode_texts(texts), atol=1e-6)
    np.testing.assert_array_equal(model.preprocessor.tokenizer(["a dog"]), [[2, 3, 4, 0]])
    assert model.tuning == "Lu"
    assert [path.name for path in cache.glob(".lit_tiny-*")] == []


def test_the_second_call_reads_the_native_folder(server, cache):
    first = keras_lit.LiTModel.from_preset("lit_tiny")
    shutil.rmtree(server)
    shutil.rmtree(cache / "downloads")
    again = keras_lit.LiTModel.from_preset("lit_tiny", tuning="Uu")
    np.testing.assert_array_equal(again.encode_images(images()), first.encode_images(images()))
    assert again.tuning == "Uu"
    assert preset_folder("lit_tiny") == cache / "lit_tiny"


def test_image_towers(server):
    tower = keras_lit.Tower.from_preset("vit_tiny")
    assert isinstance(tower.pooling, keras_lit.layers.ClassTokenPooling)
    expected = tiny_release.arrays(VIT)["embedding/kernel"]
    np.testing.assert_array_equal(
        tower.backbone.get_layer("patch_embedding").projection.kernel, expected
    )
    half = keras_lit.Tower.from_preset("vit_tiny", dtype="bfloat16")
    assert half.backbone.dtype_policy.name == "bfloat16"


def test_without_weights_nothing_is_downloaded(server):
    shutil.rmtree(server)
    model = keras_lit.LiTModel.from_preset("lit_tiny", load_weights=False)
    assert model.count_params() == LIT.num_parameters
    assert model.preprocessor.tokenizer is None
    assert model.encode_images(images()).shape == (2, 32)
    tower = keras_lit.Tower.from_preset("vit_tiny", load_weights=False)
    assert tower.count_params() == VIT.num_parameters


def test_without_weights_and_values():
    model = build_without_values(keras_lit.LiTModel.from_preset, "lit_b16b", load_weights=False)
    assert model.count_params() == 195_871_489


def test_the_other_class_is_named(server):
    with pytest.raises(ValueError, match=r"Load it with `keras_lit.Tower.from_preset\('vit_tiny'"):
        keras_lit.LiTModel.from_preset("vit_tiny")
    with pytest.raises(ValueError, match=r"LiTModel.from_preset\('lit_tiny'\).image_tower"):
        keras_lit.Tower.from_preset("lit_tiny")
    with pytest.raises(ValueError, match="Did you mean 'lit_tiny'"):
        keras_lit.LiTModel.from_preset("lit_tini")


def test_a_folder_of_the_same_name_comes_first(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = build_model(LIT)
    model.save_to_preset("lit_tiny")
    loaded = keras_lit.LiTModel.from_preset("lit_tiny")
    np.testing.assert_array_equal(loaded.encode_images(images()), model.encode_images(images()))


def test_towers_are_saved_as_presets(tmp_path):
    tower = build_model(VIT)
    tower.save_to_preset(tmp_path / "tower")
    loaded = keras_lit.Tower.from_preset(tmp_path / "tower")
    pixels = np.zeros((1, 32, 32, 3), "float32")
    np.testing.assert_array_equal(
        loaded.predict(pixels, verbose=0), tower.predict(pixels, verbose=0)
    )
    with pytest.raises(ValueError, match="as a Tower: .*LiTModel, not a Tower"):
        build_model(LIT).save_to_preset(tmp_path / "lit")
        keras_lit.Tower.from_preset(tmp_path / "lit")


@pytest.fixture
def native(server, tmp_path):
    """A native preset as a folder, and its model."""
    model = build_model(LIT, server / LIT.vocabulary.file.path)
    model.save_to_preset(tmp_path / "native")
    return tmp_path / "native", model


def test_keras_hub_loads_a_native_preset_and_its_parts(native):
    folder, model = native
    loaded = keras_hub.models.Backbone.from_preset(str(folder))
    assert type(loaded) is keras_lit.LiTModel
    np.testing.assert_array_equal(loaded.encode_images(images()), model.encode_images(images()))
    tokenizer = keras_hub.tokenizers.Tokenizer.from_preset(str(folder))
    np.testing.assert_array_equal(tokenizer(["a dog"]), [[2, 3, 4, 0]])
    converter = keras_hub.layers.ImageConverter.from_preset(str(folder))
    assert converter.get_config() == model.preprocessor.image_converter.get_config()


def test_handles_of_other_hosts(native, monkeypatch):
    folder, model = native

    def download(repo_id, filename, **kwargs):
        assert repo_id == "somebody/lit"
        if not (folder / filename).is_file():
            raise huggingface_hub.errors.EntryNotFoundError(filename)
        return str(folder / filename)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    loaded = keras_lit.LiTModel.from_preset("hf://somebody/lit")
    for old, new in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(new, old)
    np.testing.assert_array_equal(loaded.preprocessor.tokenizer(["a dog"]), [[2, 3, 4, 0]])


Usage = collections.namedtuple("Usage", "total used free")


def fill_disk(server, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(0, 0, 1000))


def truncate_weights(server, monkeypatch):
    path = server / LIT.weights.path
    path.write_bytes(path.read_bytes()[:-2000])


def damage_weights(server, monkeypatch):
    path = server / LIT.weights.path
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def replace_vocabulary(server, monkeypatch):
    (server / LIT.vocabulary.file.path).write_text("\n".join([*tiny_release.WORDS, "bird"]))


def replace_weights(server, monkeypatch):
    shutil.copy(server / VIT.weights.path, server / LIT.weights.path)


def break_saving(server, monkeypatch):
    def save_weights(self, *args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keras_lit.LiTModel, "save_weights", save_weights)


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (fill_disk, OSError, "No space left in .* GB are needed.*KERAS_HOME"),
        (truncate_weights, ValueError, "Cannot read the checkpoint.*\n.*delete it, and the next"),
        (damage_weights, ValueError, "Cannot read the checkpoint"),
        (replace_vocabulary, ValueError, "has 7 entries, but lit_tiny has 6 token embeddings"),
        (replace_weights, ValueError, "holds a single tower"),
        (break_saving, OSError, "No space left on device"),
    ],
)
def test_a_failure_leaves_nothing_that_loads(damage, error, message, server, cache, monkeypatch):
    with monkeypatch.context() as patch:
        damage(server, patch)
        with pytest.raises(error, match=message):
            keras_lit.LiTModel.from_preset("lit_tiny")
    assert not (cache / "lit_tiny").exists()
    assert not list(cache.glob(".lit_tiny-*"))
    shutil.rmtree(cache / "downloads", ignore_errors=True)
    tiny_release.publish(server)
    keras_lit.LiTModel.from_preset("lit_tiny")  # recovers


def test_leftovers_of_a_killed_process_are_removed(server, cache):
    leftover = cache / ".lit_tiny-abc" / "preset"
    leftover.mkdir(parents=True)
    (leftover / "config.json").write_text("{}")
    keras_lit.LiTModel.from_preset("lit_tiny")
    assert not leftover.exists()
    config = json.loads((cache / "lit_tiny" / "config.json").read_text())
    assert config["class_name"] == "LiTModel"
