"""CPU seconds of `import keras_lit` in a fresh process, against `import keras`.

Usage: python -m benchmarks.import_time [--rounds 7]
"""

import argparse
import os
import resource
import subprocess
import sys

from benchmarks import measure

STATEMENTS = {"keras": "import keras", "keras_lit": "import keras_lit"}


def seconds(statement, backend):
    """Returns the CPU seconds of a process that runs one statement."""

    def used():
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return children.ru_utime + children.ru_stime

    before = used()
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run(
        [sys.executable, "-c", statement], env=environment, stderr=subprocess.DEVNULL, check=True
    )
    return used() - before


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--backends", nargs="+", default=["jax", "tensorflow"])
    options = parser.parse_args()
    rows, numbers = [], {}
    for backend in options.backends:
        for statement in STATEMENTS.values():
            seconds(statement, backend)  # Files are read from the disk once.
        times = [
            {name: seconds(statement, backend) for name, statement in STATEMENTS.items()}
            for _ in range(options.rounds)
        ]
        numbers[backend] = {name: measure.summary(t[name] for t in times) for name in STATEMENTS}
        ratio = measure.summary(t["keras_lit"] / t["keras"] for t in times)
        numbers[backend]["ratio"] = ratio
        medians = [f"{numbers[backend][name]['median']:.2f}" for name in STATEMENTS]
        rows.append([backend, *medians, measure.ratio_text(ratio)])
    setup = (
        f"{measure.describe_machine('keras', 'jax', 'tensorflow')}; CPU seconds of a process, "
        f"{options.rounds} rounds: medians (smallest-largest)."
    )
    header = ["backend", "import keras", "import keras_lit", "ratio"]
    measure.write_results(
        "import_time", "Import time", setup, [measure.table(header, rows)], numbers
    )


if __name__ == "__main__":
    main()
