"""A run that is killed in the middle of an epoch and started again ends as one that is not."""

import signal

import numpy as np
import pytest

from integration_tests import configurations


@pytest.mark.parametrize(
    "backend, devices",
    [
        ("jax", 1),
        pytest.param("jax", 2, marks=pytest.mark.all_configurations),
        pytest.param("tensorflow", 2, marks=pytest.mark.all_configurations),
    ],
)
def test_a_killed_run_ends_with_the_same_weights(tmp_path, backend, devices):
    worker = ("resume_worker", backend, devices, tmp_path)
    killed = configurations.start(*worker)
    _, errors = killed.communicate(timeout=900)
    assert killed.returncode == -signal.SIGKILL, errors[-4000:]
    configurations.finish(configurations.start(*worker, tmp_path / "weights.npz"))
    with np.load(tmp_path / "weights.npz") as arrays:
        names = [name.split()[1] for name in arrays if name.startswith("whole ")]
        assert names
        for name in names:
            resumed, whole = arrays[f"resumed {name}"], arrays[f"whole {name}"]
            if devices == 1:
                np.testing.assert_array_equal(resumed, whole)
            else:
                np.testing.assert_allclose(resumed, whole, rtol=0, atol=1e-6)
