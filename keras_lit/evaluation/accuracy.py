"""Scores (images, classes) and labels -> accuracies and confusion, as pure NumPy functions."""

import numpy as np

from keras_lit.evaluation.checks import check_labels, check_multi_labels, check_scores


def label_ranks(scores, labels):
    """Counts for each image the classes that come before its label.

    Rank 0 is a correct prediction. Among equal scores the class with the lower index comes first,
    as in `np.argmax`, so a model that scores all classes alike gets no credit beyond one class.

    Args:
        scores: array `(images, classes)`, higher is better; a temperature changes nothing.
        labels: integers `(images,)`, or `(images, labels)` padded with -1: the rank is then that of
            the best of the image's labels.

    Returns:
        int64 array `(images,)`; -1 for an image without any label.

    Raises:
        ValueError: shapes that do not match, NaN, labels out of range, no image with a label.

    Example:

    >>> label_ranks([[0.1, 0.9, 0.5], [0.3, 0.2, 0.1]], [2, 0]).tolist()
    [1, 0]
    """
    scores = check_scores(scores)
    images, classes = scores.shape
    labels = check_multi_labels("labels", labels, images, classes)
    label_scores = np.where(
        labels >= 0, np.take_along_axis(scores, np.maximum(labels, 0), axis=1), -np.inf
    )
    best_score = label_scores.max(axis=1, keepdims=True)
    is_best = (label_scores == best_score) & (labels >= 0)
    best_label = np.where(is_best, labels, classes).min(axis=1, keepdims=True)
    earlier_ties = (scores == best_score) & (np.arange(classes) < best_label)
    ranks = ((scores > best_score) | earlier_ties).sum(axis=1)
    return np.where((labels >= 0).any(axis=1), ranks, -1)


def zero_shot_accuracy(scores, labels, k=(1, 5)):
    """Share of images whose label is among the `k` best classes.

    Args:
        scores: array `(images, classes)`: similarities, logits or probabilities.
        labels: integers `(images,)`, or `(images, labels)` padded with -1 where an image may have
            several right answers (ImageNet-ReaL): any of them counts. Images with only -1 are not
            counted, as in ReaL.
        k: integers. With `k` at or above the number of classes the share is 1 by definition.

    Returns:
        Dict of floats in `[0, 1]`: `"zero_shot_accuracy@1"` and so on for each `k`, and, for one
        label per image, `"zero_shot_balanced_accuracy"`: the top-1 accuracy of each class that has
        images, averaged over these classes.

    Raises:
        ValueError: as `label_ranks`, or a `k` below 1.

    Example:

    >>> zero_shot_accuracy([[0.1, 0.9], [0.3, 0.2], [0.6, 0.4]], [1, 0, 1], k=(1,))
    {'zero_shot_accuracy@1': 0.6666666666666666, 'zero_shot_balanced_accuracy': 0.75}

    Reference:
        `discriminative_classifier.Evaluator` in github.com/google-research/big_vision.
    """
    return accuracy_of_ranks(label_ranks(scores, labels), labels, k)


def accuracy_of_ranks(ranks, labels, k=(1, 5)):
    """Returns what `zero_shot_accuracy` does, from the ranks that `label_ranks` gives.

    So that scores of all images need not be in memory at once.

    Example:

    >>> accuracy_of_ranks(np.array([0, 1]), [1, 0], k=(1,))["zero_shot_accuracy@1"]
    0.5
    """
    check_k(k)
    counted = ranks[ranks >= 0]
    results = {f"zero_shot_accuracy@{size}": float(np.mean(counted < size)) for size in k}
    labels = np.asarray(labels)
    if labels.ndim == 1:
        images_per_class = np.bincount(labels)
        correct_per_class = np.bincount(labels, weights=ranks == 0)
        present = images_per_class > 0
        results["zero_shot_balanced_accuracy"] = float(
            np.mean(correct_per_class[present] / images_per_class[present])
        )
    return results


def confusion_matrix(predictions, labels, num_classes):
    """Counts how often each class was taken for each.

    Args:
        predictions: integers `(images,)`.
        labels: integers `(images,)`.
        num_classes: integer.

    Returns:
        int64 array `(num_classes, num_classes)`: rows are labels, columns predictions.

    Raises:
        ValueError: numbers of images that differ, or classes out of range.

    Example:

    >>> confusion_matrix([0, 1, 1], [0, 0, 1], num_classes=2).tolist()
    [[1, 1], [0, 1]]
    """
    labels = np.asarray(labels)
    if labels.size == 0:
        raise ValueError("`labels` is empty: there is nothing to count.")
    labels = check_labels("labels", labels, len(labels), num_classes)
    predictions = check_labels("predictions", predictions, len(labels), num_classes)
    cells = np.bincount(labels * num_classes + predictions, minlength=num_classes**2)
    return cells.reshape(num_classes, num_classes)


def check_k(k):
    """Raises ValueError unless `k` is a non-empty sequence of integers of at least 1."""
    if not len(k) or any(size < 1 or size != int(size) for size in k):
        raise ValueError(f"`k` must hold integers of at least 1, such as (1, 5); received {k!r}.")
