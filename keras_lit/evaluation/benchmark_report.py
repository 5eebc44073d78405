"""Results of benchmarks -> one HTML file, and beside it the same as Markdown, JSON and CSV."""

import csv
import datetime
import importlib.metadata
import io
import json
import math
import pathlib
import platform

import numpy as np

from keras_lit import distribution
from keras_lit.evaluation import report_sections as sections
from keras_lit.evaluation.benchmark import benchmark_file
from keras_lit.evaluation.evaluate import pictures_of
from keras_lit.evaluation.learning_curves import curve_panels
from keras_lit.evaluation.report import render_page, write_whole
from keras_lit.evaluation.report_figures import thumbnail

_MOST_CLASSES_DRAWN = 30
_MOST_CONFUSIONS = 12
_PACKAGES = ("keras-lit", "keras", "keras-hub", "jax", "tensorflow", "torch", "numpy")


class Report:
    """A report of what a model reaches on benchmarks, beside the published figures.

    Args:
        title: string.
        results: list of `BenchmarkResult` from `evaluate_benchmark`.
        card: dict of strings to strings, see `model_card`.
        curves: dict of a metric's name to `(epochs, values)`, e.g. from `curves_of_log`.
        data_dir: path of TFDS' folder, where pictures of retrievals are read from.

    Raises:
        ValueError: without results, or with a figure that is no finite number.

    Example:

    ```python
    import keras_lit
    from keras_lit.evaluation import Report, benchmarks, evaluate_benchmark, model_card

    def report(preset):
        model = keras_lit.LiTModel.from_preset(preset)
        results = [evaluate_benchmark(model, benchmarks["cifar10"], "embeddings")]
        Report("My model", results, model_card(model, preset=preset)).save("report.html")
    ```
    """

    def __init__(self, title, results, card=None, curves=None, data_dir=None):
        if not results:
            raise ValueError("`results` is empty: there is nothing to report.")
        for result in results:
            for name, value in result.metrics.items():
                if not math.isfinite(value):
                    raise ValueError(
                        f"`results` has {name} = {value} on {result.benchmark.name!r}, which is no "
                        "finite number."
                    )
        self.title = title
        self.results = list(results)
        self.card = dict(card or {})
        self.curves = dict(curves or {})
        self.data_dir = data_dir

    def rows(self):
        """Returns one dict per metric: `benchmark`, `metric`, `value`, `chance`, `reported`."""
        return [
            {
                "benchmark": result.benchmark.name,
                "metric": metric,
                "value": value,
                "chance": result.chance.get(metric),
                "reported": {
                    model: figures[metric]
                    for model, figures in result.benchmark.reported.items()
                    if metric in figures
                },
            }
            for result in self.results
            for metric, value in result.metrics.items()
        ]

    def save(self, path):
        """Writes the report.

        Args:
            path: of the HTML file, e.g. `"report.html"`; `report.md`, `report.json` and
                `report.csv` are written beside it. Each file is complete or not there.

        Returns:
            Path of the HTML file.

        Raises:
            ImportError: without matplotlib or Pillow; the message names the extra to install.
            OSError: if the files cannot be written.
        """
        path = pathlib.Path(path).with_suffix(".html")
        page = render_page(self.title, self._summary(), self._sections())
        path.parent.mkdir(parents=True, exist_ok=True)
        numbers = {
            "title": self.title,
            "results": self.rows(),
            "seconds": {result.benchmark.name: result.seconds for result in self.results},
            "images": {result.benchmark.name: result.num_images for result in self.results},
            "model_card": self.card,
            "sources_of_reported_figures": self._figure_sources(),
        }
        write_whole(path.with_suffix(".json"), json.dumps(numbers, indent=2) + "\n")
        write_whole(path.with_suffix(".csv"), self._csv())
        write_whole(path.with_suffix(".md"), self.markdown())
        write_whole(path, page)
        return path

    def markdown(self):
        """Returns the table and the model card as Markdown."""
        models = self._reported_models()
        head = ["benchmark", "metric", "this model", *models, "chance"]
        lines = [f"# {self.title}", "", self._summary(), "", _row(head), _row(["---"] * len(head))]
        for row in self.rows():
            figures = [row["reported"].get(model) for model in models]
            numbers = [_percent(value) for value in (row["value"], *figures, row["chance"])]
            lines.append(_row([row["benchmark"], row["metric"], *numbers]))
        sources = [f"- {model}: {source}" for model, source in self._figure_sources().items()]
        card = [f"- {name}: {value}" for name, value in self.card.items()]
        return "\n".join([*lines, "", *sources, "", "## Model card", "", *card, ""])

    def _csv(self):
        models = self._reported_models()
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["benchmark", "metric", "value", "chance", *models])
        for row in self.rows():
            figures = [row["reported"].get(model, "") for model in models]
            writer.writerow(
                [row["benchmark"], row["metric"], row["value"], row["chance"], *figures]
            )
        return file.getvalue()

    def _summary(self):
        seconds = sum(result.seconds for result in self.results)
        images = sum(result.num_images for result in self.results)
        number = "1 benchmark" if len(self.results) == 1 else f"{len(self.results)} benchmarks"
        return f"{number}, {images:,} pictures, in {seconds:,.0f} seconds. Shares are in percent."

    def _reported_models(self):
        return list(dict.fromkeys(model for row in self.rows() for model in row["reported"]))

    def _figure_sources(self):
        return {
            model: benchmark_file("reported")[model]["source"] for model in self._reported_models()
        }

    def _sections(self):
        rows = [
            (
                f"{result.benchmark.title}: {_words(metric)}",
                {
                    "this model": value,
                    **{
                        model: figures.get(metric)
                        for model, figures in result.benchmark.reported.items()
                    },
                },
                result.chance.get(metric),
            )
            for result in self.results
            for metric, value in result.metrics.items()
        ]
        models = self._reported_models()
        beside = (
            "Beside the figures that the paper and its released models report." if models else ""
        )
        yield sections.metrics_table("Results", beside, rows, ["this model", *models])
        if self.curves:
            yield sections.learning_curve("Learning curves", "", curve_panels(self.curves))
        for result in self.results:
            if result.confusion is not None:
                yield _confusion_section(result)
            if result.queries:
                yield self._retrieval_section(result)
        sources = [f"{model}: {source}." for model, source in self._figure_sources().items()]
        card = [f"{name}: {value}" for name, value in self.card.items()]
        yield sections.notes_section("Model card", card + sources)

    def _retrieval_section(self, result):
        indices = {index for query in result.queries for index in query["found"]}
        pictures = pictures_of(result.benchmark, indices, self.data_dir)
        pictures = {index: thumbnail(picture) for index, picture in pictures.items()}
        queries = [
            {
                "text": query["text"],
                "pictures": [pictures[index] for index in query["found"]],
                "names": [f"picture {index}" for index in query["found"]],
                "correct": [index == query["image"] for index in query["found"]],
            }
            for query in result.queries
        ]
        return sections.text_query_gallery(
            f"{result.benchmark.title}: best and worst retrievals",
            "Texts that find their own picture most surely, then those that find it last. A text "
            "has one right picture.",
            queries,
        )


def model_card(model, **more):
    """Describes a `LiTModel` and what it runs on, for `Report`.

    Args:
        model: `keras_lit.LiTModel`.
        **more: strings to add, e.g. `data="CC12M"`, `recipe="20,000 steps of LiTAdafactor"`.

    Returns:
        Dict of strings.
    """
    versions = []
    for package in _PACKAGES:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    converter = model.preprocessor.image_converter
    card = {
        **more,
        "image tower": f"{model.image_tower.backbone.name}, {_parameters(model.image_tower)}",
        "text tower": f"{model.text_tower.backbone.name}, {_parameters(model.text_tower)}",
        "embeddings": f"{model.image_tower.embedding_dim} numbers",
        "pictures": f"{converter.image_size[0]} x {converter.image_size[1]}",
        "tuning": model.tuning,
        "temperature": f"{model.temperature:.4g}",
        "backend": distribution.describe_devices(),
        "versions": ", ".join(versions),
        "machine": f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
        "date": datetime.date.today().isoformat(),
    }
    return {name.replace("_", " "): str(value) for name, value in card.items()}


def _confusion_section(result):
    names = [name.split(",")[0] for name in result.benchmark.class_names]
    title = f"{result.benchmark.title}: what is taken for what"
    if len(names) <= _MOST_CLASSES_DRAWN:
        return sections.confusion_section(
            title, "Rows are the right classes.", result.confusion, names
        )
    wrong = result.confusion * (1 - np.eye(len(names), dtype="int64"))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_MOST_CONFUSIONS]
    pairs = [divmod(int(cell), len(names)) for cell in order if wrong.flat[cell]]
    notes = [
        f"{names[label]}, taken for {names[guess]}: {wrong[label, guess]} of "
        f"{result.confusion[label].sum()} pictures"
        for label, guess in pairs
    ]
    return sections.notes_section(title, notes or ["Every picture is in its class."])


def _parameters(tower):
    return f"{sum(int(np.prod(weight.shape)) for weight in tower.weights):,} weights"


def _words(metric):
    return metric.replace("zero_shot_", "").replace("_", " ")


def _row(cells):
    return "| " + " | ".join(map(str, cells)) + " |"


def _percent(value):
    return "" if value is None else f"{100 * value:.1f}"
