"""Kinds of benchmarks: data, preprocessing, classes, templates and published figures in one object.

Class names, templates and figures are data, in `benchmark_files/`, each file with its source and
licence.
"""

import collections.abc
import dataclasses
import functools
import json
import pathlib

import numpy as np

from keras_lit.evaluation.clip_templates import PROMPT_TEMPLATES
from keras_lit.evaluation.prompts import canonical_texts

_FILES = pathlib.Path(__file__).parent / "benchmark_files"


@functools.cache
def benchmark_file(name):
    """Returns the parsed JSON file `benchmark_files/<name>.json`."""
    return json.loads((_FILES / f"{name}.json").read_text(encoding="utf-8"))


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """What both kinds of benchmarks have.

    Args:
        name: string, its key in `benchmarks`.
        title: string for people.
        source: where the pictures are, see `benchmark_sources`.
        resize: function of the tower's image size that returns how pictures are resized, as
            `keras_lit.preprocessing.ImageConverter` takes it; `None`: as the model always does.
    """

    name: str
    title: str
    source: object
    resize: collections.abc.Callable | None = None

    @property
    def reported(self):
        """Published figures: `{model: {metric: number in [0, 1]}}`, `{}` where we know of none."""
        models = benchmark_file("reported")
        figures = {model: entry["figures"].get(self.name) for model, entry in models.items()}
        return {model: values for model, values in figures.items() if values}


@dataclasses.dataclass(frozen=True)
class ZeroShotBenchmark(Benchmark):
    """Pictures to put into classes that are known by their names alone.

    Args:
        classes: string, the file of `{label: class name}`, in the order of the classes.
        templates: string, a name for `prompt_templates` or in `benchmark_files/templates.json`.
        text_rule: function `(class_names, templates) -> [[text, ...], ...]`, see `prompts`.
    """

    classes: str = "imagenet"
    templates: str = "clip_paper"
    text_rule: collections.abc.Callable = canonical_texts

    metric = "zero_shot_accuracy@1"

    @property
    def labels(self):
        """List of the data set's own names of the classes, in their order."""
        return list(benchmark_file(self.classes)["classes"])

    @property
    def class_names(self):
        """List of strings, in the order of the classes."""
        return list(benchmark_file(self.classes)["classes"].values())

    @property
    def prompt_templates(self):
        """List of strings with `{}`."""
        published = PROMPT_TEMPLATES.get(self.templates)
        return list(published or benchmark_file("templates")["templates"][self.templates])

    @property
    def texts_per_class(self):
        """For each class the list of texts that describe it."""
        return self.text_rule(self.class_names, self.prompt_templates)

    @property
    def num_labels(self):
        """How many labels the data set knows: 1,000 where the classes are some of ImageNet's."""
        return len(self._all_labels)

    @property
    def _all_labels(self):
        all_labels = list(benchmark_file("imagenet")["classes"])
        return all_labels if set(self.labels) < set(all_labels) else self.labels

    def class_ids(self, labels):
        """Turns the data set's labels into classes of this benchmark.

        They are the same, except where the classes are some of ImageNet's: the data sets of
        ImageNet-A and ImageNet-R have 200 classes, and ImageNet's 1,000 labels.

        Args:
            labels: integers `(images,)`, or `(images, labels)` padded with -1.

        Returns:
            Integers of the same shape; -1 for a label that is no class here.
        """
        class_of_label = np.full(self.num_labels + 1, -1)  # the last is that of the padding, -1
        places = {label: place for place, label in enumerate(self._all_labels)}
        class_of_label[[places[label] for label in self.labels]] = range(len(self.labels))
        return class_of_label[labels]


@dataclasses.dataclass(frozen=True)
class RetrievalBenchmark(Benchmark):
    """Pictures with captions: which is found by which."""

    metric = "text_to_image_recall@1"
