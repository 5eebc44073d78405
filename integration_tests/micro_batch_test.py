"""Micro-batches against whole batches: the same losses and weights, in fresh processes."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

_REPOSITORY = pathlib.Path(__file__).resolve().parent.parent

_WARNINGS = [
    # Deprecations inside the backends are theirs; what Keras warns of is a UserWarning.
    *("-W", "error::UserWarning"),
    *("-W", "error::RuntimeWarning"),
]


def run(folder, backend, num_devices, settings):
    out = folder / "results.npz"
    command = [sys.executable, *_WARNINGS, "-m", "integration_tests.micro_batch_worker"]
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [*command, str(num_devices), json.dumps(settings), str(out)],
        cwd=_REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    results = {}
    with np.load(out) as archive:
        for key in archive:
            name, value = key.split("/")
            results.setdefault(name, {})[value] = archive[key]
    return results


def assert_same(results, expected):
    assert results.keys() == expected.keys()
    for name, value in results.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-6, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("backend, num_devices", [("jax", 4), ("tensorflow", 2)])
def test_micro_batches_train_to_the_weights_of_the_whole_batch(tmp_path, backend, num_devices):
    runs = {
        "whole": {},
        "micro": {"micro_batch_size": 4},
        "chunked": {"micro_batch_size": 4, "chunk_size": 5},
    }
    results = run(tmp_path, backend, num_devices, {"tuning": "Uu", "runs": runs})
    assert not np.allclose(results["whole"]["loss"], 0)
    assert_same(results["micro"], results["whole"])
    assert_same(results["chunked"], results["whole"])


@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_dropout_drops_the_same_in_both_passes(tmp_path, backend):
    """The comparison keeps every micro-batch of the forward pass, so that nothing is run again."""
    runs = {
        "unrolled": {"unrolled": 3},
        "micro": {"micro_batch_size": 4},
        "whole": {},
    }
    if backend == "tensorflow":
        # Compiled, which JAX always is, it draws other masks from the same seed.
        runs["unrolled_jit"] = {"unrolled": 3, "jit_compile": True}
        runs["micro_jit"] = {"micro_batch_size": 4, "jit_compile": True}
    results = run(tmp_path, backend, 1, {"tuning": "Uu", "dropout": 0.5, "runs": runs})
    assert_same(results["micro"], results["unrolled"])
    if backend == "tensorflow":
        assert_same(results["micro_jit"], results["unrolled_jit"])
    # Dropout does something: the whole batch draws other masks.
    assert np.abs(results["whole"]["loss"] - results["micro"]["loss"]).max() > 1e-3
