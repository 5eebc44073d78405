"""Frozen image embeddings and a few labels -> predicted classes: a tower judged before tuning."""

import dataclasses

import numpy as np

from keras_lit.evaluation.checks import check_embeddings, check_labels

_BIAS_CONSTANT = 100.0
_QUERIES_PER_CHUNK = 1024


@dataclasses.dataclass(frozen=True)
class LinearProbe:
    """A linear classifier on standardised embeddings, as `fit_linear_probe` returns it.

    Args:
        mean: array `(dim,)` subtracted from embeddings.
        scale: array `(dim,)` by which they are then divided.
        kernel: array `(dim + 1, classes)`; its last row is the bias.
    """

    mean: np.ndarray
    scale: np.ndarray
    kernel: np.ndarray

    def predict(self, embeddings):
        """Returns scores `(count, classes)` of embeddings `(count, dim)`; argmax is the prediction.

        Raises:
            ValueError: embeddings of another size, none, or NaN.
        """
        embeddings = _check_features("embeddings", embeddings, dim=len(self.mean))
        return _augment((embeddings - self.mean) / self.scale) @ self.kernel


def fit_linear_probe(embeddings, labels, num_classes, l2_regularization=2.0**10):
    """Fits a linear classifier in closed form: ridge regression onto targets of -1 and 1.

    Args:
        embeddings: array `(count, dim)` of frozen features, not necessarily unit-norm.
        labels: integers `(count,)`.
        num_classes: integer.
        l2_regularization: float above 0, added to the diagonal of the normal equations.

    Returns:
        `LinearProbe`.

    Raises:
        ValueError: no embeddings, NaN, labels out of range, or regularization not above 0.

    Example:

    >>> probe = fit_linear_probe([[0.0, 1.0], [1.0, 0.0]], [0, 1], num_classes=2)
    >>> probe.predict([[0.1, 0.9]]).argmax(axis=-1).tolist()
    [0]

    Reference:
        `fewshot_lsr` in github.com/google-research/big_vision: whitening by mean and standard
        deviation + 1e-5, a constant feature of 100, regularization 2 ** 10.
    """
    if not l2_regularization > 0:
        raise ValueError(f"`l2_regularization` must be above 0; received {l2_regularization}.")
    embeddings = _check_features("embeddings", embeddings)
    labels = check_labels("labels", labels, len(embeddings), num_classes)
    mean = embeddings.mean(axis=0)
    scale = embeddings.std(axis=0) + 1e-5
    features = _augment((embeddings - mean) / scale)
    targets = 2 * np.eye(num_classes)[labels] - 1
    count, width = features.shape
    if count > width:
        gram = features.T @ features + l2_regularization * np.eye(width)
        kernel = np.linalg.solve(gram, features.T @ targets)
    else:
        # The same solution from the smaller of the two systems.
        gram = features @ features.T + l2_regularization * np.eye(count)
        kernel = features.T @ np.linalg.solve(gram, targets)
    return LinearProbe(mean, scale, kernel)


def nearest_neighbor_scores(queries, embeddings, labels, num_classes, num_neighbors=20):
    """Scores classes by the labelled embeddings nearest to each query.

    Each neighbour votes for its class with weight `exp(similarity / 0.07)`.

    Args:
        queries: unit-norm array `(queries, dim)`.
        embeddings: unit-norm array `(count, dim)`, labelled.
        labels: integers `(count,)`.
        num_classes: integer.
        num_neighbors: integer, at most `count`.

    Returns:
        float64 array `(queries, num_classes)`, rows sum to 1; argmax is the prediction.

    Raises:
        ValueError: embeddings that are not unit-norm, of different sizes or NaN, labels out of
            range, or more neighbours than labelled embeddings.

    Example:

    >>> embeddings = np.eye(2)
    >>> scores = nearest_neighbor_scores(
    ...     embeddings, embeddings, [1, 0], num_classes=2, num_neighbors=1
    ... )
    >>> scores.argmax(axis=-1).tolist()
    [1, 0]

    Reference:
        Wu et al. (arXiv:1805.01978), as DINO (arXiv:2104.14294) evaluates frozen features.
    """
    embeddings = check_embeddings("embeddings", embeddings)
    queries = check_embeddings("queries", queries, dim=embeddings.shape[1])
    labels = check_labels("labels", labels, len(embeddings), num_classes)
    if not 1 <= num_neighbors <= len(embeddings):
        raise ValueError(
            f"`num_neighbors` must be between 1 and the {len(embeddings)} labelled embeddings; "
            f"received {num_neighbors}."
        )
    scores = np.zeros((len(queries), num_classes))
    for start in range(0, len(queries), _QUERIES_PER_CHUNK):
        similarities = queries[start : start + _QUERIES_PER_CHUNK] @ embeddings.T
        nearest = np.argsort(-similarities, axis=1, kind="stable")[:, :num_neighbors]
        nearest_similarities = np.take_along_axis(similarities, nearest, axis=1).astype("float64")
        votes = np.exp((nearest_similarities - nearest_similarities[:, :1]) / 0.07)
        rows = np.arange(start, start + len(votes))[:, None]
        np.add.at(scores, (rows, labels[nearest]), votes / votes.sum(axis=1, keepdims=True))
    return scores


def few_shot_indices(labels, num_shots, seed):
    """Draws `num_shots` examples of each class.

    Args:
        labels: integers `(count,)`.
        num_shots: integer of at least 1.
        seed: integer.

    Returns:
        int64 array of `num_shots` indices per class, class by class.

    Raises:
        ValueError: a class with fewer examples than `num_shots`.

    Example:

    >>> len(few_shot_indices([0, 0, 1, 1, 1], num_shots=2, seed=0))
    4
    """
    labels = np.asarray(labels)
    random = np.random.default_rng(seed)
    chosen = []
    for label in np.unique(labels):
        candidates = np.flatnonzero(labels == label)
        if len(candidates) < num_shots or num_shots < 1:
            raise ValueError(
                f"`num_shots` must be between 1 and the number of examples of a class; received "
                f"{num_shots}, and class {label} has {len(candidates)}."
            )
        chosen.append(random.choice(candidates, num_shots, replace=False))
    return np.concatenate(chosen)


def _augment(features):
    return np.pad(features, ((0, 0), (0, 1)), constant_values=_BIAS_CONSTANT)


def _check_features(argument, features, dim=None):
    features = np.asarray(features, "float64")
    if features.ndim != 2 or len(features) == 0 or (dim is not None and features.shape[1] != dim):
        raise ValueError(
            f"`{argument}` must have shape (count, {dim or 'dim'}) with count of at least 1; "
            f"received shape {features.shape}."
        )
    if not np.isfinite(features).all():
        raise ValueError(f"`{argument}` has NaN or infinite values.")
    return features
