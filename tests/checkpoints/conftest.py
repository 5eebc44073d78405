"""Models without random weights for the tests."""

import keras
import numpy as np
import pytest

_RANDOM = ("RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling")


@pytest.fixture(autouse=True)
def nan_instead_of_random_weights(monkeypatch):
    """Makes every variable that a conversion forgets visible, and saves JAX many compilations."""

    def fill(self, shape, dtype=None):
        return keras.ops.convert_to_tensor(np.full(shape, np.nan, dtype or "float32"))

    for name in _RANDOM:
        monkeypatch.setattr(getattr(keras.initializers, name), "__call__", fill)
