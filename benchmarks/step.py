"""Two towers and a batch -> seconds per step of locked-image text tuning, ours against others.

The full step runs the locked image tower, the cached one starts from its embeddings. Every
contender trains the same model with Adam on the same batches, ours through `fit`. Contenders whose
packages are not installed are left out: `pip install 'keras-lit[benchmark]'` has them all.

Usage: python -m benchmarks.step [--rounds 7] [--repeats 3] [--cores 1]
"""

import argparse
import dataclasses
import importlib

from benchmarks import measure

STEPS = ("full", "cached")
CONTENDERS = {
    "keras_lit on JAX": ("keras_lit", {"KERAS_BACKEND": "jax"}, ("jax",)),
    "keras_lit on TensorFlow": ("keras_lit", {"KERAS_BACKEND": "tensorflow"}, ("tensorflow",)),
    "JAX, by hand": ("jax", {}, ("jax",)),
    "open_clip": ("open_clip", {}, ("torch", "open_clip")),
    "transformers": ("transformers", {}, ("torch", "transformers")),
}


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Sizes of both towers, which have the same transformer."""

    image_size: int = 96
    patch_size: int = 16
    num_tokens: int = 16
    vocabulary_size: int = 8192
    width: int = 192
    num_layers: int = 6
    batch_size: int = 128

    @property
    def num_heads(self):
        return self.width // 64

    @property
    def mlp_dim(self):
        return 4 * self.width


def make_batches(sizes, step):
    """Returns a few random batches, dicts of NumPy arrays."""
    import numpy as np

    random = np.random.default_rng(0)

    def batch():
        token_ids = random.integers(0, sizes.vocabulary_size, (sizes.batch_size, sizes.num_tokens))
        pairs = {"token_ids": token_ids.astype("int32")}
        if step == "full":
            shape = (sizes.batch_size, sizes.image_size, sizes.image_size, 3)
            return {**pairs, "images": random.uniform(-1, 1, shape).astype("float32")}
        embeddings = random.normal(size=(sizes.batch_size, sizes.width)).astype("float32")
        embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
        return {**pairs, "image_embeddings": embeddings}

    return [batch() for _ in range(4)]


def work(kind, step, sizes):
    """Trains one contender in this process, as the process that started it asks."""
    measure.limit_cores()
    module = importlib.import_module(f"benchmarks.baselines.{kind}_step")
    module.train(sizes, make_batches(sizes, step), measure.Requests().step_done)


def compare(step, num_cores, sizes, options):
    """Returns a record of one step: each contender's numbers, and its speed against the others."""
    contenders = {}
    for name in options.contenders:
        kind, environment, packages = CONTENDERS[name]
        has_step = step == "full" or kind != "transformers"
        if has_step and measure.is_installed(name, *packages):
            arguments = ["--work", kind, "--steps", step]
            for field in dataclasses.fields(sizes):
                arguments += [f"--{field.name}", getattr(sizes, field.name)]
            contenders[name] = measure.Contender(
                "benchmarks.step", arguments, num_cores, environment
            )
    times = measure.take_turns(contenders, options.rounds, options.repeats)
    numbers = {}
    for name, answers in times.items():
        numbers[name] = measure.summary_of_answers(answers)
        for kind in ("wall", "cpu"):
            numbers[name][f"{kind}_speed_against"] = {
                other: measure.speed_ratio(times, name, other, kind) for other in times
            }
    return {"step": step, "num_cores": num_cores, "contenders": numbers}


def table_of(record):
    """Returns a record's Markdown table: times, and ratios to the peers by wall and CPU time."""
    numbers = record["contenders"]
    peers = [name for name in ("JAX, by hand", "open_clip", "transformers") if name in numbers]
    header = [f"{record['step']} step, {record['num_cores']} core(s)", "ms per step", "CPU ms"]
    header += [f"speed / {peer}: {kind}" for peer in peers for kind in ("wall", "CPU")]
    rows = []
    for name, values in numbers.items():
        times = [f"{1000 * values[kind]['median']:,.0f}" for kind in ("wall", "cpu")]
        ratios = [
            measure.ratio_text(values[f"{kind}_speed_against"][peer])
            for peer in peers
            for kind in ("wall", "cpu")
        ]
        rows.append([name, *times, *ratios])
    return measure.table(header, rows)


def cached_gains(records):
    """Returns a table of how many steps on stored embeddings take the time of one full step."""
    rows = []
    for full in (record for record in records if record["step"] == "full"):
        for cached in (record for record in records if record["step"] == "cached"):
            if full["num_cores"] == cached["num_cores"]:
                for name in full["contenders"].keys() & cached["contenders"].keys():
                    gains = [
                        full["contenders"][name][kind]["median"]
                        / cached["contenders"][name][kind]["median"]
                        for kind in ("wall", "cpu")
                    ]
                    rows.append([name, full["num_cores"], *(f"{gain:.2f}" for gain in gains)])
    return measure.table(["full / cached", "cores", "wall", "CPU"], sorted(rows, key=str))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--repeats", type=int, default=3, help="steps of each contender in a round")
    parser.add_argument("--cores", type=int, nargs="+", help="by default 1, and all")
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS)
    parser.add_argument("--name", default="step", help="of the files of results")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    fields = dataclasses.fields(Sizes)
    for field in fields:
        parser.add_argument(f"--{field.name}", type=int, default=field.default)
    options = parser.parse_args()
    sizes = Sizes(**{field.name: getattr(options, field.name) for field in fields})
    if options.work:
        return work(options.work, options.steps[0], sizes)
    records = []
    for num_cores in options.cores or sorted({1, measure.num_cores()}):
        for step in options.steps:
            records.append(compare(step, num_cores, sizes, options))
            print(table_of(records[-1]), flush=True)
    packages = ("keras", "jax", "tensorflow", "torch", "open_clip_torch", "transformers")
    setup = (
        f"{measure.describe_machine(*packages)}; {sizes}; {options.rounds} rounds x "
        f"{options.repeats} steps: medians, and of ratios (smallest-largest)."
    )
    tables = [*map(table_of, records), cached_gains(records)]
    measure.write_results(options.name, "Training step", setup, tables, records)


if __name__ == "__main__":
    main()
