"""Stored texts: embedded once per model and batch, never half written."""

import numpy as np
import pytest

from keras_lit.evaluation import StoredTexts, ZeroShotClassifier


class Model:
    """Embeds texts by their length alone; it has no image tower."""

    def __init__(self):
        self.embedded = []

    def encode_texts(self, texts):
        self.embedded.append(len(texts))
        return np.eye(8, dtype="float32")[[len(text) for text in texts]]


def test_texts_are_embedded_once(tmp_path):
    model, texts = Model(), ["a", "bb", "ccc"]
    expected = np.eye(8)[[1, 2, 3]]
    for _ in range(2):
        stored = StoredTexts(model, tmp_path, "first", batch_size=2)
        np.testing.assert_array_equal(stored.encode_texts(texts), expected)
    assert model.embedded == [2, 1]
    StoredTexts(model, tmp_path, "second", batch_size=2).encode_texts(texts)
    assert model.embedded == [2, 1, 2, 1]


def test_an_interrupted_call_goes_on(tmp_path):
    model = Model()
    with pytest.raises(IndexError):
        StoredTexts(model, tmp_path, "x", batch_size=2).encode_texts(["a", "bb", "far too long"])
    StoredTexts(model, tmp_path, "x", batch_size=2).encode_texts(["a", "bb", "ccc"])
    assert model.embedded == [2, 1, 1]
    assert not list(tmp_path.glob(".*"))


def test_embeddings_that_are_not_unit_norm_are_not_stored(tmp_path):
    model = Model()
    model.encode_texts = lambda texts: np.full((len(texts), 8), np.nan)
    with pytest.raises(ValueError, match="NaN"):
        StoredTexts(model, tmp_path, "x").encode_texts(["a"])
    assert not list(tmp_path.iterdir())


def test_a_text_tower_alone_classifies_embedded_images(tmp_path):
    stored = StoredTexts(Model(), tmp_path, "x")
    classifier = ZeroShotClassifier(stored, ["a", "bb"], templates=["{}"])
    images = np.eye(8)[[2, 1, 2]]
    probabilities = classifier.predict_embeddings(images)
    assert probabilities.argmax(axis=1).tolist() == [1, 0, 1]
    # With the model's temperature, and its images where it has any.
    stored.model.temperature = 10.0
    stored.model.encode_images = lambda pictures: images
    np.testing.assert_allclose(classifier.predict(None)[:, 1], [1, 0, 1], atol=1e-4)
    assert (probabilities < 0.9).all()
