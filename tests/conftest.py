"""What all unit tests share: quick steps, quick garbage collection, and the parity table."""

import gc

import keras
import pytest

from keras_lit import distribution
from tests import parity_table


@pytest.fixture(autouse=True, scope="module")
def quick_steps(request):
    """Leaves XLA off by default on TensorFlow: it compiles for longer than few tiny steps take.

    A module marked `compiled` has the default of users.
    """
    with pytest.MonkeyPatch.context() as patch:
        if keras.config.backend() == "tensorflow" and not request.node.get_closest_marker(
            "compiled"
        ):
            patch.setattr(distribution, "choose_jit_compile", lambda model: False)
        yield


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
