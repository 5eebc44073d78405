"""A batch and a micro-batch size -> time and peak memory of a step, against the step at once.

The full locked step of `benchmarks.step` with a batch of 1,024, through `fit`. Memory is the peak
of the process beyond what it held before it built the model, what compiling freed left out; and
beyond what it held before the step, which says nothing of a backend that keeps its memory.

Usage: python -m benchmarks.micro_batches [--batch_size 1024] [--micro_batch_size 64]
"""

import argparse
import dataclasses

from benchmarks import measure, step

PLAIN = "whole batch"
MEMORY = {"megabytes": "peak MB", "step_megabytes": "of it beyond what is held between steps"}


def work(options):
    """Trains in this process, as the process that started it asks."""
    measure.limit_cores()
    from benchmarks.baselines import keras_lit_step

    sizes = dataclasses.replace(step.Sizes(), batch_size=options.batch_size)
    batches = step.make_batches(sizes, options.step)[:1]
    requests = measure.Requests(warm_up=1)
    micro_batch_size = options.micro_batch_size if options.work == "micro" else None
    keras_lit_step.train(sizes, batches, requests.step_done, micro_batch_size=micro_batch_size)


def compare(backend, options):
    """Returns the numbers of the plain and the micro-batched step by name."""

    def start(kind):
        arguments = ["--work", kind, "--step", options.step, "--batch_size", options.batch_size]
        arguments += ["--micro_batch_size", options.micro_batch_size]
        return measure.Contender(
            "benchmarks.micro_batches", arguments, options.cores, {"KERAS_BACKEND": backend}
        )

    micro = f"micro-batches of {options.micro_batch_size}"
    times = measure.take_turns(
        {PLAIN: start("plain"), micro: start("micro")}, options.rounds, options.repeats
    )
    numbers = {}
    for name, answers in times.items():
        numbers[name] = measure.summary_of_answers(answers)
        numbers[name]["time_ratio"] = measure.speed_ratio(times, PLAIN, name, "cpu")
    return numbers


def rows_of(backend, numbers):
    for name, values in numbers.items():
        yield [
            f"{backend}, {name}",
            f"{values['cpu']['median']:.2f}",
            measure.ratio_text(values["time_ratio"]),
            *(memory_text(values[kind], numbers[PLAIN][kind]) for kind in MEMORY),
        ]


def memory_text(memory, plain):
    """`123 (1/4.5)`: megabytes, and what part they are of those of the step at once."""
    if memory is None:
        return "-"
    return f"{memory['median']:,.0f} (1/{plain['median'] / max(1, memory['median']):.1f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch_size", type=int, default=1024)
    parser.add_argument("--micro_batch_size", type=int, default=64)
    parser.add_argument("--step", choices=step.STEPS, default="full")
    parser.add_argument("--backends", nargs="+", default=["jax", "tensorflow"])
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--work", choices=("plain", "micro"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        return work(options)
    numbers = {backend: compare(backend, options) for backend in options.backends}
    rows = [row for backend in numbers for row in rows_of(backend, numbers[backend])]
    setup = (
        f"{measure.describe_machine('keras', 'jax', 'tensorflow')}; {options.step} step, "
        f"{step.Sizes(batch_size=options.batch_size)}, {options.cores} core(s), "
        f"{options.rounds} rounds x {options.repeats} steps: medians (smallest-largest)."
    )
    header = ["step", "CPU s", "time / whole batch", *MEMORY.values()]
    measure.write_results(
        "micro_batches", "Micro-batches", setup, [measure.table(header, rows)], numbers
    )


if __name__ == "__main__":
    main()
