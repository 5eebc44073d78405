"""Arrays from outside -> the same arrays, or one clear error."""

import numpy as np

# Rounding embeddings to bfloat16 moves a norm by less than this; a tower that does not normalise
# is off by far more.
_NORM_TOLERANCE = 1e-2


def check_embeddings(argument, embeddings, dim=None):
    """Returns unit-norm embeddings as a float32 array.

    Args:
        argument: string, the name that errors use.
        embeddings: array `(count, dim)`.
        dim: integer, the size that the other embeddings have, if known.

    Returns:
        float32 array `(count, dim)`.

    Raises:
        ValueError: wrong rank or size, none at all, NaN or infinite values, or norms that are not
            1.
    """
    embeddings = np.asarray(embeddings)
    if embeddings.ndim != 2:
        raise ValueError(
            f"`{argument}` must be embeddings of shape (count, dim); received shape "
            f"{embeddings.shape}."
        )
    if embeddings.shape[0] == 0:
        raise ValueError(
            f"`{argument}` is empty (shape {embeddings.shape}): there is nothing to evaluate. "
            "Check the split's name and the filters before it."
        )
    if dim is not None and embeddings.shape[1] != dim:
        raise ValueError(
            f"`{argument}` has embeddings of size {embeddings.shape[1]}, those it is compared with "
            f"have size {dim}. Both must come from the same model."
        )
    embeddings = embeddings.astype("float32", copy=False)
    norms = np.sqrt(np.einsum("ij,ij->i", embeddings, embeddings, dtype="float64"))
    if not np.isfinite(norms).all():
        row = int(np.argmin(np.isfinite(norms)))
        raise ValueError(
            f"`{argument}` has NaN or infinite values, first in row {row}. Training has "
            "diverged, or the input of that row is damaged."
        )
    distance = np.abs(norms - 1)
    if distance.max() > _NORM_TOLERANCE:
        row = int(np.argmax(distance))
        raise ValueError(
            f"`{argument}` must have norm 1; row {row} has norm {norms[row]:.4g}. Use the output "
            "of `encode_images` / `encode_texts`, or divide each row by its norm."
        )
    return embeddings


def check_scores(scores):
    """Returns scores `(images, classes)` as an array; ValueError on another rank, none, or NaN."""
    scores = np.asarray(scores)
    if scores.ndim != 2 or 0 in scores.shape:
        raise ValueError(
            "`scores` must have shape (images, classes) with at least one of each; received shape "
            f"{scores.shape}."
        )
    if np.isnan(scores).any():
        row = int(np.argmax(np.isnan(scores).any(axis=1)))
        raise ValueError(f"`scores` has NaN, first in row {row}.")
    return scores


def check_labels(argument, labels, count, num_classes):
    """Returns integer labels `(count,)`.

    Raises:
        ValueError: not integers, another number than `count`, or outside `0 .. num_classes - 1`.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise ValueError(
            f"`{argument}` must be integers of shape ({count},); received {labels.dtype} of shape "
            f"{labels.shape}."
        )
    _check_count_and_range(argument, labels, count, num_classes, lowest=0)
    return labels.astype("int64", copy=False)


def check_multi_labels(argument, labels, count, num_classes):
    """Returns integer labels `(count, labels)`, padded with -1; `(count,)` becomes `(count, 1)`.

    Raises:
        ValueError: not integers, another number than `count`, outside `-1 .. num_classes - 1`, or
            no image with a label.
    """
    labels = np.asarray(labels)
    if labels.ndim != 2:
        return check_labels(argument, labels, count, num_classes)[:, None]
    if labels.dtype.kind not in "iu" or labels.shape[1] == 0:
        raise ValueError(
            f"`{argument}` must be integers, at least one per image; received {labels.dtype} of "
            f"shape {labels.shape}."
        )
    _check_count_and_range(argument, labels, count, num_classes, lowest=-1)
    if (labels < 0).all():
        raise ValueError(f"`{argument}` has only -1, the padding: no image has a label.")
    return labels.astype("int64", copy=False)


def _check_count_and_range(argument, labels, count, num_classes, lowest):
    if len(labels) != count:
        raise ValueError(f"`{argument}` has {len(labels)} rows for {count} images.")
    low, high = labels.min(), labels.max()
    if low < lowest or high >= num_classes:
        raise ValueError(
            f"`{argument}` must be between {lowest} and {num_classes - 1} for {num_classes} "
            f"classes; received values from {low} to {high}. The class names do not match the "
            "labels, or labels count from 1."
        )
