"""Preset and benchmarks -> a table, and a report to open in a browser.

    python examples/evaluate_preset.py --preset=lit_b16b --benchmarks=imagenet_v2,coco
    python examples/evaluate_preset.py --preset=runs/demo/lit_emoji --benchmarks=emoji_names

The same as `keras-lit evaluate`, as a script to change: other benchmarks than the registry's, other
templates, a model that is no preset. Embeddings are stored in --output, so that it can be stopped
at any time and goes on from there.
"""

import dataclasses
import pathlib

from absl import app, flags

import keras_lit
from keras_lit.evaluation import (
    DataUnavailable,
    Report,
    ZeroShotBenchmark,
    evaluate_benchmark,
    get_benchmark,
    model_card,
)

_PRESET = flags.DEFINE_string("preset", "lit_b16b", "Name or folder of a preset.")
_BENCHMARKS = flags.DEFINE_list("benchmarks", ["cifar10", "coco"], "Names from the registry.")
_TEMPLATES = flags.DEFINE_string("templates", None, "Other templates, e.g. 'clip_best'.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of TensorFlow Datasets.")
_OUTPUT = flags.DEFINE_string("output", "evaluation", "Folder to write.")


def choose(name):
    """Returns a benchmark of the registry, with --templates where it has templates."""
    benchmark = get_benchmark(name)
    if _TEMPLATES.value and isinstance(benchmark, ZeroShotBenchmark):
        return dataclasses.replace(benchmark, templates=_TEMPLATES.value)
    return benchmark


def evaluate(model, names, folder):
    """Returns the results of all benchmarks whose data can be had."""
    results = []
    for name in names:
        try:
            result = evaluate_benchmark(
                model, choose(name), folder / "embeddings", data_dir=_DATA_DIR.value
            )
        except DataUnavailable as error:
            print(f"{name}: {error}")
            continue
        results.append(result)
    return results


def main(_):
    keras_lit.distribution.data_parallel()
    model = keras_lit.LiTModel.from_preset(_PRESET.value)
    folder = pathlib.Path(_OUTPUT.value)
    results = evaluate(model, _BENCHMARKS.value, folder)
    if not results:
        raise app.UsageError("Of none of --benchmarks can the data be had; see above.")
    card = model_card(model, preset=_PRESET.value)
    report = Report(_PRESET.value, results, card, data_dir=_DATA_DIR.value)
    print(report.markdown())
    print(f"Written to {report.save(folder / 'report.html')}.")


if __name__ == "__main__":
    app.run(main)
