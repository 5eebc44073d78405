"""The parity table, after the tests that fill it; garbage collection that leaves modules alone."""

import gc

from tests import parity_table


def pytest_collection_finish():
    # A million objects of TensorFlow, JAX and Keras live as long as the process: not to be searched
    # for garbage again and again.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def pytest_terminal_summary(terminalreporter):
    if parity_table.RESULTS:
        terminalreporter.section("parity with the original")
        for line in parity_table.lines():
            terminalreporter.write_line(line)
