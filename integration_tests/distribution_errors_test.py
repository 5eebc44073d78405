"""Mistakes that would train silently to other numbers on several devices: each raises."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_mistakes_on_two_devices_raise(backend):
    process = subprocess.run(
        [sys.executable, "-m", "integration_tests.distribution_errors_worker"],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
