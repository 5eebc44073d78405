"""keras-lit convert SOURCE TARGET_PRESET: checkpoint of the original code -> native preset folder.

SOURCE is an .npz file of LiT, ViT, MLP-Mixer, BiT, a hybrid, SigLIP or big_vision, or
file.npz:img for one of its towers. TARGET_PRESET is a folder that does not exist yet, for
keras_lit.LiTModel.from_preset, or keras_lit.Tower.from_preset where SOURCE is a single tower.

--config names the published preset whose architecture and tokenizer the file has; its vocabulary
is then expected beside SOURCE under its published name, e.g. LiT-B16B.txt, or in --vocabulary.
Without --config the architecture is read from the shapes, and there is no tokenizer.

Every tensor is used or listed as ignored. On any error, nothing is written.

Examples:
  keras-lit convert LiT-B16B.npz lit_b16b --config=lit_b16b
  keras-lit convert checkpoint.npz:img image_tower
"""

import pathlib

from absl import app, flags

FLAGS = flags.FlagValues()
_CONFIG = flags.DEFINE_string(
    "config", None, "Published preset that SOURCE is, e.g. lit_b16b.", flag_values=FLAGS
)
_VOCABULARY = flags.DEFINE_string(
    "vocabulary", None, "Vocabulary file of --config.", flag_values=FLAGS
)


def run(arguments):
    """Converts, and prints what became of each tensor."""
    if len(arguments) != 2:
        raise app.UsageError(f"takes SOURCE TARGET_PRESET. Received: {arguments}")
    source, target = arguments

    from keras_lit import presets
    from keras_lit.presets.statistics import compare_statistics

    try:
        preset = presets.get_preset(_CONFIG.value) if _CONFIG.value else None
    except ValueError as error:
        raise app.UsageError(f"--config: {error}") from error
    if _VOCABULARY.value and (preset is None or preset.vocabulary is None):
        raise app.UsageError("--vocabulary needs the --config of a preset with a text tower.")
    vocabulary_path = _vocabulary_path(preset, source)
    model_class, report = presets.convert_to_preset(source, target, preset, vocabulary_path)
    print(f"\n{report}")
    if preset is not None:
        if preset.text_tower is not None and vocabulary_path is None:
            print(
                f"No tokenizer: {preset.vocabulary.file.name} is not beside {source}. To encode "
                f"texts, convert again with --vocabulary={preset.vocabulary.file.name}, from "
                f"{preset.vocabulary.file.url}"
            )
        _print_statistics(compare_statistics(source, preset))
    print(f"Written to {target}: keras_lit.{model_class.__name__}.from_preset({target!r})")


def _vocabulary_path(preset, source):
    if _VOCABULARY.value or preset is None or preset.vocabulary is None:
        return _VOCABULARY.value
    beside = pathlib.Path(source).parent / preset.vocabulary.file.name
    return beside if beside.is_file() else None


def _print_statistics(different):
    if different is None:
        return
    for name, (found, published) in different.items():
        print(
            f"{name}: mean {found[0]:.3g}, std {found[1]:.3g}; published: mean "
            f"{published[0]:.3g}, std {published[1]:.3g}"
        )
    if different:
        print(
            f"{len(different)} tensors differ in mean or std from the published statistics: these "
            "are not the published weights."
        )
    else:
        print("Mean and std of every tensor equal the published statistics.")
