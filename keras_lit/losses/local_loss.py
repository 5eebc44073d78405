"""Embeddings of pairs (rows, dim) -> loss per pair (rows,) against its neighbours alone."""

import keras
from keras import ops

from keras_lit import distribution
from keras_lit.losses import functional
from keras_lit.losses.contrastive_loss import ContrastiveLoss


@keras.saving.register_keras_serializable(package="keras_lit")
class LocalSoftmaxContrastiveLoss(ContrastiveLoss):
    """Softmax cross-entropy within groups of consecutive pairs instead of the global batch.

    The local variant of the contrastive loss: a device compares its own pairs and exchanges no
    embeddings. What "local" means is a number here, so that the loss is the same on any number of
    devices; the original's is the number of pairs per device.

    Args:
        group_size: Integer >= 2, how many consecutive pairs form a group. The pairs per device are
            a multiple of it.
        label_smoothing: Float in [0, 1), the share of a pair's target, 1, that all of its group get
            in equal parts.
        name: String.

    Raises:
        ValueError: If `group_size` is less than 2, or `label_smoothing` no share.

    Example:

    ```python
    import keras_lit

    keras_lit.losses.LocalSoftmaxContrastiveLoss(group_size=256)
    ```

    Reference:
        - [LiT, section 5.6](https://arxiv.org/abs/2111.07991), where the loss over the global batch
          is the better one.
    """

    def __init__(self, group_size, label_smoothing=0.0, name="local_softmax_contrastive_loss"):
        super().__init__(label_smoothing=label_smoothing, name=name)
        if not isinstance(group_size, int) or group_size < 2:
            raise ValueError(
                f"`group_size` must be an integer >= 2, as a pair alone has no negatives. "
                f"Received: group_size={group_size!r}."
            )
        self.group_size = group_size
        self.row_multiple = group_size

    def call(self, y_true, y_pred):
        return functional.softmax_contrastive_loss(y_pred, y_true, self.label_smoothing)

    def _compare_pairs(self, rows, columns, bias):
        columns = ops.transpose(self._split(columns), (0, 2, 1))
        logits = distribution.float32_matmul(self._split(rows), columns) + bias
        losses = 0.5 * (ops.logsumexp(logits, axis=2) + ops.logsumexp(logits, axis=1))
        is_best = ops.argmax(logits, axis=2) == ops.arange(self.group_size)
        return ops.reshape(losses, (-1,)), ops.reshape(is_best, (-1,))

    def _mean_logits(self, images, texts, pair_mask):
        weights = ops.ones_like(images[:, :1]) if pair_mask is None else pair_mask[:, None]
        weights = self._split(weights)
        num_pairs = ops.maximum(ops.sum(weights, axis=1, keepdims=True), 1.0)
        images, texts = self._split(images), self._split(texts)
        mean_text, mean_image = (
            ops.sum(weights * rows, axis=1, keepdims=True) / num_pairs for rows in (texts, images)
        )
        means = 0.5 * ops.sum(images * mean_text + texts * mean_image, axis=2)
        return ops.reshape(means, (-1,))

    def _split(self, rows):
        return ops.reshape(rows, (-1, self.group_size, rows.shape[-1]))

    def get_config(self):
        return {
            "group_size": self.group_size,
            "label_smoothing": self.label_smoothing,
            "name": self.name,
        }
