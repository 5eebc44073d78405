"""Sources whose files lie elsewhere, as in `gs://`: TensorFlow's `ram://` stands for it here."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from keras_lit.cli import main
from keras_lit.data import BrokenRecords, Resize
from keras_lit.data.data_spec import open_source
from keras_lit.preprocessing.pictures import read_images
from tests.data import pictures

pytestmark = pytest.mark.any_backend

ROOT = "ram://remote_files_test"
DATA = {
    "table": f"{ROOT}/table.tsv",
    "folder": f"{ROOT}/folder",
    "tar": f"{ROOT}/{{0..1}}.tar",
    "tfrecord": f"{ROOT}/*.tfrecord",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Four pictures, the last one broken, in each form of data."""
    local = tmp_path_factory.mktemp("local")
    images = [pictures.png(number) for number in range(4)]
    images[3] = images[3][:50]
    captions = [str(number).encode() for number in range(4)]
    pictures.write_folder(local / "folder", images, captions)
    lines = [f"folder/{number}.png\t{number}" for number in range(3)]
    # One path of the table is whole, the others start at its folder.
    (local / "table.tsv").write_text("\n".join([*lines, f"{ROOT}/folder/3.png\t3"]))
    for half in range(2):
        numbers = (2 * half, 2 * half + 1)
        members = {f"{number}.png": images[number] for number in numbers}
        members |= {f"{number}.txt": captions[number] for number in numbers}
        pictures.write_tar(local / f"{half}.tar", dict(sorted(members.items())))
        examples = [{"image": [images[row]], "caption": [captions[row]]} for row in numbers]
        pictures.write_tfrecord(local / f"{half}.tfrecord", examples)
    for path in sorted(local.rglob("*")):
        if path.is_file():
            with tf.io.gfile.GFile(f"{ROOT}/{path.relative_to(local)}", "wb") as file:
                file.write(path.read_bytes())
    return ROOT


@pytest.mark.parametrize("form", DATA)
def test_a_source_reads_remote_files(root, form):
    source = open_source(DATA[form])
    broken = BrokenRecords(1.0)
    captions = pictures.captions_of(source.pairs(2, broken))
    assert captions == [["0"], ["1"], ["2"]] and len(source) == 4
    assert list(broken.found) == [3]
    broken.save(f"{root}/{form}.json")
    assert BrokenRecords.load(f"{root}/{form}.json").found == broken.found
    (batch,) = source.training_pairs(6, Resize(4), broken=BrokenRecords(1.0)).take(1)
    numbers = batch["images"].numpy()[:, 0, 0, 0] // 20
    assert [int(caption) for caption in batch["captions"].numpy()] == numbers.tolist()


def test_inspect_and_single_pictures_read_remote_files(root, capsys):
    with pytest.raises(SystemExit) as stopped:
        main.run(["keras-lit", "inspect", DATA["tar"]])
    assert stopped.value.code == 0
    assert "1 of 4 records (25 %) were skipped" in capsys.readouterr().out
    np.testing.assert_array_equal(read_images(f"{root}/folder/1.png"), pictures.picture(1))
    with pytest.raises(ValueError, match=r"does not exist: 'ram://.*none\.png'"):
        read_images([f"{root}/folder/none.png"])
    assert not pathlib.Path("ram:").exists()
