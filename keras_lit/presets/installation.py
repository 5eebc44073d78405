"""Name of a published preset -> its folder in native format, downloaded and converted once."""

import difflib
import json
import os
import shutil

import filelock
import keras

from keras_lit.checkpoints import build_without_values
from keras_lit.presets import conversion, downloads, registry
from keras_lit.presets.architectures import build_model


def preset_folder(name):
    """Downloads and converts a published preset unless that was done before.

    Useful to prepare a machine before it loses its network. Several processes may call it at once;
    one does the work, the others wait. What was interrupted starts again.

    Args:
        name: string, see `keras_lit.list_presets`.

    Returns:
        Path of a folder that `from_preset` loads: `models/keras_lit/<name>` under `KERAS_HOME`,
        by default `~/.keras`.

    Raises:
        ValueError: there is no such preset, or its files cannot be downloaded or are damaged.
        OSError: the disk is full or not writable.
    """
    preset = registry.get_preset(name)
    cache = downloads.cache_folder()
    folder = cache / name
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(cache / f".{name}.lock"):
        if folder.is_dir():
            return folder
        for leftover in cache.glob(f".{name}-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        num_copies = 1 if downloads.download_path(preset.weights).is_file() else 2
        num_bytes = conversion.BYTES_PER_PARAMETER * preset.num_parameters
        conversion.check_disk(cache, num_copies * num_bytes)
        weights_path, *vocabulary_path = downloads.fetch(preset.files)
        print(f"Converting {weights_path} once into {folder}")
        try:
            conversion.convert_to_preset(weights_path, folder, preset, *vocabulary_path)
        except ValueError as error:
            raise ValueError(
                f"Cannot convert the preset {name!r}: {error}\nIf one of these files is damaged, "
                f"delete it, and the next call downloads it again: {weights_path}"
                + "".join(f", {path}" for path in vocabulary_path)
            ) from error
    return folder


def published_folder(name, model_class, load_weights):
    """Answers `keras_lit.preset_names.folder_of`; arguments and result as there."""
    preset = registry.find_preset(name)
    if os.path.isdir(name):
        return None
    if preset is None:
        close = difflib.get_close_matches(name, [p.name for p in registry.all_presets()], n=1)
        return registry.get_preset(name) if close else None  # raises, with suggestions
    if preset.model_class != model_class:
        remedy = {
            "Tower": f"keras_lit.Tower.from_preset({name!r})",
            "LiTModel": f"keras_lit.LiTModel.from_preset({name!r}).image_tower",
        }[preset.model_class]
        kind = {"Tower": "a single image tower", "LiTModel": "two towers"}[preset.model_class]
        raise ValueError(f"The preset {name!r} is {kind}. Load it with `{remedy}`.")
    if load_weights:
        return preset_folder(name)
    return _folder_without_weights(preset)


def _folder_without_weights(preset):
    """Returns a folder with the architecture alone, or the whole preset where it is there."""
    folder = downloads.cache_folder() / preset.name
    if folder.is_dir():
        return folder
    model = build_without_values(build_model, preset)
    folder = downloads.cache_folder() / "architectures" / preset.name
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f"config.json.{os.getpid()}"
    unfinished.write_text(json.dumps(keras.saving.serialize_keras_object(model)))
    os.replace(unfinished, folder / "config.json")
    return folder
