"""Checkpoints of the original -> the same outputs, parameter counts and names as the original's."""

import pathlib

import keras
import numpy as np
import pytest

from keras_lit.layers import resample_positions
from tests import parity_table, reference
from tests.checkpoints.fixture_models import convert_fixture
from tests.preprocessing.reference_cases import IMAGES, SENTENCE_PIECE, WORD_PIECE

# Beginning of a fixture's family -> the tests that compare it.
HERE = "tests/checkpoints/parity_test.py"
TESTED_BY = {
    "vit_jax.VisionTransformer": HERE,
    "vit_jax.MlpMixer": HERE,
    "vit_jax.LitModel": HERE,
    "vit_jax.checkpoint.interpolate_posembed": HERE,
    "big_vision.models.": HERE,
    **dict.fromkeys((WORD_PIECE, SENTENCE_PIECE, IMAGES), "tests/preprocessing"),
    "big_vision discriminative_classifier": "tests/evaluation",
    "big_vision image_text_retrieval": "tests/evaluation",
    "big_vision prompt_engineering": "tests/evaluation",
    "big_vision losses": "tests/losses",
    "big_vision.optax.make": "tests/optimizers",
    "big_vision two_towers + bv_optax training steps": "tests/optimizers",
}

TOLERANCE = 2e-5
CONVOLUTION_TOLERANCE = 5e-5
# Inside the ResNets: the original's own float32 error, against float64, is 1.4e-4 in the stem.
FEATURE_MAP_TOLERANCE = 4e-4
FEATURE_MAPS = ("stem", "norm_pre_head", "pre_logits_2d")


def fixtures():
    """Returns all fixture folders with their family; none without one but the parameter trees."""
    names = sorted(path.name for path in reference.reference_root().iterdir() if path.is_dir())
    configs = {name: _config(name) for name in names if name != "trees"}
    return {name: config.get("family", "") for name, config in configs.items()}


def _config(name):
    has_config = (reference.reference_root() / name / "config.json").is_file()
    return reference.load_json(name) if has_config else {}


def _tested_by(family):
    owners = [owner for beginning, owner in TESTED_BY.items() if family.startswith(beginning)]
    return owners[0] if len(owners) == 1 else None


def _model_files():
    return [
        (fixture, path.name)
        for fixture, family in fixtures().items()
        if _tested_by(family) == HERE
        for path in sorted((reference.reference_root() / fixture).glob("params*.npz"))
    ]


def _has_convolutions(fixture):
    config = reference.load_json(fixture)
    resnet = config.get("resnet") or config.get("image", {}).get("resnet")
    return bool(resnet) or config["family"].startswith("big_vision.models.bit")


@pytest.mark.parametrize("fixture", fixtures())
def test_every_fixture_is_compared_somewhere(fixture):
    family = fixtures()[fixture]
    owner = _tested_by(family)
    assert owner is not None, f"Nobody compares the family {family!r}; add it to TESTED_BY."
    if owner != HERE:
        folder = pathlib.Path(reference.__file__).parent.parent / owner
        tests = [path.read_text() for path in folder.glob("*_test.py")]
        assert any("reference" in text for text in tests), f"{owner} compares no fixtures."


@pytest.mark.parametrize(("fixture", "params_file"), _model_files())
def test_outputs_equal_the_original(fixture, params_file):
    model, compute_outputs, report = convert_fixture(fixture, params_file)
    inputs = reference.load_arrays(fixture, "inputs.npz")
    computed = compute_outputs(inputs)
    expected = reference.load_arrays(fixture, "outputs.npz")
    if "b" in expected and model.head.logit_bias is None:  # a layout without a bias
        expected["logits"] = expected["logits"] - expected.pop("b")
    if "txt_transformed" in expected:
        # What the original leaves at padded places has no meaning.
        real = inputs["tokens"] != 0
        expected["txt_transformed"] = expected["txt_transformed"][real]
        computed["txt_transformed"] = computed["txt_transformed"][real]

    tolerance = CONVOLUTION_TOLERANCE if _has_convolutions(fixture) else TOLERANCE
    errors = {}
    for name, values in expected.items():
        assert computed[name].shape == values.shape, name
        errors[name] = float(np.max(np.abs(computed[name] - values)))
    feature_maps = {name: errors.pop(name) for name in FEATURE_MAPS if name in errors}
    parity_table.record(f"{fixture}/{params_file}", errors, tolerance)
    assert all(error <= tolerance for error in errors.values()), errors
    assert all(error <= FEATURE_MAP_TOLERANCE for error in feature_maps.values()), feature_maps
    assert report.num_parameters == sum(int(np.prod(w.shape)) for w in model.weights)


@pytest.mark.parametrize("fixture", [n for n, f in fixtures().items() if "interpolate" in f])
def test_resampled_positions_equal_the_original(fixture):
    inputs = reference.load_arrays(fixture, "inputs.npz")
    errors = {}
    for name, expected in reference.load_arrays(fixture, "outputs.npz").items():
        num_class_tokens = int(name.startswith("with_cls"))
        computed = resample_positions(inputs[name], expected.shape[1], num_class_tokens)
        errors[name] = float(np.max(np.abs(keras.ops.convert_to_numpy(computed) - expected)))
    parity_table.record(fixture, errors, 1e-6)
    assert max(errors.values()) <= 1e-6, errors
