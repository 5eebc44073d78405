"""A model that embeds texts and a folder -> the same, each batch of texts embedded only once."""

import hashlib
import json
import pathlib

import numpy as np

from keras_lit.evaluation.checks import check_embeddings
from keras_lit.whole_files import whole_file


class StoredTexts:
    """Embeds texts with a model and keeps the embeddings in a folder.

    What was embedded before, by this process or an earlier one, is read from there, so that
    classifier weights and captions of a benchmark are computed once for each model, and an
    interrupted evaluation goes on where it was. It takes the model's place in `ZeroShotClassifier`
    and `encode_classes`.

    Args:
        model: object with `encode_texts(strings) -> (batch, dim)`, unit-norm.
        folder: path, created on first use.
        fingerprint: string that changes whenever the model embeds texts differently, e.g.
            `text_fingerprint(model)` of a `LiTModel`.
        batch_size: integer, how many texts one file holds.

    Example:

    >>> class Model:
    ...     def encode_texts(self, texts):
    ...         print("embedding", len(texts))
    ...         return np.eye(2)[: len(texts)]
    >>> for _ in range(2):
    ...     StoredTexts(Model(), "stored", "model 1").encode_texts(["a cat", "a dog"]).shape
    embedding 2
    (2, 2)
    (2, 2)
    """

    def __init__(self, model, folder, fingerprint, batch_size=1024):
        self.model = model
        self.folder = pathlib.Path(folder)
        self.fingerprint = fingerprint
        self.batch_size = batch_size

    @property
    def temperature(self):
        """The model's factor of similarities, 1 where it has none."""
        return getattr(self.model, "temperature", 1.0)

    def encode_images(self, images):
        """Returns what the model's `encode_images` does; images are not stored."""
        return self.model.encode_images(images)

    def encode_texts(self, texts):
        """Returns unit-norm float32 embeddings `(texts, dim)` of a list of strings.

        Raises:
            ValueError: the model returns NaN, or embeddings that are not unit-norm.
            OSError: the folder cannot be written.
        """
        starts = range(0, len(texts), self.batch_size)
        return np.concatenate(
            [self._encode(texts[start : start + self.batch_size]) for start in starts]
        )

    def _encode(self, texts):
        key = hashlib.sha256(json.dumps([self.fingerprint, texts]).encode()).hexdigest()
        path = self.folder / f"{key}.npy"
        if path.is_file():
            return np.load(path)
        embeddings = check_embeddings("encode_texts(...)", self.model.encode_texts(texts))
        write_array(path, embeddings)
        return embeddings


def write_array(path, array):
    """Writes an `.npy` file that is complete or not there, in a folder that may be new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        np.save(file, array)
