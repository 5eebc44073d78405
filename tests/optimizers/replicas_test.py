"""Two devices train to the weights of one, clipped by the norm of the global batch's gradient."""

import os
import pathlib
import subprocess
import sys

import keras
import numpy as np

_REPOSITORY = pathlib.Path(__file__).resolve().parent.parent.parent


def run(folder, num_devices):
    out = folder / f"{num_devices}.npz"
    command = [sys.executable, "-m", "tests.optimizers.replicas_worker", str(num_devices), out]
    environment = {**os.environ, "KERAS_BACKEND": keras.config.backend()}
    done = subprocess.run(command, cwd=_REPOSITORY, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    with np.load(out) as weights:
        return dict(weights)


def test_two_devices_train_to_the_weights_of_one(tmp_path):
    expected, weights = run(tmp_path, 1), run(tmp_path, 2)
    assert weights.keys() == expected.keys()
    for name, value in weights.items():
        if name.endswith("key/bias"):  # a gradient of nothing but rounding errors
            continue
        np.testing.assert_allclose(value, expected[name], rtol=0, atol=5e-6, err_msg=name)
