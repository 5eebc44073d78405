"""Arguments of `keras-lit convert` -> what it prints, then its peak memory as a line of JSON.

Usage: python -m integration_tests.convert_worker SOURCE TARGET_PRESET --config=NAME

The memory is what the conversion adds to a process that has imported everything.
"""

import json
import pathlib
import re
import sys

import keras

import keras_lit.presets.statistics  # noqa: F401  Imports what the conversion needs.
from keras_lit.cli import main


def memory(name):
    """Returns `VmRSS`, the memory of this process now, or `VmHWM`, its peak, in bytes.

    `resource.getrusage` would count the parent's memory at the time of the fork, too.
    """
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) * 1024


if __name__ == "__main__":
    keras.Variable([1.0])  # starts the backend
    before = memory("VmRSS")
    try:
        main.run(["keras-lit", "convert", *sys.argv[1:]])
    finally:
        print(json.dumps({"peak_growth": memory("VmHWM") - before}))
