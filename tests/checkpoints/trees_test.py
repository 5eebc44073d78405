"""Full-size architectures -> the same tensor names, shapes and counts as the original's."""

import json
import pathlib

import numpy as np
import pytest

from keras_lit.checkpoints import (
    Tensor,
    build_lit_model,
    build_tower,
    build_without_values,
    normalise,
)
from keras_lit.checkpoints.tables import entries_of
from tests import reference

# Read here, not under KERAS_LIT_REFERENCE: the published architectures are always the same.
FOLDER = pathlib.Path(reference.__file__).parent / "fixtures" / "reference" / "trees"
TREES = json.loads((FOLDER / "param_trees.json").read_text())
STATISTICS = json.loads((FOLDER / "lit_b16b_real_weight_stats.json").read_text())


def build(tree_name):
    """Builds an architecture from shapes alone, with weights that take no memory."""
    tensors = {}
    for pattern, row in TREES[tree_name]["tree"].items():
        for index in range(row["count"] if "{i}" in pattern else 1):
            name = pattern.format(i=index)
            tensors[name] = Tensor(tuple(row["shape"]), (name,), read=None)
    tensors = normalise(tensors).tensors
    build_model = build_lit_model if "t" in tensors else build_tower
    return build_without_values(build_model, tensors), tensors


@pytest.mark.parametrize("tree_name", TREES)
def test_names_shapes_and_count_equal_the_original(tree_name):
    model, tensors = build(tree_name)
    entries = {entry.source: entry for entry in entries_of(model)}
    assert entries.keys() == tensors.keys()
    for name, entry in entries.items():
        assert tensors[name].shape == entry.source_shape, name
    count = sum(int(np.prod(entry.variable.shape)) for entry in entries.values())
    assert count == TREES[tree_name]["params"]


def test_names_of_lit_b16b_equal_those_of_the_real_weights():
    model, _ = build("LiT-B16B")
    shapes = {entry.source: list(entry.source_shape) for entry in entries_of(model)}
    shapes["img/pos_embedding"][1] -= 1  # Big Vision adds the class token's slot to the token
    assert shapes == {name: row["shape"] for name, row in STATISTICS.items()}
