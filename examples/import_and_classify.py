"""Published preset, pictures and class names -> a table and a picture of what each one shows.

    python examples/import_and_classify.py --classes="dog,cat,lighthouse" photos/*.jpg

The first run downloads the preset and converts it; `python -c "import keras_lit;
keras_lit.list_presets()"` lists all. --preset also takes the folder of a preset.
"""

import textwrap

import matplotlib
import numpy as np
from absl import app, flags
from matplotlib import pyplot

import keras_lit

_PRESET = flags.DEFINE_string("preset", "lit_b16b", "Name or folder of a preset.")
_CLASSES = flags.DEFINE_list("classes", ["dog", "cat", "person", "building"], "Class names.")
_OUTPUT = flags.DEFINE_string("output", "classified.png", "Picture to write.")
_NUM_SHOWN = 5


def classify(paths):
    """Returns probabilities (pictures, classes)."""
    model = keras_lit.LiTModel.from_preset(_PRESET.value)
    # Each class is described by several prompts, as in "a photo of a dog."
    classifier = keras_lit.evaluation.ZeroShotClassifier(model, _CLASSES.value)
    return classifier.predict(paths)


def print_table(paths, probabilities):
    """Prints the likeliest classes of each picture."""
    width = max(len(path) for path in paths)
    for path, row in zip(paths, probabilities, strict=True):
        best = np.argsort(-row)[:_NUM_SHOWN]
        print(path.ljust(width), *(f"  {_CLASSES.value[i]} {row[i]:.1%}" for i in best))


def draw(paths, probabilities):
    """Draws each picture with bars of its likeliest classes."""
    figure, axes = pyplot.subplots(
        len(paths), 2, figsize=(7, 2.4 * len(paths)), squeeze=False, layout="constrained"
    )
    for path, row, (left, right) in zip(paths, probabilities, axes, strict=True):
        left.imshow(pyplot.imread(path))
        left.set_axis_off()
        best = np.argsort(-row)[:_NUM_SHOWN][::-1]
        labels = [textwrap.fill(_CLASSES.value[i], 24) for i in best]
        right.barh(labels, row[best])
        right.set_xlim(0, 1)
        right.set_xlabel("probability")
    figure.savefig(_OUTPUT.value, dpi=120)
    pyplot.close(figure)


def main(arguments):
    paths = arguments[1:]
    if not paths:
        raise app.UsageError("Name at least one picture.")
    matplotlib.use("Agg")
    probabilities = classify(paths)
    print_table(paths, probabilities)
    draw(paths, probabilities)
    print(f"Written to {_OUTPUT.value}.")


if __name__ == "__main__":
    app.run(main)
