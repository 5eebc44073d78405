"""`keras-lit inspect`: what it counts and draws, and the forms of DATA it takes."""

import importlib.util

import keras
import pytest

from keras_lit.cli import main
from keras_lit.data import ImageFolder, ImageTable, TarShards, TfdsSource, TFRecordShards
from keras_lit.data.data_spec import kind_of_data, open_source
from tests.data import pictures

pytestmark = pytest.mark.any_backend


def run(*arguments):
    """Returns the exit code of the command line."""
    with pytest.raises(SystemExit) as stopped:
        main.run(["keras-lit", "inspect", *map(str, arguments)])
    return stopped.value.code


@pytest.fixture
def shard(tmp_path):
    """A tar file: two pictures alike in different formats, a third, and one that is broken."""
    import tensorflow as tf

    members = {
        "0.png": pictures.png(1),
        "0.txt": b"a dog",
        "1.bmp": pictures.png(2, height=7),
        "1.txt": b"a dog in the sun",
        "2.gif": tf.io.encode_png(pictures.picture(1), compression=0).numpy(),
        "2.txt": b"the same dog",
        "3.png": b"",
        "3.txt": b"sea",
    }
    return pictures.write_tar(tmp_path / "00.tar", members)


def test_counts_and_draws(shard, tmp_path, capsys):
    assert run(shard, f"--contact_sheet={tmp_path / 'sheet.png'}") == 0
    printed = capsys.readouterr().out
    for line in (
        "records   4",
        "pictures  3",
        "heights   6 to 7, median 6",
        "captions  3, 1.00 per picture",
        "5 in all",
        "repeated  1 pictures have the pixels of another\n          0 = 2",
        "1 of 4 records (25 %) were skipped: 1 empty file. Among them: 3 (empty file).",
    ):
        assert line in printed
    assert keras.utils.load_img(tmp_path / "sheet.png").size == (3 * 168 + 8, 218 + 8)


def test_failures_and_wrong_usage(shard, tmp_path, capsys, monkeypatch):
    (tmp_path / "empty").mkdir()
    (tmp_path / "lost.tsv").write_text("lost.png\tsun\n")
    (tmp_path / "page.html").write_text("")
    for data, message in (
        (tmp_path / "lost.tsv", "no picture that can be used. 1 of 1 records"),
        (tmp_path / "none.csv", "There is no file"),
        (tmp_path / "empty", "has no picture (.jpg"),
        (tmp_path / "none", "There is no folder"),
        (tmp_path / "*.tfrecord", "There is no file"),
    ):
        assert run(data) == 1
        error = capsys.readouterr().err
        assert error.startswith("keras-lit inspect: ") and message in error
    assert run(shard, "--caption_feature=text") == 1
    assert "Only TFDS and TFRecords have features" in capsys.readouterr().err
    for arguments, message in (
        ([], "takes DATA"),
        ([tmp_path / "page.html"], "Data must be tfds:NAME/SPLIT"),
        (["tfds:coco_captions"], "expects tfds:NAME/SPLIT"),
        ([shard, "--contact_sheet=sheet.jpg"], "must end in .png"),
        ([shard, "--max_records=0"], "max_records"),
    ):
        assert run(*arguments) == 2
        assert message in capsys.readouterr().err
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "PIL" else find(name)
    )
    assert run(shard, "--contact_sheet=sheet.png") == 1
    assert "pip install 'keras-lit[demo]'" in capsys.readouterr().err
    assert run("--help") == 0
    printed = capsys.readouterr().out
    assert "keras-lit inspect captions.tsv" in printed and "--caption_feature" in printed.replace(
        "--[no]", "--"
    )


def test_forms_of_data(tmp_path):
    kinds = {
        "tfds:coco_captions/train[:10%]": TfdsSource,
        "gs://bucket/cc12m.tsv": ImageTable,
        "a/b.jsonl": ImageTable,
        "gs://bucket/{000..012}.tar": TarShards,
        "a/pairs.tfrecord-00000-of-00001": TFRecordShards,
        "a/pairs-*.tfrecord": TFRecordShards,
        "a/folder": ImageFolder,
        str(tmp_path): ImageFolder,
    }
    assert {data: kind_of_data(data) for data in kinds} == kinds
    path = pictures.write_tfrecord(
        tmp_path / "a.tfrecord", [{"image": [pictures.png(0)], "text": [b"sun"]}]
    )
    assert pictures.captions_of(open_source(path, caption_feature="text").pairs(1)) == [["sun"]]
