"""Two devices train to the weights of one, clipped by the norm of the global batch's gradient."""

import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

from tests.optimizers import replicas_worker

_REPOSITORY = pathlib.Path(__file__).resolve().parent.parent.parent


@pytest.mark.skipif(keras.config.backend() == "torch", reason="torch trains on one device here")
def test_two_devices_train_to_the_weights_of_one(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tests.optimizers.replicas_worker", tmp_path / "two.npz"],
        cwd=_REPOSITORY,
        env={**os.environ, "KERAS_BACKEND": keras.config.backend()},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    expected = replicas_worker.train()
    with np.load(tmp_path / "two.npz") as weights:
        assert weights.keys() == expected.keys()
        for name, value in weights.items():
            if name.endswith("key/bias"):  # a gradient of nothing but rounding errors
                continue
            np.testing.assert_allclose(value, expected[name], rtol=0, atol=5e-6, err_msg=name)
