"""A checkpoint of LiT-B16B's full size, random numbers in the original layout, through the CLI."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import keras_lit
from keras_lit.checkpoints import write_archive
from keras_lit.presets import get_preset

ROOT = pathlib.Path(__file__).resolve().parent.parent
TREES = ROOT / "tests" / "fixtures" / "reference" / "trees" / "param_trees.json"
PRESET = get_preset("lit_b16b")


def full_size_arrays():
    """Yields all tensors of LiT-B16B under the original's names."""
    generator = np.random.default_rng(0)
    for pattern, row in json.loads(TREES.read_text())["LiT-B16B"]["tree"].items():
        for index in range(row["count"] if "{i}" in pattern else 1):
            yield pattern.format(i=index), generator.standard_normal(row["shape"], "float32")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    write_archive(folder / PRESET.weights.name, full_size_arrays())
    words = [f"word{index}" for index in range(PRESET.text_tower.vocabulary_size - 3)]
    vocabulary = folder / PRESET.vocabulary.file.name
    vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", *words]))
    return folder / PRESET.weights.name


@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_full_size_checkpoint_is_streamed(backend, checkpoint, tmp_path):
    process = subprocess.run(
        [
            *(sys.executable, "-m", "integration_tests.convert_worker", str(checkpoint)),
            *(str(tmp_path / "lit"), "--config=lit_b16b"),
        ],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    *lines, measured = process.stdout.splitlines()
    size = checkpoint.stat().st_size
    growth = json.loads(measured)["peak_growth"]
    print(f"\n{backend}: {growth / 1e6:,.0f} MB for a checkpoint of {size / 1e6:,.0f} MB")
    assert growth < 1.3 * size
    text = "\n".join(lines)
    assert "variables filled with 195,871,489 parameters, 0 tensors ignored." in text
    # Random numbers have another spread than nearly all of the published tensors.
    assert "not the published weights" in text
    assert not [path for path in tmp_path.iterdir() if path.name != "lit"]
    model = keras_lit.LiTModel.from_preset(tmp_path / "lit", load_weights=False)
    assert model.count_params() == PRESET.num_parameters
    token_ids = np.array(model.preprocessor.tokenizer(["word0 word5"]))
    assert token_ids[0, :4].tolist() == [2, 3, 8, 0]
