"""One script, every backend and device count: the same losses and weights after 20 steps.

Each configuration is a fresh process of `train_worker.py`; `pytest -s` prints the table.
"""

import os
import subprocess
import sys

import numpy as np
import pytest

from integration_tests.train_worker import BATCH_SIZE, NUM_STEPS

CONFIGURATIONS = [("jax", 1), ("jax", 4), ("tensorflow", 1), ("tensorflow", 2)]
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Runs every configuration, two at a time, and returns its arrays."""
    folder = tmp_path_factory.mktemp("results")
    found = {}
    for first in range(0, len(CONFIGURATIONS), 2):
        running = {}
        for backend, devices in CONFIGURATIONS[first : first + 2]:
            path = folder / f"{backend}_{devices}.npz"
            running[backend, devices, path] = subprocess.Popen(
                [sys.executable, "-m", "integration_tests.train_worker", str(devices), str(path)],
                env={**os.environ, "KERAS_BACKEND": backend},
                stderr=subprocess.PIPE,
                text=True,
            )
        for (backend, devices, path), process in running.items():
            _, errors = process.communicate()
            assert process.returncode == 0, errors
            with np.load(path) as arrays:
                found[backend, devices] = dict(arrays)
    return found


def differences(result, reference):
    """Largest relative difference of a loss, and largest absolute difference of a weight."""
    losses = np.abs(result["losses"] / reference["losses"] - 1).max()
    weights = [name for name in reference if name.startswith("weight ")]
    assert [name for name in result if name.startswith("weight ")] == weights
    # The true gradient of a key's bias is 0, and Adam makes steps of the rounding noise in it.
    weights = [name for name in weights if not name.endswith("key/bias")]
    return losses, max(np.abs(result[name] - reference[name]).max() for name in weights)


def test_same_losses_and_weights(results):
    reference = results["jax", 1]
    print(f"\n{'configuration':20s}{'loss':>12s}{'weights':>12s}  locked bytes equal")
    worst = 0
    for (backend, devices), result in results.items():
        loss, weight = differences(result, reference)
        print(f"{backend} x {devices:<12d}{loss:12.1e}{weight:12.1e}  ", end="")
        print("yes" if result["locked_bytes_equal"] else "NO")
        worst = max(worst, loss, weight)
        assert result["locked_bytes_equal"]
        assert len(result["losses"]) == NUM_STEPS
    assert worst <= TOLERANCE


def test_the_first_loss_is_that_of_the_global_batch_in_numpy(results):
    for result in results.values():
        logits = 10 * result["image_embeddings"].astype("float64") @ result["text_embeddings"].T
        assert logits.shape == (BATCH_SIZE, BATCH_SIZE)
        losses = [np.log(np.exp(rows).sum(1)) - np.diag(rows) for rows in (logits, logits.T)]
        np.testing.assert_allclose(result["losses"][0], np.mean(losses), rtol=TOLERANCE)
        assert result["losses"][-1] != result["losses"][0]
