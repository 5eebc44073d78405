"""The classifier against the original code (fixtures eval_zeroshot*), and bad input."""

import numpy as np
import pytest

from keras_lit.evaluation import (
    ZeroShotClassifier,
    class_weights,
    prompt_templates,
    verbatim_texts,
    zero_shot_accuracy,
)
from tests.reference import load_arrays, load_json

FIXTURES = ["eval_zeroshot", "eval_zeroshot_multilabel"]


class LookupModel:
    """Embeds the strings it knows, and images that are embeddings already."""

    def __init__(self, texts, embeddings):
        self.embedding_of_text = dict(zip(texts, embeddings, strict=True))
        self.batch_sizes = []

    def encode_texts(self, texts):
        self.batch_sizes.append(len(texts))
        return np.stack([self.embedding_of_text[text] for text in texts])

    def encode_images(self, images):
        return images


def two_class_model(text_embeddings=((1.0, 0.0), (0.0, 1.0))):
    return LookupModel(["cat", "dog"], np.asarray(text_embeddings, "float32"))


def unit(*shape):
    rows = np.random.default_rng(0).normal(size=shape)
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype("float32")


@pytest.mark.parametrize("fixture", FIXTURES)
@pytest.mark.parametrize("batch_size", [1, 7, 256])
def test_classifier_equals_the_original(fixture, batch_size):
    inputs, expected = load_arrays(fixture, "inputs.npz"), load_arrays(fixture, "outputs.npz")
    model = LookupModel(load_json(fixture, "texts.json"), inputs["text_embeddings"])
    classifier = ZeroShotClassifier(
        model,
        load_json(fixture)["class_names"],
        templates=prompt_templates("clip_best"),
        batch_size=batch_size,
    )
    assert max(model.batch_sizes) <= batch_size
    np.testing.assert_allclose(classifier.class_weights, expected["class_embeddings"], atol=1e-6)
    probabilities = classifier.predict(inputs["zimg"])
    np.testing.assert_array_equal(probabilities.argmax(axis=-1), expected["predictions"])
    results = zero_shot_accuracy(probabilities, inputs["labels"])
    assert results["zero_shot_accuracy@1"] == expected["accuracy"]
    assert results["zero_shot_accuracy@1"] * expected["count"] == expected["correct"]


@pytest.mark.parametrize("fixture", FIXTURES)
def test_class_weights_equal_the_original(fixture):
    inputs, expected = load_arrays(fixture, "inputs.npz"), load_arrays(fixture, "outputs.npz")
    weights = class_weights(inputs["text_embeddings"], inputs["text_labels"], num_classes=7)
    np.testing.assert_allclose(weights, expected["class_embeddings"], atol=1e-6)
    assert weights.dtype == "float32"


def test_probabilities_are_the_softmax_of_temperature_times_similarity():
    model = two_class_model()
    classifier = ZeroShotClassifier(model, ["cat", "dog"], templates=["{}"])
    images = unit(5, 2)
    for temperature in (1.0, 30.0, 1e4):
        model.temperature = temperature
        expected = np.exp(temperature * (images - images.max(axis=1, keepdims=True)))
        expected /= expected.sum(axis=1, keepdims=True)
        received = classifier.predict(images)
        np.testing.assert_allclose(received, expected, rtol=1e-4, atol=1e-6)
        np.testing.assert_array_equal(received.argmax(1), images.argmax(1))
        np.testing.assert_allclose(received.sum(1), 1, rtol=1e-6)
        assert received.dtype == "float32"


def test_without_temperature_similarities_are_not_scaled():
    classifier = ZeroShotClassifier(two_class_model(), ["cat", "dog"], templates=["{}"])
    received = classifier.predict_embeddings(np.eye(2, dtype="float32"))
    np.testing.assert_allclose(received[0], np.exp([1, 0]) / np.exp([1, 0]).sum(), rtol=1e-6)


def test_text_rule_decides_what_the_model_reads():
    model = LookupModel(["St. Bernard!", "st bernard"], np.eye(2, dtype="float32"))
    canonical = ZeroShotClassifier(model, ["St. Bernard"], templates=["{}!"])
    np.testing.assert_array_equal(canonical.class_weights, [[0, 1]])
    verbatim = ZeroShotClassifier(model, ["St. Bernard"], ["{}!"], text_rule=verbatim_texts)
    np.testing.assert_array_equal(verbatim.class_weights, [[1, 0]])


@pytest.mark.parametrize(
    "embeddings, message",
    [
        (np.zeros((0, 2)), "is empty"),
        (np.ones((3, 2)), "must have norm 1; row 0 has norm 1.414"),
        (np.eye(3), "size 3, those it is compared with have size 2"),
        (np.array([[1, 0], [np.nan, 0]]), "NaN or infinite values, first in row 1"),
        (np.ones(2), "received shape"),
    ],
)
def test_bad_image_embeddings_are_named(embeddings, message):
    classifier = ZeroShotClassifier(two_class_model(), ["cat", "dog"], templates=["{}"])
    with pytest.raises(ValueError, match=message):
        classifier.predict(embeddings)


@pytest.mark.parametrize(
    "text_embeddings, message",
    [
        ([[np.nan, 0.0], [0.0, 1.0]], "encode_texts.* NaN"),
        ([[2.0, 0.0], [0.0, 1.0]], "encode_texts.* norm 2"),
    ],
)
def test_bad_text_embeddings_are_named(text_embeddings, message):
    with pytest.raises(ValueError, match=message):
        ZeroShotClassifier(two_class_model(text_embeddings), ["cat", "dog"], templates=["{}"])


def test_lost_texts_are_noticed():
    model = two_class_model()
    model.encode_texts = lambda texts: np.eye(2)[:1]
    with pytest.raises(ValueError, match="1 embeddings for 2 texts"):
        ZeroShotClassifier(model, ["cat", "dog"], templates=["{}"])


def test_bad_classes_are_named():
    with pytest.raises(ValueError, match="same text"):
        ZeroShotClassifier(two_class_model(), ["cat", "cat"], templates=["{}"])
    with pytest.raises(ValueError, match="has no `{}`"):
        ZeroShotClassifier(two_class_model(), ["cat", "dog"], templates=["a photo"])
    with pytest.raises(ValueError, match="no text for class 1 of 3"):
        class_weights(np.eye(2), [0, 2], num_classes=3)
    with pytest.raises(ValueError, match="`class_ids` must be between 0 and 1"):
        class_weights(np.eye(2), [0, 2], num_classes=2)
