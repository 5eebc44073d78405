"""The examples that train on tables and on tar shards: a few emoji pictures, two steps."""

import keras
import numpy as np
import pytest

import keras_lit
from keras_lit.data import emoji_pictures
from tests.data import caches, pictures
from tests.run_example import run_example

EMOJIS = {"1F436": "a dog", "1F431": "a cat", "1F31E": "the sun", "1F30A": "the sea"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny preset, and the pictures as a table and as a tar file, each with one broken record."""
    folder = tmp_path_factory.mktemp("data")
    caches.lit_model().save_to_preset(folder / "preset")
    members, lines = {"lost.txt": b"nothing"}, ["lost.png\tnothing"]
    for code, caption in EMOJIS.items():
        path = folder / f"{code}.png"
        keras.utils.save_img(path, emoji_pictures.draw_emoji(code, "twemoji"), scale=False)
        members |= {path.name: path.read_bytes(), f"{code}.txt": caption.encode()}
        lines.append(f"{path.name}\t{caption}\t{caption} again")
    pictures.write_tar(folder / "0.tar", members)
    (folder / "table.tsv").write_text("\n".join(lines))
    return folder


def text_weights(preset):
    model = keras_lit.LiTModel.from_preset(preset)
    return np.concatenate([np.ravel(np.array(weight)) for weight in model.text_tower.weights])


def test_train_on_tsv_goes_on_where_it_was(folder, tmp_path, capsys):
    arguments = [f"--data={folder / 'table.tsv'}", f"--preset={folder / 'preset'}"]
    arguments += ["--batch_size=2", f"--output={tmp_path / 'out'}", "--max_broken_share=0.3"]
    for num_steps in (1, 2):
        run_example("train_on_tsv", *arguments, f"--num_steps={num_steps}")
    printed = capsys.readouterr().out
    assert "no such file. Among them: lost.png" in printed
    tuned = text_weights(tmp_path / "out" / "preset")
    assert np.isfinite(tuned).all() and np.abs(tuned - text_weights(folder / "preset")).max() > 0


def test_train_on_webdataset(folder, tmp_path, capsys):
    run_example(
        "train_on_webdataset",
        f"--data={folder / '*.tar'}",
        f"--preset={folder / 'preset'}",
        "--max_broken_share=0.3",
        "--batch_size=2",
        "--num_epochs=1",
        f"--output={tmp_path / 'tuned'}",
    )
    assert "1 of 5 records (20 %) were skipped: 1 no picture" in capsys.readouterr().out
    tuned = text_weights(tmp_path / "tuned")
    assert np.isfinite(tuned).all() and np.abs(tuned - text_weights(folder / "preset")).max() > 0
