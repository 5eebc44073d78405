"""Names of sizes -> backbones with the original's number of parameters.

Here are those that no preset has; tests/presets/published_test.py builds the others.
"""

import json
import pathlib

import numpy as np
import pytest

from keras_lit.backbones import (
    BiTBackbone,
    MixerBackbone,
    ResNetBackbone,
    ViTBackbone,
    hybrid,
)
from keras_lit.checkpoints import build_without_values
from tests import reference

# Read here, not under KERAS_LIT_REFERENCE: the published architectures are always the same.
FOLDER = pathlib.Path(reference.__file__).parent / "fixtures" / "reference" / "trees"
TREES = json.loads((FOLDER / "param_trees.json").read_text())


def count(make_backbone):
    """Counts the parameters of a backbone that is never allocated."""
    return build_without_values(make_backbone).count_params()


def expected_count(tree_name, prefix=""):
    """Counts the original's parameters, the head left out."""
    return sum(
        int(np.prod(row["shape"])) * row["count"]
        for name, row in TREES[tree_name]["tree"].items()
        if name.startswith(prefix) and not name.startswith((f"{prefix}head/", f"{prefix}MAPHead"))
    )


@pytest.mark.parametrize("variant", ["L/32", "H/14"])
def test_vit(variant):
    tree_name = f"ViT-{variant.replace('/', '_')}"
    assert count(lambda: ViTBackbone.from_variant(variant)) == expected_count(tree_name)


def test_vit_without_class_token():
    made = count(lambda: ViTBackbone.from_variant("B/16", embeddings=("learned",)))
    assert made == expected_count("ViT-B_16-gap-norep")


@pytest.mark.parametrize("variant", ["B/32"])
def test_mixer(variant):
    tree_name = f"Mixer-{variant.replace('/', '_')}"
    assert count(lambda: MixerBackbone.from_variant(variant)) == expected_count(tree_name)


@pytest.mark.parametrize("variant", ["R26+B/32", "R50+B/16"])
def test_hybrid(variant):
    tree_name = variant.replace("+", "+ViT-").replace("/", "_")
    assert count(lambda: hybrid(variant)) == expected_count(tree_name)


def test_resnet():
    assert count(lambda: ResNetBackbone.from_variant("R50x1")) == expected_count(
        "bv:bit v1 R50 1000cls"
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: ViTBackbone.from_variant("B16"),
        lambda: ViTBackbone.from_variant("X/16"),
        lambda: MixerBackbone.from_variant("Ti/16"),
        lambda: BiTBackbone.from_variant("R34x1"),
        lambda: hybrid("R50+H/14"),
    ],
)
def test_unknown_variants_are_refused(make):
    with pytest.raises(ValueError, match="variant must be"):
        make()
