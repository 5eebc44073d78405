"""The parity table, after the tests that fill it."""

from tests import parity_table


def pytest_terminal_summary(terminalreporter):
    if parity_table.RESULTS:
        terminalreporter.section("parity with the original")
        for line in parity_table.lines():
            terminalreporter.write_line(line)
