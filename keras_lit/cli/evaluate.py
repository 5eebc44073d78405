"""keras-lit evaluate PRESET: a model on published benchmarks, beside the paper's figures.

PRESET is the name or folder of a preset. --benchmarks lists names of
keras_lit.evaluation.benchmarks, or their beginnings where only one begins so: imagenet,
imagenet_v2, imagenet_a, imagenet_r, imagenet_real, objectnet, cifar10, cifar100, oxford_iiit_pet,
caltech101, dtd, flowers102, svhn, sun397, resisc45, eurosat, food101; with class names in another
language imagenet_ar, imagenet_it, imagenet_ja, imagenet_zh; for retrieval coco_captions,
flickr30k, crossmodal3600_de (one for each of 36 languages). emoji_names and emoji_groups, of the
demo, need no download.

Writes the HTML file that --report names, and beside it the same numbers as .md, .json and .csv.
Embeddings are stored beside it too: it can be stopped at any time (Ctrl-C), and the same command
goes on from there. If the data of a benchmark cannot be had, the others are evaluated, and how to
get it is said at the end; the exit code is then 1.

Examples:
  keras-lit evaluate lit_b16b --benchmarks=imagenet_v2,coco --report=report.html
  keras-lit evaluate runs/demo/lit_emoji --benchmarks=emoji_groups,emoji_names \
    --training_log=runs/demo/tuning/curve.csv --data="Twemoji and their English captions"
"""

import pathlib
import sys

from absl import app, flags

FLAGS = flags.FlagValues()
_BENCHMARKS = flags.DEFINE_list("benchmarks", [], "Names, with commas.", flag_values=FLAGS)
_REPORT = flags.DEFINE_string("report", "report.html", "File to write.", flag_values=FLAGS)
_EMBEDDINGS = flags.DEFINE_string(
    "embeddings",
    None,
    "Folder of stored embeddings, one per model. Default: beside the report.",
    flag_values=FLAGS,
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Folder of TensorFlow Datasets.", flag_values=FLAGS
)
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size", 64, "Pictures per batch.", lower_bound=1, flag_values=FLAGS
)
_TRAINING_LOG = flags.DEFINE_string(
    "training_log",
    None,
    "CSV file of keras.callbacks.CSVLogger, for learning curves.",
    flag_values=FLAGS,
)
_DATA = flags.DEFINE_string(
    "data", None, "What the model was trained on, for the model card.", flag_values=FLAGS
)
_RECIPE = flags.DEFINE_string(
    "recipe", None, "How it was trained, for the model card.", flag_values=FLAGS
)


def run(arguments):
    """Evaluates, prints the table and writes the report."""
    if len(arguments) != 1 or not _BENCHMARKS.value:
        raise app.UsageError(f"takes PRESET and --benchmarks. Received: {arguments}")
    (preset,) = arguments

    import keras_lit
    from keras_lit import evaluation

    try:
        chosen = [evaluation.get_benchmark(name) for name in _BENCHMARKS.value]
    except ValueError as error:
        raise app.UsageError(f"--benchmarks: {error}") from error
    report_path = pathlib.Path(_REPORT.value)
    folder = _EMBEDDINGS.value or report_path.with_name(f"{report_path.stem}_embeddings")
    curves = evaluation.curves_of_log(_TRAINING_LOG.value) if _TRAINING_LOG.value else None
    keras_lit.distribution.data_parallel()
    # Nothing is trained here, so any preset's image tower may be taken for locked.
    model = keras_lit.LiTModel.from_preset(preset, tuning="Lu")
    results, unavailable = [], {}
    for benchmark in chosen:
        try:
            result = evaluation.evaluate_benchmark(
                model, benchmark, folder, _DATA_DIR.value, _BATCH_SIZE.value
            )
        except evaluation.DataUnavailable as error:
            unavailable[benchmark.name] = error
            continue
        results.append(result)
        print(f"\n{benchmark.title}: {result.num_images:,} pictures, {result.seconds:.0f} s")
        for metric, value in result.metrics.items():
            chance = result.chance.get(metric)
            print(f"  {metric:32s}{100 * value:6.1f} %   chance {100 * chance:.1f} %")
    if results:
        known = {"preset": preset, "data": _DATA.value, "recipe": _RECIPE.value}
        card = evaluation.model_card(model, **{name: text for name, text in known.items() if text})
        title = results[0].benchmark.title if len(results) == 1 else f"{len(results)} benchmarks"
        report = evaluation.Report(
            f"{pathlib.Path(preset).name}: {title}",
            results,
            card,
            curves,
            _DATA_DIR.value,
        )
        print(f"\nWritten to {report.save(report_path)}")
    for name, error in unavailable.items():
        print(f"\nkeras-lit evaluate: no data for {name}. {error}", file=sys.stderr)
    return 1 if unavailable else 0
