"""Batch sizes, widths, numbers of devices -> bytes per device and exchanged, from compiled steps.

One is varied at a time around a small model: ViT and text transformer of size Ti (width 192), 6
layers each, images of 96 x 96, batch 1,024, 4 devices, data parallel. Steps are compiled by JAX for
virtual devices of this machine and never run, so that no figure depends on what else it does.

Usage: python -m benchmarks.growth
"""

import argparse
import json
import os
import subprocess
import sys

from benchmarks import measure

WIDTHS = {"Ti": 192, "S": 384, "B": 768}
DEFAULTS = {"size": "Ti", "batch_size": 1024, "devices": 4, "layout": "data_parallel"}
VARIED = {
    "batch_size": (512, 1024, 2048, 4096),
    "size": tuple(WIDTHS),
    "devices": (1, 2, 4, 8),
}


def plan(size, batch_size, devices, layout):
    """Returns the numbers of `benchmarks.memory_plan`, from a process of its own."""
    arguments = ["--json", "--image", f"vit_{size}16", "--text", size, "--layout", layout]
    arguments += ["--image_size", "96", "--image_layers", "6", "--text_layers", "6"]
    arguments += ["--text_length", "16", "--vocabulary_size", "8192"]
    arguments += ["--batch_size", str(batch_size), "--devices", str(devices)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory_plan", *arguments],
        env={**os.environ, "KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    return json.loads(done.stdout.splitlines()[-1])


def settings():
    """Returns the settings to plan, each once, in the order of the table."""
    chosen = []
    for name, values in VARIED.items():
        chosen += [{**DEFAULTS, name: value} for value in values]
    chosen += [{**DEFAULTS, "layout": "fully_sharded", "devices": n} for n in (4, 8)]
    return [one for index, one in enumerate(chosen) if one not in chosen[:index]]


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    rows, records = [], []
    for setting in settings():
        numbers = plan(**setting)
        records.append({**setting, **numbers})
        megabytes = [
            numbers[f"{kind}_bytes_per_device"] / 1e6
            for kind in ("weight", "optimizer", "batch", "step", "exchanged")
        ]
        rows.append(
            [
                f"batch {setting['batch_size']:,}, width {WIDTHS[setting['size']]}, "
                f"{setting['devices']} device(s), {setting['layout']}",
                *(f"{size:,.1f}" for size in megabytes),
            ]
        )
        print(*rows[-1], sep=" | ", flush=True)
    header = ["MB per device", "weights", "optimizer", "batch", "step", "received"]
    setup = (
        f"{measure.describe_machine('keras', 'jax')}; locked full step, Adafactor, compiled for "
        "virtual CPU devices, not run."
    )
    measure.write_results("growth", "How cost grows", setup, [measure.table(header, rows)], records)


if __name__ == "__main__":
    main()
