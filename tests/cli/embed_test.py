"""`keras-lit embed` on a preset and a table of pictures, through the flags of the shell."""

import shutil

import keras
import numpy as np
import pytest

import keras_lit
from keras_lit.cli import main
from tests.data import caches


def run(*arguments):
    """Returns the exit code of the command line."""
    with pytest.raises(SystemExit) as stopped:
        main.run(["keras-lit", "embed", *map(str, arguments)])
    return stopped.value.code


def test_writes_a_cache_that_fits_the_preset(tmp_path, capsys):
    model = caches.lit_model()
    model.save_to_preset(tmp_path / "preset")
    pictures = caches.arrays(5)["images"]
    for number, picture in enumerate(pictures):
        keras.utils.save_img(tmp_path / f"{number}.png", picture, scale=False)
    lines = [f"{number}.png\t{caches.caption(number)}" for number in range(5)]
    (tmp_path / "table.tsv").write_text("\n".join([*lines, "lost.png\tsea"]))
    arguments = (tmp_path / "preset", tmp_path / "table.tsv", tmp_path / "cache")
    flags = ("--batches_per_shard=1", "--dtype=float32")
    assert run(*arguments, *flags, "--batch_size=2") == 1
    assert "1 of 6 records (16.7 %)" in capsys.readouterr().err
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)
    flags += ("--max_broken_share=0.2",)
    assert run(*arguments, *flags, "--batch_size=2") == 0
    printed = capsys.readouterr().out
    assert "5 images" in printed
    assert "1 of 6 records (16.7 %) were skipped" in printed
    assert "lost.png (no such file)" in printed
    cache = keras_lit.data.EmbeddingCache(tmp_path / "cache", model)
    np.testing.assert_allclose(
        np.concatenate([cache[index]["image_embeddings"] for index in range(5)]),
        model.encode_images(pictures),
        atol=1e-6,
    )
    assert run(*arguments, *flags, "--batch_size=3") == 1
    printed = capsys.readouterr().err
    assert "What differs: " in printed and "batch_size (stored: 2; now: 3)" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["preset", "table.tsv"], "takes PRESET DATA CACHE_FOLDER"),
        (["preset", "tfds:emoji_captions", "cache"], "expects tfds:NAME/SPLIT"),
        (["preset", "t.tsv", "c", "--process_id=2", "--num_processes=2"], "--process_id must be"),
    ],
)
def test_wrong_usage(arguments, message, capsys):
    assert run(*arguments) == 2
    assert message in capsys.readouterr().err
