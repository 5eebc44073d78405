"""A folder of pictures, each with its captions in a .txt file beside it -> a source."""

import os
import re

import tensorflow as tf

from keras_lit.data.indexed_source import IndexedSource
from keras_lit.data.sharded_source import files_version
from keras_lit.preprocessing.pictures import PICTURE_SUFFIXES, is_picture_file


class ImageFolder(IndexedSource):
    """All pictures in a folder and its subfolders, local or `gs://`.

    The captions of `dogs/12.jpg` are the lines of `dogs/12.txt`. A picture without that file is
    skipped and counted.

    Args:
        folder: Path of the folder.
        split: String, what this part of the data is called.

    Raises:
        ValueError: If there is no such folder, or no picture in it.

    Example:

    ```python
    import pathlib

    import keras
    import keras_lit
    import numpy as np

    pathlib.Path("squares").mkdir()
    keras.utils.save_img("squares/0.png", np.zeros((8, 8, 3)), scale=False)
    pathlib.Path("squares/0.txt").write_text("a black square\\nnight\\n")
    folder = keras_lit.data.ImageFolder("squares")
    for batch in folder.pairs(batch_size=1):
        print(batch["captions"])  # [[b"a black square", b"night"]]
    ```
    """

    def __init__(self, folder, split="all"):
        folder = os.fspath(folder).rstrip("/\\")
        if not tf.io.gfile.isdir(folder):
            raise ValueError(f"There is no folder '{folder}'.")
        self.name = re.split(r"[/\\]", folder)[-1]
        self.split = split
        names = {
            os.path.join(parent, file)
            for parent, _, files in tf.io.gfile.walk(folder)
            for file in files
        }
        paths = sorted(filter(is_picture_file, names))
        if not paths:
            raise ValueError(
                f"The folder '{folder}' has no picture ({', '.join(PICTURE_SUFFIXES)})."
            )
        captions = [os.path.splitext(path)[0] + ".txt" for path in paths]
        found = [path if path in names else None for path in captions]
        self.version = files_version(paths + [path for path in found if path])
        super().__init__(
            keys=[path[len(folder) + 1 :] for path in paths],
            paths=paths,
            captions=[_lines(path) if path else [] for path in found],
            problems=[""] * len(paths),
        )


def _lines(path):
    with tf.io.gfile.GFile(path, "rb") as file:
        return [line for line in file.read().splitlines() if line.strip()]
