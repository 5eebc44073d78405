"""Batch sizes -> time and peak memory of a loss and its gradients: dense, chunked, open_clip's.

The inputs are unit-norm embeddings of images and texts, the outputs the mean loss, the accuracy and
the gradients of both. Our losses are compiled, as in `LiTModel.fit`; open_clip's has no accuracy.

Usage: python -m benchmarks.losses [--batch_sizes 1024 16384] [--backends jax] [--rounds 3]
"""

import argparse

from benchmarks import measure

LOSSES = ("softmax", "sigmoid")
KINDS = ("dense", "chunked", "chosen", "open_clip")


def work(options):
    """Computes one loss in this process, as the process that started it asks."""
    measure.limit_cores()
    import numpy as np

    (batch_size,), (loss,) = options.batch_sizes, options.losses
    random = np.random.default_rng(0)
    images, texts = random.standard_normal((2, batch_size, options.dim), "float32")
    for rows in (images, texts):
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    run = open_clip_loss(loss) if options.work == "open_clip" else our_loss(loss, options)
    measure.serve(run(images, texts))


def our_loss(loss, options):
    import keras

    from benchmarks.baselines.gradients import compiled_gradients
    from keras_lit import losses
    from keras_lit.layers import SimilarityHead

    classes = {"softmax": losses.SoftmaxContrastiveLoss, "sigmoid": losses.SigmoidContrastiveLoss}
    contrastive_loss = classes[loss](options.chunk_size if options.work == "chunked" else None)
    if options.work == "dense":
        contrastive_loss._choose_chunk_size = lambda num_columns: None  # However large.
    head = SimilarityHead(bias=-10.0 if loss == "sigmoid" else None)

    def total(images, texts):
        values, correct = contrastive_loss.pair_losses(images, texts, head)
        # The accuracy has no gradient, but training reports it, so its time counts.
        return keras.ops.mean(values) + keras.ops.mean(correct)

    return lambda *arrays: compiled_gradients(total, *arrays)


def open_clip_loss(loss):
    import open_clip
    import torch

    torch.set_num_threads(measure.num_cores())
    compute = {"softmax": open_clip.ClipLoss, "sigmoid": open_clip.loss.SigLipLoss}[loss]()

    def run(images, texts):
        tensors = [torch.from_numpy(rows).requires_grad_() for rows in (images, texts)]
        bias = {"logit_bias": torch.tensor(-10.0)} if loss == "sigmoid" else {}

        def step():
            value = compute(*tensors, torch.tensor(10.0), **bias)
            torch.autograd.grad(value, tensors)
            return value.item()

        return step

    return run


def contenders_of(backend, batch_size, loss, options):
    """Returns a function that starts each contender, by its name."""
    free = measure.free_gigabytes()

    def start(kind):
        arguments = ["--work", kind, "--losses", loss, "--batch_sizes", batch_size]
        arguments += ["--dim", options.dim, "--chunk_size", options.chunk_size]
        return measure.Contender(
            "benchmarks.losses", arguments, num_cores=1, environment={"KERAS_BACKEND": backend}
        )

    # The largest number of matrices of logits that were seen at once.
    needed = {"dense": 4, "open_clip": 5, "chunked": 1, "chosen": 1}
    chosen = {}
    for kind in options.kinds:
        gigabytes = needed[kind] * 4 * batch_size**2 / 1e9
        if free is not None and kind in ("dense", "open_clip") and gigabytes > free / 2:
            print(f"{kind} at {batch_size}: left out, needs about {gigabytes:.0f} GB.", flush=True)
        elif kind != "open_clip" or measure.is_installed("open_clip", "torch", "open_clip"):
            chosen[kind] = start(kind)
    return chosen


def compare(backend, batch_size, loss, options):
    """Returns a record of one loss at one batch size."""
    contenders = contenders_of(backend, batch_size, loss, options)
    times = measure.take_turns(contenders, options.rounds, options.repeats)
    record = {"backend": backend, "loss": loss, "batch_size": batch_size, "kinds": {}}
    for kind, answers in times.items():
        numbers = measure.summary_of_answers(answers)
        for other in times:
            numbers[f"speed_against_{other}"] = measure.speed_ratio(times, kind, other, "cpu")
        record["kinds"][kind] = numbers
    return record


HEADER = [
    "loss, backend",
    "batch",
    "path",
    "CPU s",
    "MB",
    "memory / dense",
    "speed / dense",
    "speed / open_clip",
]


def rows_of(record):
    """Returns the record's rows of the table."""
    kinds = record["kinds"]
    rows = []
    for kind, numbers in kinds.items():
        memory = "-"
        if "dense" in kinds and numbers["megabytes"]:
            ratio = numbers["megabytes"]["median"] / kinds["dense"]["megabytes"]["median"]
            memory = f"1/{1 / ratio:.1f}"
        speeds = [
            measure.ratio_text(numbers[f"speed_against_{other}"]) if other in kinds else "-"
            for other in ("dense", "open_clip")
        ]
        megabytes = numbers["megabytes"]
        rows.append(
            [
                f"{record['loss']}, {record['backend']}",
                record["batch_size"],
                kind,
                f"{numbers['cpu']['median']:.3f}",
                f"{megabytes['median']:,.0f}" if megabytes else "-",
                memory,
                *speeds,
            ]
        )
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sizes = [1024, 2048, 4096, 8192, 16384, 32768]
    parser.add_argument("--batch_sizes", type=int, nargs="+", default=sizes)
    parser.add_argument("--losses", nargs="+", choices=LOSSES, default=LOSSES)
    parser.add_argument("--backends", nargs="+", default=["jax", "tensorflow"])
    parser.add_argument(
        "--kinds", nargs="+", choices=KINDS, default=["dense", "chunked", "open_clip"]
    )
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--chunk_size", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", choices=KINDS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        return work(options)
    records = []
    for batch_size in options.batch_sizes:
        for loss in options.losses:
            for backend in options.backends:
                records.append(compare(backend, batch_size, loss, options))
                print(measure.table(HEADER, rows_of(records[-1])), flush=True)
    setup = (
        measure.describe_machine("keras", "jax", "tensorflow", "torch", "open_clip_torch")
        + f"; one core, dim {options.dim}, chunks of {options.chunk_size}, {options.rounds} rounds "
        f"x {options.repeats} repeats: medians, and of ratios (smallest-largest)."
    )
    tables = [measure.table(HEADER, [row for record in records for row in rows_of(record)])]
    measure.write_results("losses", "Loss and gradients", setup, tables, records)


if __name__ == "__main__":
    main()
