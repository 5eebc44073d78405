"""Micro-batches against whole batches: the same losses and weights, in fresh processes."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from integration_tests import configurations

_REPOSITORY = pathlib.Path(__file__).resolve().parent.parent

_WARNINGS = [
    # Deprecations inside the backends are theirs; what Keras warns of is a UserWarning.
    *("-W", "error::UserWarning"),
    *("-W", "error::RuntimeWarning"),
]


def run(folder, backend, num_devices, runs):
    out = folder / "results.npz"
    command = [sys.executable, *_WARNINGS, "-m", "integration_tests.micro_batch_worker"]
    done = subprocess.run(
        [*command, str(num_devices), json.dumps(runs), str(out)],
        cwd=_REPOSITORY,
        env=configurations.environment(backend),
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
    micro, dropout = {"micro_batch_size": 4}, {"devices": ["cpu:0"], "dropout": 0.5}
    runs = {
        "whole": {},
        "micro": micro,
        "chunked": {**micro, "chunk_size": 5},
        # With dropout, on one device. What is unrolled keeps every micro-batch of the forward pass,
        # so that nothing is run again, and nothing can drop differently.
        "whole dropout": dropout,
        "micro dropout": {**dropout, **micro},
        "unrolled dropout": {**dropout, "unrolled": 3},
    }
    if backend == "tensorflow":
        # Compiled, which JAX always is, it draws other masks from the same seed.
        compiled = {**dropout, "jit_compile": True}
        runs["micro dropout compiled"] = {**compiled, **micro}
        runs["unrolled dropout compiled"] = {**compiled, "unrolled": 3}
    results = run(tmp_path, backend, num_devices, runs)
    assert not np.allclose(results["whole"]["loss"], 0)
    assert_same(results["micro"], results["whole"])
    assert_same(results["chunked"], results["whole"])
    for name in results:
        if name.startswith("unrolled"):
            assert_same(results[name.replace("unrolled", "micro")], results[name])
    # Dropout does something: the whole batch draws other masks.
    whole, micro = results["whole dropout"]["loss"], results["micro dropout"]["loss"]
    assert np.abs(whole - micro).max() > 1e-3
