"""Errors against the original's fixtures -> one table, printed after the tests."""

import numpy as np

# Row -> ({output: max abs error}, tolerance).
RESULTS = {}


def record(row, errors, tolerance):
    """Adds a row of the table; the caller asserts."""
    RESULTS[row] = (errors, tolerance)


def assert_equal(row, output, computed, expected):
    """Asserts that arrays are equal, and adds what it found to a row of the table."""
    computed, expected = np.asarray(computed), np.asarray(expected)
    errors, _ = RESULTS.setdefault(row, ({}, 0))
    same_shape = computed.shape == expected.shape
    error = float(np.max(np.abs(computed - expected))) if same_shape else np.inf
    errors[output] = max(errors.get(output, 0.0), error)
    np.testing.assert_array_equal(computed, expected, f"{row} {output}")


def lines():
    """Returns the lines of the table."""
    rows = [
        (row, f"{max(errors.values()):.1e}", f"{tolerance:.0e}", ", ".join(sorted(errors)))
        for row, (errors, tolerance) in RESULTS.items()
    ]
    table = [("fixture", "max abs error", "tolerance", "outputs compared"), *rows]
    widths = [max(len(row[column]) for row in table) for column in range(3)]
    return [
        "  ".join([*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[3]])
        for row in table
    ]
