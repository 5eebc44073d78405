"""Fixture name -> its folder: where the tests find what the original code computed."""

import json
import os
import pathlib

import numpy as np

_REPOSITORY = pathlib.Path(__file__).resolve().parent.parent


def reference_root():
    """Returns the folder of reference fixtures.

    `KERAS_LIT_REFERENCE` names it; by default `../shared/reference` where present, else the
    selection committed in `tests/fixtures/reference`.
    """
    if os.environ.get("KERAS_LIT_REFERENCE"):
        return pathlib.Path(os.environ["KERAS_LIT_REFERENCE"])
    shared = _REPOSITORY.parent / "shared" / "reference"
    return shared if shared.is_dir() else _REPOSITORY / "tests" / "fixtures" / "reference"


def load_arrays(fixture, file_name):
    """Returns `{name: array}` of one `.npz` file of a fixture."""
    with np.load(reference_root() / fixture / file_name, allow_pickle=False) as archive:
        return dict(archive)


def load_json(fixture, file_name="config.json"):
    """Returns the parsed JSON file of a fixture."""
    return json.loads((reference_root() / fixture / file_name).read_text())
