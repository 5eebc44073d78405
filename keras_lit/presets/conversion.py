"""Original checkpoint and vocabulary -> a native preset folder, complete or not there at all."""

import contextlib
import os
import pathlib
import shutil
import tempfile

import keras

from keras_lit.checkpoints import (
    build_lit_model,
    build_tower,
    build_without_values,
    convert_when_saved,
    open_checkpoint,
)
from keras_lit.preprocessing import ImageConverter, LiTPreprocessor
from keras_lit.presets.architectures import build_model

BYTES_PER_PARAMETER = 4  # float32


def convert_to_preset(source, target, preset=None, vocabulary_path=None):
    """Converts a checkpoint of the original code into a folder for `from_preset`.

    The folder appears under its name when it is complete. One tensor at a time is in memory.

    Args:
        source: path of an `.npz` file, or `"file.npz:img"` for one tower of it.
        target: path of a folder that does not exist.
        preset: `Preset` that says the architecture. `None`: it is read from the shapes.
        vocabulary_path: path of the vocabulary of `preset`. `None`: the model has no tokenizer.

    Returns:
        `LiTModel` or `Tower`, whose `from_preset` loads the folder, and a `ConversionReport`.

    Raises:
        FileExistsError: `target` exists.
        CheckpointError: the file is unreadable or of another architecture.
        ValueError: the vocabulary is of another model.
        OSError: the disk is full or not writable.
    """
    target = pathlib.Path(target)
    if os.path.lexists(target):
        raise FileExistsError(f"{str(target)!r} exists. Choose another folder, or delete it first.")
    checkpoint = open_checkpoint(source)
    if preset is not None:
        model = build_without_values(build_model, preset, vocabulary_path)
    else:
        model = build_without_values(_build_as_in_file, checkpoint.tensors)
    target.parent.mkdir(parents=True, exist_ok=True)
    check_disk(target.parent, BYTES_PER_PARAMETER * model.count_params())
    progress = keras.utils.Progbar(model.count_params(), unit_name="parameter")
    num_read = 0

    def show_progress(path, size):
        nonlocal num_read
        num_read += size
        # Keras may read a variable twice, and the bar must end once.
        progress.update(min(num_read, progress.target - 1))

    report = convert_when_saved(source, model, on_tensor=show_progress)
    with folder_when_complete(target) as unfinished:
        model.save_to_preset(unfinished)
    progress.update(progress.target, finalize=True)
    return type(model), report


def check_disk(folder, num_bytes):
    """Raises an `OSError` unless `folder` has room for so many bytes."""
    free = shutil.disk_usage(folder).free
    if free < num_bytes:
        raise OSError(
            f"No space left in {str(folder)!r}: {num_bytes / 1e9:.2f} GB are needed, "
            f"{free / 1e9:.2f} GB are free. Free some, or choose another folder (for published "
            "presets: the environment variable KERAS_HOME)."
        )


@contextlib.contextmanager
def folder_when_complete(target):
    """Gives a folder beside `target` to write into, and renames it when all went well."""
    target = pathlib.Path(target)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as folder:
        unfinished = pathlib.Path(folder) / "preset"
        yield unfinished
        os.rename(unfinished, target)


def _build_as_in_file(tensors):
    if not any(name.startswith(("img/", "txt/")) for name in tensors):
        # A classification head is no projection into a space shared with texts.
        return build_tower({n: t for n, t in tensors.items() if not n.startswith("head/")})
    model = build_lit_model(tensors)
    model.preprocessor = LiTPreprocessor(
        ImageConverter(image_size=model.image_tower.backbone.image_shape[:2])
    )
    return model
