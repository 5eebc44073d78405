"""Logits (rows, columns) and each row's positive column -> loss per row (rows,): the pure maths."""

from keras import ops


def _is_positive(logits, positives):
    columns = ops.arange(ops.shape(logits)[1], dtype="int32")
    return ops.expand_dims(columns, 0) == ops.expand_dims(ops.cast(positives, "int32"), 1)


def _positive_logits(logits, positives):
    is_positive = _is_positive(logits, positives)
    return ops.sum(ops.where(is_positive, logits, ops.zeros_like(logits)), axis=1)


def softmax_contrastive_loss(logits, positives, label_smoothing=0.0):
    """Cross-entropy of picking each row's positive out of all columns.

    Args:
        logits: Float tensor `(rows, columns)`.
        positives: Integer tensor `(rows,)`, each row's positive column.
        label_smoothing: Float in [0, 1), the share of the positive's target, 1, that all columns
            get in equal parts.

    Returns:
        Tensor `(rows,)`.

    Example:

    ```python
    import numpy as np
    from keras_lit.losses import softmax_contrastive_loss

    softmax_contrastive_loss(np.eye(2, dtype="float32"), np.arange(2))  # [0.313, 0.313]
    ```
    """
    positive_logits = _positive_logits(logits, positives)
    losses = ops.logsumexp(logits, axis=1) - positive_logits
    return losses + label_smoothing * (positive_logits - ops.mean(logits, axis=1))


def sigmoid_contrastive_loss(logits, positives, label_smoothing=0.0):
    """Binary cross-entropies of every (row, column) pair, summed over the columns.

    Args:
        logits: Float tensor `(rows, columns)`.
        positives: Integer tensor `(rows,)`, each row's positive column.
        label_smoothing: Float in [0, 1), the share of the positive's target, 1, that all columns
            get in equal parts.

    Returns:
        Tensor `(rows,)`.

    Example:

    ```python
    import numpy as np
    from keras_lit.losses import sigmoid_contrastive_loss

    sigmoid_contrastive_loss(np.eye(2, dtype="float32"), np.arange(2))  # [1.006, 1.006]
    ```
    """
    # -log_sigmoid(label * logit), with label +1 for the positive and -1 otherwise.
    is_positive = _is_positive(logits, positives)
    losses = ops.sum(ops.softplus(ops.where(is_positive, -logits, logits)), axis=1)
    positive_logits = _positive_logits(logits, positives)
    return losses + label_smoothing * (positive_logits - ops.mean(logits, axis=1))
