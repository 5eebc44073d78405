"""Files -> tensors: lazily, without pickles, and never half of a file."""

import pathlib
import zipfile

import numpy as np
import pytest

from keras_lit.checkpoints import CheckpointError, read_archive, write_archive
from keras_lit.checkpoints.archive import split_source, verify_archive

pytestmark = pytest.mark.any_backend

ARRAYS = {"a/kernel": np.arange(2000, dtype="float32").reshape(50, 40), "t": np.ones(1, "float32")}


@pytest.fixture
def path(tmp_path):
    write_archive(tmp_path / "file.npz", ARRAYS.items())
    return tmp_path / "file.npz"


def test_round_trip(path):
    tensors = read_archive(path)
    assert {name: tensor.shape for name, tensor in tensors.items()} == {
        name: array.shape for name, array in ARRAYS.items()
    }
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(tensors[name].read(), array)
        np.testing.assert_array_equal(np.load(path)[name], array)
    assert list(path.parent.iterdir()) == [path]  # no unfinished file is left


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_files_of_numpy_are_read(save, tmp_path):
    save(tmp_path / "file.npz", **ARRAYS)
    tensors = read_archive(tmp_path / "file.npz")
    np.testing.assert_array_equal(tensors["a/kernel"].read(), ARRAYS["a/kernel"])


def test_bfloat16_is_read_as_its_numbers(tmp_path):
    values = np.array([[1.0, -2.5, 3.140625], [0.0, 1e-30, -65280.0]], "float32")
    upper_halves = (values.view("uint32") >> 16).astype("uint16").view("V2")
    np.savez(tmp_path / "file.npz", x=upper_halves)
    tensor = read_archive(tmp_path / "file.npz")["x"]
    exact = (values.view("uint32") >> 16 << 16).view("float32")
    assert tensor.shape == (2, 3)
    np.testing.assert_array_equal(tensor.read(), exact)


def test_nothing_is_left_when_writing_fails(tmp_path):
    def arrays():
        yield "a", np.zeros(3)
        raise OSError("no space left on device")

    (tmp_path / "file.npz").write_bytes(b"older")
    with pytest.raises(OSError, match="no space"):
        write_archive(tmp_path / "file.npz", arrays())
    assert [p.name for p in tmp_path.iterdir()] == ["file.npz"]
    assert (tmp_path / "file.npz").read_bytes() == b"older"


def read_everything(path):
    verify_archive(path)
    for tensor in read_archive(path).values():
        tensor.read()


def test_every_truncation_is_refused(path):
    content = path.read_bytes()
    for length in range(0, len(content), 97):
        path.write_bytes(content[:length])
        with pytest.raises(CheckpointError, match="Cannot read the checkpoint"):
            read_everything(path)


def test_flipped_bits_are_refused(path):
    content = path.read_bytes()
    for place in range(200, len(content) - 600, 501):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x40]) + content[place + 1 :])
        with pytest.raises(CheckpointError, match="Cannot read the checkpoint"):
            read_everything(path)


def test_pickles_are_refused(tmp_path):
    np.savez(tmp_path / "file.npz", x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(CheckpointError, match="pickled Python objects"):
        read_archive(tmp_path / "file.npz")


def test_other_files_are_refused(tmp_path):
    np.save(tmp_path / "array.npy", np.zeros(3))
    with pytest.raises(CheckpointError, match="must be a complete .npz"):
        read_archive(tmp_path / "array.npy")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(CheckpointError, match="is no NumPy array"):
        read_archive(tmp_path / "other.zip")
    with pytest.raises(CheckpointError, match="no checkpoint file"):
        read_archive(tmp_path / "missing.npz")


def test_parts_of_files_are_named_with_a_colon():
    assert split_source("folder/file.npz:img") == ("folder/file.npz", "img")
    assert split_source(pathlib.Path("file.npz")) == ("file.npz", None)
    assert split_source("C:folder") == ("C:folder", None)
