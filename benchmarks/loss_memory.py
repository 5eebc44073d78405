"""Batch sizes -> time and peak memory of a loss's forward and backward pass, dense and chunked.

Every measurement is a fresh process, dense and chunked in turn, so that both meet the same machine.
Time is the CPU time of the fastest of some repeats, memory the growth of the process's peak.

Usage: KERAS_BACKEND=jax python -m benchmarks.loss_memory --batch_sizes 4096 8192 16384
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import resource
import statistics
import subprocess
import sys
import time

_RESULTS = pathlib.Path(__file__).resolve().parent / "results"
_LOSSES = ("softmax", "sigmoid")


def measure(loss, batch_size, dim, chunk_size, repeats):
    """Runs one loss in this process; prints a line of JSON."""
    import keras
    import numpy as np

    from keras_lit import losses
    from keras_lit.layers import SimilarityHead
    from tests.gradients import gradient_function

    random = np.random.default_rng(0)
    embeddings = random.normal(size=(2, batch_size, dim)).astype("float32")
    embeddings /= np.linalg.norm(embeddings, axis=-1, keepdims=True)
    images, texts = (keras.ops.convert_to_tensor(rows) for rows in embeddings)
    head = SimilarityHead(bias=-10.0 if loss == "sigmoid" else None)
    functions = {"softmax": losses.SoftmaxContrastiveLoss, "sigmoid": losses.SigmoidContrastiveLoss}
    pair_losses = functions[loss](chunk_size=chunk_size or None)
    if not chunk_size:
        pair_losses._choose_chunk_size = lambda num_columns: None  # Dense, however large.

    def total(images, texts):
        values, correct = pair_losses.pair_losses(images, texts, head)
        # The accuracy has no gradient, but training reports it, so its time counts.
        return keras.ops.mean(values) + keras.ops.mean(correct)

    run = gradient_function(total)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    value, _ = run(images, texts)
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        run(images, texts)
        seconds.append(time.process_time() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"loss": value, "seconds": seconds, "megabytes": (peak - before) / 1024}))


def run_fresh(loss, batch_size, chunk_size, options):
    """Measures in a fresh process."""
    arguments = ["--measure", loss, "--batch_sizes", batch_size, "--chunk_size", chunk_size]
    arguments += ["--dim", options.dim, "--repeats", options.repeats]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.loss_memory", *map(str, arguments)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def compare(options):
    """Measures all pairs; returns rows of the table."""
    rows = []
    for batch_size in options.batch_sizes:
        for loss in _LOSSES:
            dense, chunked = [], []
            for _ in range(options.rounds):
                dense.append(run_fresh(loss, batch_size, 0, options))
                chunked.append(run_fresh(loss, batch_size, options.chunk_size, options))
            ratios = [
                min(one["seconds"]) / min(other["seconds"])
                for one, other in zip(dense, chunked, strict=True)
            ]
            memory = [
                statistics.median(result["megabytes"] for result in results)
                for results in (dense, chunked)
            ]
            rows.append(
                {
                    "loss": loss,
                    "batch": batch_size,
                    "dense_seconds": min(min(result["seconds"]) for result in dense),
                    "chunked_seconds": min(min(result["seconds"]) for result in chunked),
                    "speed_ratio": statistics.median(ratios),
                    "speed_ratio_range": [min(ratios), max(ratios)],
                    "dense_megabytes": memory[0],
                    "chunked_megabytes": memory[1],
                    "memory_ratio": memory[1] / memory[0],
                    "value_difference": abs(dense[0]["loss"] - chunked[0]["loss"]),
                }
            )
            print(_line(rows[-1]), flush=True)
    return rows


_HEADER = (
    "| loss | batch | dense s | chunked s | chunked speed / dense (range) | dense MB | chunked MB "
    "| memory ratio |\n|---|---|---|---|---|---|---|---|"
)


def _line(row):
    low, high = row["speed_ratio_range"]
    return (
        f"| {row['loss']} | {row['batch']} | {row['dense_seconds']:.2f} "
        f"| {row['chunked_seconds']:.2f} | {row['speed_ratio']:.2f} ({low:.2f}-{high:.2f}) "
        f"| {row['dense_megabytes']:.0f} | {row['chunked_megabytes']:.0f} "
        f"| {row['memory_ratio']:.3f} |"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch_sizes", type=int, nargs="+", default=[1024, 4096, 8192, 16384])
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--chunk_size", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=2, help="in each process")
    parser.add_argument("--rounds", type=int, default=2, help="processes of each kind")
    parser.add_argument("--measure", choices=_LOSSES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        (batch_size,) = options.batch_sizes
        measure(options.measure, batch_size, options.dim, options.chunk_size, options.repeats)
        return
    import keras

    backend = keras.config.backend()
    setup = (
        f"{backend}, keras {keras.version()}, {platform.processor() or platform.machine()}, "
        f"{len(os.sched_getaffinity(0))} core(s), dim {options.dim}, chunk {options.chunk_size}, "
        f"{options.rounds} processes x {options.repeats} repeats, {datetime.date.today()}"
    )
    print(f"{setup}\n\n{_HEADER}", flush=True)
    rows = compare(options)
    _RESULTS.mkdir(exist_ok=True)
    table = "\n".join([f"# Loss, forward and backward\n\n{setup}\n", _HEADER, *map(_line, rows)])
    (_RESULTS / f"loss_memory_{backend}.md").write_text(table + "\n")
    (_RESULTS / f"loss_memory_{backend}.json").write_text(
        json.dumps({"setup": setup, "rows": rows}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
