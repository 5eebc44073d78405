"""keras-lit classify PRESET IMAGE...: which of some classes each picture shows, without training.

PRESET is the name or folder of a preset. --classes are the names of the classes, with commas.
Prints the likeliest classes of each picture with their probabilities.

Examples:
  keras-lit classify lit_b16b dog.jpg cat.jpg --classes="dog,cat,lighthouse"
  keras-lit classify runs/demo/lit_emoji photo.png --classes="animal,food" --templates=clip_paper
"""

from absl import app, flags

FLAGS = flags.FlagValues()
_CLASSES = flags.DEFINE_list("classes", [], "Names of the classes, with commas.", flag_values=FLAGS)
_TEMPLATES = flags.DEFINE_enum(
    "templates",
    "clip_best",
    ["class_name_only", "clip_7", "clip_80", "clip_best", "clip_paper"],
    "Prompts that describe a class.",
    flag_values=FLAGS,
)
_TOP = flags.DEFINE_integer(
    "top", 3, "How many classes to print per picture.", lower_bound=1, flag_values=FLAGS
)


def run(arguments):
    """Prints a line per picture."""
    if len(arguments) < 2 or len(_CLASSES.value) < 2:
        raise app.UsageError(
            f"takes PRESET IMAGE... and --classes with at least two names. Received: {arguments}"
        )
    preset, *paths = arguments

    import keras_lit
    from keras_lit.evaluation import ZeroShotClassifier, describe_classes, prompt_templates

    names = [name.strip() for name in _CLASSES.value]
    templates = prompt_templates(_TEMPLATES.value)
    try:
        describe_classes(names, templates)
    except ValueError as error:
        raise app.UsageError(f"--classes: {error}") from error
    model = keras_lit.LiTModel.from_preset(preset)
    probabilities = ZeroShotClassifier(model, names, templates).predict(paths)
    width = max(map(len, paths))
    for path, row in zip(paths, probabilities, strict=True):
        best = (-row).argsort(kind="stable")[: _TOP.value]
        print(path.ljust(width), *(f" {names[index]} {row[index]:.1%}" for index in best))
