"""Accuracies against sorting, counting by hand, and bad input."""

import numpy as np
import pytest

from keras_lit.evaluation import accuracy

pytestmark = pytest.mark.any_backend


def sorted_rank(scores, labels):
    """The position of the first of `labels` in a stable descending sort."""
    order = np.argsort(-np.asarray(scores), kind="stable").tolist()
    return min(order.index(label) for label in labels if label >= 0)


@pytest.mark.parametrize("levels", [2, 5, 10**6])
def test_ranks_equal_a_stable_sort_with_and_without_ties(levels):
    random = np.random.default_rng(levels)
    scores = random.integers(0, levels, (200, 12)).astype("float32")
    labels = random.integers(-1, 12, (200, 3))
    labels[:, 0] = np.maximum(labels[:, 0], 0)
    expected = [
        sorted_rank(row, row_labels) for row, row_labels in zip(scores, labels, strict=True)
    ]
    assert accuracy.label_ranks(scores, labels).tolist() == expected
    expected = [sorted_rank(row, [label]) for row, label in zip(scores, labels[:, 0], strict=True)]
    assert accuracy.label_ranks(scores, labels[:, 0]).tolist() == expected


def test_top_1_is_argmax_also_when_all_scores_tie():
    labels = np.arange(6) % 3
    results = accuracy.zero_shot_accuracy(np.zeros((6, 3)), labels, k=(1, 2, 3, 9))
    assert results["zero_shot_accuracy@1"] == np.mean(labels == 0)
    assert results["zero_shot_accuracy@2"] == pytest.approx(2 / 3)
    assert results["zero_shot_accuracy@3"] == results["zero_shot_accuracy@9"] == 1


def test_balanced_accuracy_weighs_classes_not_images():
    # Class 0: 3 of 4 right, class 1: 0 of 1, class 2 has no image.
    predictions, labels = np.array([0, 0, 0, 1, 2]), np.array([0, 0, 0, 0, 1])
    results = accuracy.zero_shot_accuracy(np.eye(3)[predictions], labels)
    assert results["zero_shot_balanced_accuracy"] == pytest.approx((3 / 4 + 0) / 2)
    assert results["zero_shot_accuracy@1"] == pytest.approx(3 / 5)


def test_images_without_a_label_are_not_counted():
    labels = np.array([[0, -1], [-1, -1], [1, 2], [-1, 2]])
    results = accuracy.zero_shot_accuracy(np.eye(3)[[0, 0, 2, 0]], labels, k=(1,))
    assert results == {"zero_shot_accuracy@1": pytest.approx(2 / 3)}
    assert accuracy.label_ranks(np.eye(3)[[0, 0, 2, 0]], labels)[1] == -1


def test_confusion_matrix_counts_pairs():
    random = np.random.default_rng(0)
    predictions, labels = random.integers(0, 4, (2, 100))
    expected = np.zeros((5, 5), int)
    for prediction, label in zip(predictions, labels, strict=True):
        expected[label, prediction] += 1
    np.testing.assert_array_equal(accuracy.confusion_matrix(predictions, labels, 5), expected)


@pytest.mark.parametrize(
    "scores, labels, message",
    [
        (np.zeros((0, 3)), np.zeros(0, int), r"received shape \(0, 3\)"),
        (np.zeros(3), [0], "received shape"),
        (np.zeros((2, 3)), [0, 3], "between 0 and 2 for 3 classes; received values from 0 to 3"),
        (np.zeros((2, 3)), [0, -1], "between 0 and 2"),
        (np.zeros((2, 3)), [[0], [-2]], "between -1 and 2"),
        (np.zeros((2, 3)), [[-1], [-1]], "no image has a label"),
        (np.zeros((2, 3)), np.zeros((2, 0), int), "at least one per image"),
        (np.zeros((2, 3)), [0, 1, 2], "3 rows for 2 images"),
        (np.zeros((2, 3)), [0.0, 1.0], "must be integers"),
        (np.array([[0.0, 1.0], [np.nan, 0.0]]), [0, 1], "NaN, first in row 1"),
    ],
)
def test_bad_input_is_named(scores, labels, message):
    with pytest.raises(ValueError, match=message):
        accuracy.zero_shot_accuracy(scores, labels)


@pytest.mark.parametrize("k", [(), (0,), (1.5,)])
def test_bad_k_is_named(k):
    with pytest.raises(ValueError, match="`k` must hold integers"):
        accuracy.zero_shot_accuracy(np.eye(2), [0, 1], k)


def test_confusion_matrix_checks_its_input():
    with pytest.raises(ValueError, match="`labels` is empty"):
        accuracy.confusion_matrix([], [], 3)
    with pytest.raises(ValueError, match="`predictions` must be between 0 and 2"):
        accuracy.confusion_matrix([3], [0], 3)
    with pytest.raises(ValueError, match="`predictions` has 1 rows for 2 images"):
        accuracy.confusion_matrix([0], [0, 1], 3)
