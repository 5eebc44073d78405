"""Arguments of `keras-lit convert` -> what it prints, then its peak memory as a line of JSON.

Usage: python -m integration_tests.convert_worker SOURCE TARGET_PRESET --config=NAME

The memory is what the conversion adds to a process that has imported everything.
"""

import json
import os
import resource
import sys

import keras

import keras_lit.presets.statistics  # noqa: F401  Imports what the conversion needs.
from keras_lit.cli import main


def resident_bytes():
    """Memory of this process now."""
    with open("/proc/self/statm") as statistics:
        return int(statistics.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    keras.Variable([1.0])  # starts the backend
    before = resident_bytes()
    try:
        main.run(["keras-lit", "convert", *sys.argv[1:]])
    finally:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({"peak_growth": peak - before}))
