"""Checkpoint -> its tensors whose mean and standard deviation differ from the published ones."""

import importlib.resources
import json

import numpy as np

from keras_lit.checkpoints import build_without_values, convert_when_saved, export
from keras_lit.presets.architectures import build_model

# Published to three digits.
_TOLERANCE = 6e-3
_ROWS_AT_ONCE = 1024


def compare_statistics(source, preset):
    """Compares each tensor of a checkpoint with the statistics that the release printed.

    Args:
        source: path of an `.npz` file.
        preset: `Preset`.

    Returns:
        Dict name of a tensor -> ((mean, std) here, (mean, std) published), of those that differ;
        or `None` where no statistics are published.

    Reference:
        The log of the LiT notebook of https://github.com/google-research/big_vision, which prints
        all tensors of LiT-B16B after loading.
    """
    file = importlib.resources.files("keras_lit.presets").joinpath(f"{preset.name}_statistics.json")
    if not file.is_file():
        return None
    published = json.loads(file.read_text())
    model = build_without_values(build_model, preset)
    convert_when_saved(source, model)
    different = {}
    for tensor_name, array in export(model, "big_vision"):
        found = mean_and_std(array)
        expected = tuple(published[tensor_name])
        if not np.allclose(found, expected, rtol=_TOLERANCE, atol=1e-6):
            different[tensor_name] = (found, expected)
    return different


def mean_and_std(array):
    """Returns two floats, accumulated in float64 without a float64 copy of the array."""
    rows = array.reshape(-1, array.shape[-1])
    chunks = [rows[i : i + _ROWS_AT_ONCE] for i in range(0, len(rows), _ROWS_AT_ONCE)]
    mean = sum(chunk.sum(dtype="float64") for chunk in chunks) / array.size
    squares = sum(np.square(chunk - mean, dtype="float64").sum() for chunk in chunks)
    return float(mean), float(np.sqrt(squares / array.size))
