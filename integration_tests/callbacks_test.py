"""Callbacks of evaluation during `fit` on several devices, in fresh processes."""

import json

import pytest

from integration_tests import configurations


@pytest.fixture(scope="module")
def results():
    """What the worker printed on each backend; both run at once."""
    processes = {
        backend: configurations.start("callbacks_worker", backend)
        for backend in ("jax", "tensorflow")
    }
    return {
        backend: json.loads(configurations.finish(process).splitlines()[-1])
        for backend, process in processes.items()
    }


@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_two_devices_measure_what_one_computes(results, backend):
    result = results[backend]
    assert result["measured"] == pytest.approx(result["expected"])
    assert result["steps"] == [[2, 4], [2, 4]]
    assert min(result["seconds"]) > 0
