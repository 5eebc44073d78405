"""A TSV, CSV or JSONL file of picture paths and captions -> a source."""

import csv
import hashlib
import io
import json
import os
import re

import tensorflow as tf

from keras_lit.data import decoding
from keras_lit.data.indexed_source import IndexedSource

_BAD_LINE = "line that cannot be read"


class ImageTable(IndexedSource):
    """Pictures and captions listed in a file, local or `gs://`.

    In a `.tsv` or `.csv` file the first column is the path of a picture, every further one a
    caption; there is no header. A line of a `.jsonl` file is
    `{"image": path, "captions": [caption, ...]}` or `{"image": path, "caption": caption}`. A
    `layout` names other columns. Relative paths start at the file's folder.

    Lines without a path or a caption, and pictures that are missing or damaged, are skipped and
    counted: see `BrokenRecords`.

    Args:
        path: Path of the file.
        layout: `TableLayout`, e.g. `keras_lit.data.YFCC100M`, or `None`.
        split: String, what this part of the data is called.

    Raises:
        ValueError: If the file is empty or of another kind, or lacks a column of the layout.

    Example:

    ```python
    import pathlib

    import keras
    import keras_lit
    import numpy as np

    keras.utils.save_img("red.png", np.full((8, 8, 3), (255, 0, 0)), scale=False)
    pathlib.Path("table.tsv").write_text("red.png\\ta red square\\nblue.png\\ta blue square\\n")
    table = keras_lit.data.ImageTable("table.tsv")
    broken = keras_lit.data.BrokenRecords(max_share=0.5)
    for batch in table.pairs(batch_size=2, broken=broken):
        print(batch["captions"])  # [[b"a red square"]]
    print(broken.report())  # 1 of 2 records (50 %) were skipped: 1 no such file. ...
    ```
    """

    def __init__(self, path, layout=None, split="all"):
        self.path = os.fspath(path)
        folder, self.name = re.fullmatch(r"(.*?)([^/\\]*)", self.path).groups()
        self.split = split
        self._layout = layout
        self._kind = self.name.rpartition(".")[2]
        if self._kind not in ("tsv", "csv", "jsonl"):
            raise ValueError(f"'{path}' must end in .tsv, .csv or .jsonl.")
        data = self._read()
        self.version = hashlib.sha256(data).hexdigest()
        keys, paths, captions, problems = [], [], [], []
        for number, row in self._rows(data):
            image, texts, problem = self._entry(row)
            keys.append(image or f"{self.name}:{number}")
            paths.append(image if os.path.isabs(image) or "://" in image else folder + image)
            captions.append(texts)
            problems.append(problem)
        if not keys:
            raise ValueError(f"'{path}' has no line.")
        super().__init__(keys, paths, captions, problems)

    def column(self, name):
        """Yields the entries of a further column of the layout, e.g. `"licensename"`, by line.

        Raises:
            ValueError: If there is no such column.
        """
        if self._layout is None:
            raise ValueError("Without a `layout` the columns have no names.")
        for _, row in self._rows(self._read()):
            if name not in row and self._kind != "jsonl":
                raise ValueError(f"'{self.path}' has no column '{name}'. It has: {list(row)}.")
            yield row.get(name, "") or ""

    def _read(self):
        try:
            with tf.io.gfile.GFile(self.path, "rb") as file:
                return file.read()
        except tf.errors.NotFoundError:
            raise FileNotFoundError(f"There is no file '{self.path}'.") from None

    def _rows(self, data):
        """Yields the number of each line and a list of its cells, or a dict of them by name."""
        # Bytes that are not UTF-8 come back out in the captions, where they are counted.
        lines = io.StringIO(data.decode("utf-8-sig", "surrogateescape"), newline="")
        if self._kind == "jsonl":
            yield from ((number, _parsed(line)) for number, line in enumerate(lines, start=1))
            return
        csv.field_size_limit(2**31 - 1)
        quoting = csv.QUOTE_NONE if self._kind == "tsv" else csv.QUOTE_MINIMAL
        delimiter = "\t" if self._kind == "tsv" else ","
        reader = csv.reader(lines, delimiter=delimiter, quoting=quoting)
        names = None
        if self._layout is not None:
            names = self._layout.columns or next(reader, [])
            used = re.findall(r"\{(\w+)\}", self._layout.image) + list(self._layout.captions)
            missing = [name for name in used if name not in names]
            if missing:
                raise ValueError(f"'{self.path}' has no column '{missing[0]}'. It has: {names}.")
        for row in reader:
            if names is None:
                yield reader.line_num, row
            else:
                cells = row + [""] * (len(names) - len(row))
                yield reader.line_num, dict(zip(names, cells, strict=False))

    def _entry(self, row):
        """Returns the path, the captions and the problem of a line."""
        if not row:
            return "", [], _BAD_LINE
        if isinstance(row, list):
            image, texts = row[0], row[1:]
        elif self._layout is None:
            image, texts = row.get("image"), row.get("captions") or [row.get("caption")]
        else:
            image = self._layout.image.format_map(row)
            texts = [row.get(name) for name in self._layout.captions]
            texts = [
                text for cell in texts for text in (cell if isinstance(cell, list) else [cell])
            ]
        if not isinstance(image, str) or not image:
            return "", [], decoding.NO_PICTURE
        if not isinstance(texts, list):
            return image, [], decoding.NO_CAPTION
        texts = [text for text in texts if isinstance(text, str)]
        if self._layout is not None:
            texts = [self._layout.decode_text(text) for text in texts]
        return image, texts, ""


def _parsed(line):
    """Returns the dict of a line of JSON, `None` if it is no such line."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None
