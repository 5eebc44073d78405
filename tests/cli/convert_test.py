"""`keras-lit convert`: what it writes and prints, and one clear error for each bad input."""

import io
import shutil

import numpy as np
import pytest
import sentencepiece

import keras_lit
from keras_lit.checkpoints import write_archive
from keras_lit.cli import main
from keras_lit.presets import registry
from tests.presets import tiny_release
from tests.presets.tiny_release import LIT, VIT, WORDS


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the files of the two tiny presets, whose names are known."""
    tiny_release.publish(tmp_path)
    for preset in (LIT, VIT):
        monkeypatch.setitem(registry._PRESETS, preset.name, preset)
    return tmp_path


def run(*arguments):
    """Returns the exit code of the command line."""
    with pytest.raises(SystemExit) as stopped:
        main.run(["keras-lit", "convert", *map(str, arguments)])
    return stopped.value.code


def test_writes_a_preset_and_says_what_became_of_each_tensor(folder, capsys):
    source = folder / LIT.weights.path
    assert run(source, folder / "preset", "--config=lit_tiny") == 0
    printed = capsys.readouterr().out
    assert "img/embedding/kernel -> patch_embedding/projection/kernel (16, 16, 3, 32)" in printed
    assert "variables filled with 51,713 parameters, 0 tensors ignored." in printed
    assert "keras_lit.LiTModel.from_preset(" in printed and "51713/51713" in printed
    assert "No tokenizer" not in printed
    model = keras_lit.LiTModel.from_preset(folder / "preset")
    np.testing.assert_array_equal(model.preprocessor.tokenizer(["a dog"]), [[2, 3, 4, 0]])
    np.testing.assert_array_equal(
        model.text_tower.projection.kernel, tiny_release.arrays(LIT)["txt/head/kernel"]
    )


def test_vocabularies_are_named_or_reported_missing(folder, capsys):
    source = folder / LIT.weights.path
    vocabulary = (folder / LIT.vocabulary.file.path).rename(folder / "words.txt")
    assert run(source, folder / "a", "--config=lit_tiny") == 0
    assert "--vocabulary=LiT-tiny.txt" in capsys.readouterr().out
    assert keras_lit.LiTModel.from_preset(folder / "a").preprocessor.tokenizer is None
    assert run(source, folder / "b", "--config=lit_tiny", f"--vocabulary={vocabulary}") == 0
    assert keras_lit.LiTModel.from_preset(folder / "b").preprocessor.tokenizer is not None


def test_architectures_are_read_from_the_file(folder, capsys):
    assert run(folder / VIT.weights.path, folder / "tower") == 0
    printed = capsys.readouterr().out
    assert "ignored head/kernel: not part of the model" in printed
    assert "keras_lit.Tower.from_preset(" in printed
    kernel = tiny_release.arrays(VIT)["embedding/kernel"]
    tower = keras_lit.Tower.from_preset(folder / "tower")
    np.testing.assert_array_equal(tower.weights[0], kernel)
    assert run(f"{folder / LIT.weights.path}:img", folder / "image_tower") == 0
    assert "ignored txt/head/bias: outside of 'img'" in capsys.readouterr().out
    assert run(folder / LIT.weights.path, folder / "lit") == 0
    model = keras_lit.LiTModel.from_preset(folder / "lit")
    assert model.encode_images(np.zeros((1, 50, 40, 3), "uint8")).shape == (1, 32)


def truncated(folder):
    path = folder / LIT.weights.path
    path.write_bytes(path.read_bytes()[:5000])
    return [path]


def corrupted(folder):
    path = folder / LIT.weights.path
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    return [path]


def pickled(folder):
    np.savez(folder / "file.npz", x=np.array([{}], dtype=object))
    return [folder / "file.npz"]


def changed(folder, **changes):
    arrays = tiny_release.arrays(LIT) | changes
    write_archive(folder / "file.npz", ((k, v) for k, v in arrays.items() if v is not None))
    return [folder / "file.npz", "--config=lit_tiny"]


def missing(folder):
    return changed(folder, **{"txt/head/bias": None})


def surplus(folder):
    return changed(folder, **{"txt/more": np.zeros(3)})


def wrong_shape(folder):
    return changed(folder, **{"txt/head/bias": np.zeros(7)})


def lit_as_vit(folder):
    return [folder / LIT.weights.path, "--config=vit_tiny"]


def vit_as_lit(folder):
    return [folder / VIT.weights.path, "--config=lit_tiny"]


def large_vocabulary(folder):
    (folder / LIT.vocabulary.file.path).write_text("\n".join([*WORDS, "bird"]))
    return [folder / LIT.weights.path, "--config=lit_tiny"]


def other_vocabulary(folder):
    proto = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a dog and a cat", "two dogs"] * 20),
        model_writer=proto,
        vocab_size=16,
        minloglevel=2,
    )
    (folder / "sp.model").write_bytes(proto.getvalue())
    vocabulary = f"--vocabulary={folder / 'sp.model'}"
    return [folder / LIT.weights.path, "--config=lit_tiny", vocabulary]


def no_file(folder):
    return [folder / "lost.npz"]


BAD_INPUTS = [
    (truncated, "Cannot read the checkpoint"),
    (corrupted, "Cannot read the checkpoint"),
    (pickled, "pickled Python objects, which are never loaded"),
    (missing, "1 tensors are missing: txt/head/bias for the variable projection/bias"),
    (surplus, "1 tensors have no place in the model: txt/more"),
    (wrong_shape, "txt/head/bias: expected shape (32,), found (7,) (another"),
    (lit_as_vit, "holds two towers (img/, txt/)"),
    (vit_as_lit, "holds a single tower"),
    (large_vocabulary, "7 entries, but lit_tiny has 6 token embeddings"),
    (other_vocabulary, "is not the vocabulary of lit_tiny"),
    (no_file, "There is no checkpoint file"),
]


@pytest.mark.parametrize(("make", "message"), BAD_INPUTS, ids=lambda value: str(value)[:20])
def test_bad_input_is_one_error_and_writes_nothing(make, message, folder, capsys):
    source, *flags = make(folder)
    before = {path.name for path in folder.iterdir()}
    assert run(source, folder / "preset", *flags) == 1
    error = capsys.readouterr().err
    assert error.startswith("keras-lit convert: ") and message in error
    assert "Traceback" not in error
    assert {path.name for path in folder.iterdir()} == before


def test_an_existing_target_stays(folder, capsys):
    (folder / "preset").mkdir()
    (folder / "preset" / "precious").write_text("x")
    assert run(folder / LIT.weights.path, folder / "preset") == 1
    assert "exists. Choose another folder" in capsys.readouterr().err
    assert [path.name for path in (folder / "preset").iterdir()] == ["precious"]


@pytest.mark.parametrize("when", ["before", "while saving"])
def test_a_full_disk(when, folder, capsys, monkeypatch):
    if when == "before":
        usage = shutil.disk_usage(folder)._replace(free=1000)
        monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    else:

        def save_weights(self, path, **kwargs):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(keras_lit.LiTModel, "save_weights", save_weights)
    before = {path.name for path in folder.iterdir()}
    assert run(folder / LIT.weights.path, folder / "preset") == 1
    assert "No space left" in capsys.readouterr().err
    assert {path.name for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["file.npz"], "takes SOURCE TARGET_PRESET"),
        (["file.npz", "preset", "--config=lit_b16"], "Did you mean 'lit_b16b'"),
        (["file.npz", "preset", "--vocabulary=words.txt"], "--vocabulary needs the --config"),
        (["f.npz", "p", "--config=vit_b16_augreg_i21k", "--vocabulary=w"], "with a text tower"),
    ],
)
def test_wrong_usage(arguments, message, capsys):
    assert run(*arguments) == 2
    assert message in capsys.readouterr().err
