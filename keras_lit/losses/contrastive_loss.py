"""Unit-norm embeddings of image-text pairs (rows, dim) -> loss per pair (rows,).

The negatives are the rows of the global batch, wherever they live: see
`keras_lit.distribution.gather_batch`.
"""

import keras
from keras import ops

from keras_lit import distribution
from keras_lit.losses import functional
from keras_lit.losses.chunked import chunked_logsumexp, chunked_softplus_sum

# Below, the dense path is faster on a CPU, and its logits take 16 MB at most.
_SMALLEST_CHUNKED_BATCH = 2049
_CHUNK_SIZE = 512


def _exclude_padding(rows, columns, pair_mask):
    """Appends two coordinates that leave logits alone, or 10,000 lower where a pair is padding."""
    penalty = ops.expand_dims(1e4 * (pair_mask - 1.0), 1)
    ones = ops.ones_like(penalty)
    return (
        ops.concatenate([rows, penalty, ones], axis=1),
        ops.concatenate([columns, ones, penalty], axis=1),
    )


def _global_mean(rows, pair_mask):
    """Returns the mean of the global batch's rows, padding left out: `(1, dim)`."""
    weights = ops.ones_like(rows[:, :1]) if pair_mask is None else ops.expand_dims(pair_mask, 1)
    rows, weights = distribution.gather_batch(rows), distribution.gather_batch(weights)
    return ops.sum(weights * rows, axis=0, keepdims=True) / ops.sum(weights)


class ContrastiveLoss(keras.losses.Loss):
    """Base of the contrastive losses that `LiTModel.compile` takes.

    As a plain Keras loss it is called with each row's positive column and the logits. `LiTModel`
    calls `pair_losses`, which finds the negatives first, and can do without holding all logits.

    Args:
        chunk_size: Integer, with how many pairs of the global batch each pair is compared at once.
            Memory grows with it, the result does not depend on it. `None` chooses: all at once in
            small batches, chunks in large ones.
        label_smoothing: Float in [0, 1), the share of a pair's target, 1, that all of the global
            batch get in equal parts. It costs no second look at the logits.
        name: String.

    Call arguments:
        y_true: Integer tensor `(rows,)`, each row's positive column.
        y_pred: Float tensor `(rows, columns)`, the logits.

    Returns:
        Scalar, the mean over the rows.

    Raises:
        ValueError: If `chunk_size` is less than 1, or `label_smoothing` no share.
    """

    def __init__(self, chunk_size=None, label_smoothing=0.0, name=None):
        super().__init__(name=name)
        if not 0 <= label_smoothing < 1:
            raise ValueError(
                "`label_smoothing` must be in [0, 1). Received: label_smoothing="
                f"{label_smoothing}. 0.1 is usual."
            )
        self.label_smoothing = label_smoothing
        if chunk_size is not None and not chunk_size >= 1:
            raise ValueError(
                f"`chunk_size` must be >= 1. Received: chunk_size={chunk_size}. Leave it out to "
                "have it chosen."
            )
        self.chunk_size = chunk_size

    # How many consecutive pairs must stay on one device.
    row_multiple = 1

    def pair_losses(self, images, texts, head, pair_mask=None):
        """Compares this replica's pairs with the global batch.

        Args:
            images: Float tensor `(rows, dim)`, unit-norm image embeddings.
            texts: Float tensor `(rows, dim)`, unit-norm text embeddings of the same pairs.
            head: `keras_lit.layers.SimilarityHead`, two sets of embeddings -> logits.
            pair_mask: Float tensor `(rows,)`, 0 for pairs that only pad the batch, and neither have
                a loss nor are anyone's negatives; else 1. `None`: all pairs count.

        Returns:
            Tuple of two tensors `(rows,)`: the loss of each pair, and 1.0 where the pair's text is
            the best of the global batch for its image, else 0.0.

        Raises:
            ValueError: If `chunk_size` is larger than the global batch.
        """
        images, texts = ops.cast(images, "float32"), ops.cast(texts, "float32")
        scaled_images = ops.exp(head.log_temperature) * images
        bias = ops.cast(0.0 if head.logit_bias is None else head.logit_bias, "float32")
        positive_logits = ops.sum(scaled_images * texts, axis=1) + bias
        rows, columns = scaled_images, texts
        if pair_mask is not None:
            pair_mask = ops.cast(pair_mask, "float32")
            rows, columns = _exclude_padding(rows, columns, pair_mask)
        losses, is_best = self._compare_pairs(rows, columns, bias)
        losses, is_best = losses - positive_logits, ops.cast(is_best, "float32")
        if self.label_smoothing:
            mean_logits = self._mean_logits(scaled_images, texts, pair_mask) + bias
            losses += self.label_smoothing * (positive_logits - mean_logits)
        return (losses, is_best) if pair_mask is None else (losses * pair_mask, is_best * pair_mask)

    def _compare_pairs(self, rows, columns, bias):
        """Returns each row's loss, its positive logit yet to subtract, and if that is the best."""
        columns = distribution.gather_batch(columns)
        chunk_size = self._choose_chunk_size(ops.shape(columns)[0])
        losses, best_columns = self._compare(rows, columns, bias, chunk_size)
        num_rows = ops.shape(rows)[0]
        positives = distribution.row_offset(num_rows) + ops.arange(num_rows, dtype="int32")
        return losses, best_columns == positives

    def _mean_logits(self, images, texts, pair_mask):
        """Returns each pair's logits, less the bias, averaged over all texts and over all images.

        The mean of products with many vectors is the product with their mean.
        """
        mean_text, mean_image = (_global_mean(rows, pair_mask) for rows in (texts, images))
        return 0.5 * (ops.sum(images * mean_text, axis=1) + ops.sum(texts * mean_image, axis=1))

    def _compare(self, rows, columns, bias, chunk_size):
        """Returns the loss of each row, its positive logit yet to subtract, and its best column."""
        raise NotImplementedError

    def _choose_chunk_size(self, num_columns):
        if not isinstance(num_columns, int):
            # TensorFlow learns the size of the batch with the batch.
            return ops.minimum(self.chunk_size or _CHUNK_SIZE, num_columns)
        if self.chunk_size is None:
            return None if num_columns < _SMALLEST_CHUNKED_BATCH else _CHUNK_SIZE
        if self.chunk_size > num_columns:
            raise ValueError(
                f"`chunk_size` must not exceed the global batch. Received: chunk_size="
                f"{self.chunk_size} and a batch of {num_columns} pairs. Leave it out to have it "
                "chosen."
            )
        return self.chunk_size

    def get_config(self):
        return {
            "chunk_size": self.chunk_size,
            "label_smoothing": self.label_smoothing,
            "name": self.name,
        }


@keras.saving.register_keras_serializable(package="keras_lit")
class SoftmaxContrastiveLoss(ContrastiveLoss):
    """Softmax cross-entropy over the global batch, image to text and text to image.

    The loss of LiT and CLIP: half the cross-entropy of finding each image's text among all texts
    plus half that of finding each text's image among all images.

    Args:
        chunk_size: Integer, with how many pairs of the global batch each pair is compared at once.
            Memory grows with it, the result does not depend on it. `None` chooses: all at once in
            small batches, chunks in large ones.
        label_smoothing: Float in [0, 1), the share of a pair's target, 1, that all of the global
            batch get in equal parts. It costs no second look at the logits.
        name: String.

    Example:

    ```python
    import numpy as np
    import keras_lit

    loss = keras_lit.losses.SoftmaxContrastiveLoss()
    loss(np.arange(2), 10 * np.eye(2, dtype="float32"))  # 4.5e-05
    ```

    Reference:
        - [LiT, section 3.1](https://arxiv.org/abs/2111.07991)
    """

    def __init__(self, chunk_size=None, label_smoothing=0.0, name="softmax_contrastive_loss"):
        super().__init__(chunk_size, label_smoothing, name)

    def call(self, y_true, y_pred):
        return functional.softmax_contrastive_loss(y_pred, y_true, self.label_smoothing)

    def _compare(self, rows, columns, bias, chunk_size):
        over_texts, over_images, best_columns = chunked_logsumexp(rows, columns, chunk_size)
        # Each replica has seen its own images; all of them together are the global batch.
        over_images = ops.logsumexp(
            distribution.gather_batch(ops.expand_dims(over_images, 0)), axis=0
        )
        num_rows = ops.shape(rows)[0]
        over_images = ops.slice(over_images, (distribution.row_offset(num_rows),), (num_rows,))
        return 0.5 * (over_texts + over_images) + bias, best_columns


@keras.saving.register_keras_serializable(package="keras_lit")
class SigmoidContrastiveLoss(ContrastiveLoss):
    """One binary cross-entropy for each image-text pair of the global batch.

    Summed over all texts and averaged over the images. It wants a bias in the head, which
    balances the many negatives at the start: `SimilarityHead(temperature=10.0, bias=-10.0)`.

    Args:
        chunk_size: Integer, with how many pairs of the global batch each pair is compared at once.
            Memory grows with it, the result does not depend on it. `None` chooses: all at once in
            small batches, chunks in large ones.
        label_smoothing: Float in [0, 1), the share of a pair's target, 1, that all of the global
            batch get in equal parts. It costs no second look at the logits.
        name: String.

    Example:

    ```python
    import numpy as np
    import keras_lit

    loss = keras_lit.losses.SigmoidContrastiveLoss()
    loss(np.arange(2), 20 * np.eye(2, dtype="float32") - 10)  # 9.1e-05
    ```

    Reference:
        - [SigLIP](https://arxiv.org/abs/2303.15343)
    """

    def __init__(self, chunk_size=None, label_smoothing=0.0, name="sigmoid_contrastive_loss"):
        super().__init__(chunk_size, label_smoothing, name)

    def call(self, y_true, y_pred):
        return functional.sigmoid_contrastive_loss(y_pred, y_true, self.label_smoothing)

    def _compare(self, rows, columns, bias, chunk_size):
        # The positive's softplus(-logit) is softplus(logit) - logit, so all count as negatives.
        return chunked_softplus_sum(rows, columns, bias, chunk_size)
