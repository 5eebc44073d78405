"""Where a benchmark's pictures are -> a tf.data.Dataset of single examples.

A source has `open(data_dir)`, which returns the examples in an order that never changes, and
`name`, which says which data they are. Data that cannot be had raise `DataUnavailable`. In an
example, `image` is uint8 `(height, width, 3)` and `target` a label, several labels, or captions.
"""

import collections.abc
import dataclasses
import functools
import json
import operator
import os
import pathlib

import numpy as np


class DataUnavailable(ValueError):
    """A benchmark's data are not here and cannot be fetched; the message says how to get them."""


def manual_folder(data_dir=None):
    """Returns where data are put by hand: `downloads/manual` in TFDS' folder, as for TFDS itself.

    Args:
        data_dir: path of TFDS' folder. Defaults to `TFDS_DATA_DIR`, else `~/tensorflow_datasets`.
    """
    root = data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    return pathlib.Path(root).expanduser() / "downloads" / "manual"


@dataclasses.dataclass(frozen=True)
class TFDSSource:
    """A split of a TensorFlow Datasets builder, which is downloaded and prepared on first use.

    Args:
        builder: string, e.g. `"imagenet_v2/matched-frequency"`.
        split: string.
        target: string, the feature with labels or captions; `/` leads into a nested one. Or a
            function of an example that returns them, inside tf.data.
        select: function of an example that says whether it belongs to the benchmark, inside
            tf.data; `None`: all do.
    """

    builder: str
    split: str
    target: str | collections.abc.Callable = "label"
    select: collections.abc.Callable | None = None

    @property
    def name(self):
        return f"{self.builder}/{self.split}"

    def load(self, data_dir=None):
        """Returns the `tfds.core.DatasetBuilder`; nothing is downloaded."""
        from keras_lit.data.tfds_pairs import tfds_builder

        return tfds_builder(self.builder, data_dir)

    def open(self, data_dir=None):
        """Returns the examples; prepares the data first where that has not been done yet.

        Raises:
            DataUnavailable: the data cannot be downloaded or prepared.
            ImportError: a package is missing that the builder needs.
            ValueError: the split is empty or not there.
        """
        builder = self.load(data_dir)
        try:
            builder.download_and_prepare()
        except ImportError:
            raise
        # Whatever goes wrong in there: no network, no disk, a server's refusal, a missing file.
        except Exception as error:
            by_hand = getattr(builder, "MANUAL_DOWNLOAD_INSTRUCTIONS", None)
            raise DataUnavailable(
                f"TensorFlow Datasets cannot prepare '{self.builder}': {_first_line(error)}. "
                + (
                    f"These data are downloaded by hand into {manual_folder(data_dir)}: "
                    f"{' '.join(by_hand.split())}"
                    if by_hand
                    else f"With a network, `tfds build {self.builder}` prepares it in "
                    f"{builder.data_dir}; a folder prepared elsewhere can be copied there. See "
                    f"https://www.tensorflow.org/datasets/catalog/{self.builder.split('/')[0]}."
                )
            ) from error
        try:
            examples = builder.as_dataset(split=self.split, shuffle_files=False)
        except ValueError as error:
            raise ValueError(
                f"'{self.builder}' has no data in its split '{self.split}' ({_first_line(error)}). "
                f"It has the splits {sorted(builder.info.splits)}."
            ) from error
        if self.select is not None:
            examples = examples.filter(self.select)
        return examples.map(
            lambda example: {"image": example["image"], "target": self._target_of(example)}
        )

    def _target_of(self, example):
        if callable(self.target):
            return self.target(example)
        return functools.reduce(operator.getitem, self.target.split("/"), example)


@dataclasses.dataclass(frozen=True)
class ClassFoldersSource:
    """Pictures in one folder per class, downloaded by hand.

    Args:
        folder: string, below `manual_folder()`, e.g. `"objectnet-1.0/images"`.
        class_folders: tuple of strings, the folders that count, in the order of the labels.
        border: integer, how many pixels at each side are no part of the picture.
        instructions: string, how to get the data.
    """

    folder: str
    class_folders: tuple
    border: int
    instructions: str

    @property
    def name(self):
        return self.folder

    def open(self, data_dir=None):
        """Returns the examples, labelled by the index of their folder in `class_folders`.

        Raises:
            DataUnavailable: class folders are missing or empty.
        """
        folder = manual_folder(data_dir) / self.folder
        pictures = [_pictures_of(folder / name) for name in self.class_folders]
        empty = [
            name for name, paths in zip(self.class_folders, pictures, strict=True) if not paths
        ]
        if empty:
            raise DataUnavailable(
                f"'{folder}' has no pictures of {len(empty)} of {len(self.class_folders)} classes, "
                f"such as '{empty[0]}'. {self.instructions}"
            )
        from keras_lit.preprocessing.listed_pictures import listed_pictures

        labels = np.repeat(np.arange(len(pictures)), [len(paths) for paths in pictures])
        inner = slice(self.border, -self.border or None)
        return listed_pictures([path for paths in pictures for path in paths], labels).map(
            lambda example: {**example, "image": example["image"][inner, inner]}
        )


@dataclasses.dataclass(frozen=True)
class CaptionFileSource:
    """Pictures and a file of their captions, downloaded by hand.

    Args:
        folder: string, below `manual_folder()`.
        read: function of the folder's path that returns `{picture's path: [caption, ...]}`.
        instructions: string, how to get the data.
    """

    folder: str
    read: collections.abc.Callable
    instructions: str

    @property
    def name(self):
        return self.folder

    def open(self, data_dir=None):
        """Returns the examples; captions are `(captions,)`, padded with `""`.

        Raises:
            DataUnavailable: the file or pictures are missing.
        """
        folder = manual_folder(data_dir) / self.folder
        try:
            captions = self.read(folder)
        except OSError as error:
            raise DataUnavailable(f"{error}. {self.instructions}") from error
        missing = [path for path in captions if not path.is_file()]
        if missing or not captions:
            raise DataUnavailable(
                f"{len(missing)} of {len(captions)} pictures are not in '{folder}'"
                + (f", among them '{missing[0].name}'. " if missing else ". ")
                + self.instructions
            )
        from keras_lit.preprocessing.listed_pictures import listed_pictures

        most = max(map(len, captions.values()))
        padded = [texts + [""] * (most - len(texts)) for texts in captions.values()]
        return listed_pictures(list(captions), np.array(padded))


def read_caption_lines(file_name):
    """Returns a reader of lines `picture.jpg,caption` after a header, as for `CaptionFileSource`.

    Args:
        file_name: string; the pictures are beside that file.
    """

    def read(folder):
        captions = {}
        for line in (folder / file_name).read_text(encoding="utf-8").splitlines()[1:]:
            name, separator, caption = line.partition(".jpg,")
            if separator and caption.strip():
                captions.setdefault(folder / f"{name}.jpg", []).append(caption.strip())
        return captions

    return read


def read_crossmodal_captions(language):
    """Returns a reader of the `captions.jsonl` of Crossmodal-3600 in one language.

    Args:
        language: string, a key of its lines such as `"de"`.
    """

    def read(folder):
        lines = (folder / "captions.jsonl").read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines if line.strip()]
        return {
            folder / "images" / f"{row['image/key']}.jpg": row[language]["caption"] for row in rows
        }

    return read


def _pictures_of(folder):
    from keras_lit.preprocessing.pictures import is_picture_file

    return sorted(filter(is_picture_file, folder.iterdir())) if folder.is_dir() else []


def _first_line(error):
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
