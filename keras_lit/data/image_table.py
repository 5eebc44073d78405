"""A TSV, CSV or JSONL file of picture paths and captions -> batches of images and captions."""

import csv
import hashlib
import json
import pathlib

import numpy as np
import tensorflow as tf

from keras_lit.preprocessing.pictures import decode_image


class ImageTable:
    """Pictures and captions listed in a file.

    In a `.tsv` or `.csv` file the first column is the path of a picture, every further one a
    caption; there is no header. A line of a `.jsonl` file is
    `{"image": path, "captions": [caption, ...]}` or `{"image": path, "caption": caption}`.
    Relative paths start at the file's folder.

    A picture that is missing or damaged is left out, and noted in `broken` when it is met.

    Args:
        path: Path of the file.

    Attributes:
        broken: Dict from the path of each broken picture met so far to the reason.
        source: Dict that identifies the file, for `cache_embeddings`.

    Raises:
        ValueError: If the file is empty, of another kind, or has a line without a path or a
            caption: the message names the line.

    Example:

    ```python
    import pathlib

    import keras
    import keras_lit
    import numpy as np

    keras.utils.save_img("red.png", np.full((8, 8, 3), (255, 0, 0)), scale=False)
    pathlib.Path("table.tsv").write_text("red.png\\ta red square\\nblue.png\\ta blue square\\n")
    table = keras_lit.data.ImageTable("table.tsv")
    for batch in table.pairs(batch_size=2):
        print(batch["captions"])  # [[b"a red square"]]
    print(table.broken)  # {"blue.png": "no such file"}
    ```
    """

    def __init__(self, path):
        self.path = pathlib.Path(path)
        data = self.path.read_bytes()
        try:
            lines = data.decode("utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise ValueError(f"'{path}' is not UTF-8 text: {error}.") from error
        self._paths, self._captions = [], []
        for number, row in enumerate(_rows(self.path, lines), start=1):
            texts = [text for text in row[1:] if isinstance(text, str) and text.strip()]
            if not row or not isinstance(row[0], str) or not row[0] or not texts:
                raise ValueError(
                    f"Line {number} of '{path}' must have a picture's path and a caption. "
                    f"Received: {lines[number - 1][:80]!r}."
                )
            self._paths.append(row[0])
            self._captions.append(texts)
        if not self._paths:
            raise ValueError(f"'{path}' has no line.")
        self.broken = {}
        self.source = {"table": self.path.name, "sha256": hashlib.sha256(data).hexdigest()}

    def __len__(self):
        return len(self._paths)

    def pairs(self, batch_size):
        """Returns the pictures and captions in the order of the file.

        Args:
            batch_size: Integer. Batches with broken pictures are smaller.

        Returns:
            `tf.data.Dataset` of dicts of `images`, ragged uint8 `(batch, height, width, 3)`, and
            `captions`, ragged strings `(batch, captions)`.
        """

        def read(path, captions):
            image, readable = tf.numpy_function(self._read_picture, [path], [tf.uint8, tf.bool])
            return {
                "images": tf.ensure_shape(image, (None, None, 3)),
                "captions": captions,
                "readable": tf.ensure_shape(readable, ()),
            }

        def leave_broken_out(batch):
            readable = batch.pop("readable")
            return {name: tf.ragged.boolean_mask(entry, readable) for name, entry in batch.items()}

        return (
            tf.data.Dataset.from_tensor_slices((self._paths, tf.ragged.constant(self._captions)))
            .map(read, num_parallel_calls=tf.data.AUTOTUNE)
            .ragged_batch(batch_size)
            .map(leave_broken_out)
        )

    def _read_picture(self, path):
        name = path.decode()
        file = self.path.parent / name
        try:
            if not file.is_file():
                raise ValueError("no such file")
            return decode_image(str(file)).numpy(), np.True_
        except (tf.errors.OpError, ValueError) as error:
            self.broken[name] = str(error).split("\n")[0]
            return np.zeros((0, 0, 3), "uint8"), np.False_


def _rows(path, lines):
    """Yields a list of a path and captions per line."""
    if path.suffix == ".tsv":
        yield from csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    elif path.suffix == ".csv":
        yield from csv.reader(lines)
    elif path.suffix == ".jsonl":
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
                captions = row.get("captions") or [row.get("caption")]
                yield [row.get("image"), *captions]
            except (ValueError, AttributeError) as error:
                raise ValueError(
                    f"Line {number} of '{path}' is not a JSON object: {error}."
                ) from error
    else:
        raise ValueError(f"'{path}' must end in .tsv, .csv or .jsonl.")
