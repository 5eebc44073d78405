"""Models without random weights for the tests; the parity table after them."""

import sys

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


def pytest_terminal_summary(terminalreporter):
    parity = sys.modules.get("tests.checkpoints.parity_test")
    if parity is None or not parity.RESULTS:
        return
    terminalreporter.section("parity with the original")
    rows = [
        (fixture, f"{max(errors.values()):.1e}", f"{tolerance:.0e}", ", ".join(sorted(errors)))
        for fixture, (errors, tolerance) in parity.RESULTS.items()
    ]
    header = ("fixture", "max abs error", "tolerance", "outputs compared")
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(3)]
    for row in [header, *rows]:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        terminalreporter.write_line("  ".join([*cells, row[3]]))
