"""Unit-norm embeddings of image-text pairs (rows, dim) -> loss per pair (rows,).

The negatives are the rows of the global batch, wherever they live: see
`keras_lit.distribution.gather_batch`.
"""

import keras
from keras import ops

from keras_lit import distribution
from keras_lit.losses import functional


class ContrastiveLoss(keras.losses.Loss):
    """Base of the contrastive losses that `LiTModel.compile` takes.

    As a plain Keras loss it is called with each row's positive column and the logits. `LiTModel`
    calls `pair_losses`, which finds the negatives first.

    Call arguments:
        y_true: Integer tensor `(rows,)`, each row's positive column.
        y_pred: Float tensor `(rows, columns)`, the logits.

    Returns:
        Scalar, the mean over the rows.
    """

    def pair_losses(self, images, texts, head):
        """Compares this replica's pairs with the global batch.

        Args:
            images: Float tensor `(rows, dim)`, unit-norm image embeddings.
            texts: Float tensor `(rows, dim)`, unit-norm text embeddings of the same pairs.
            head: `keras_lit.layers.SimilarityHead`, two sets of embeddings -> logits.

        Returns:
            Tuple of two tensors `(rows,)`: the loss of each pair, and 1.0 where the pair's text is
            the best of the global batch for its image, else 0.0.
        """
        raise NotImplementedError

    def get_config(self):
        return {"name": self.name}


def _positives(rows):
    num_rows = ops.shape(rows)[0]
    return distribution.row_offset(num_rows) + ops.arange(num_rows, dtype="int32")


@keras.saving.register_keras_serializable(package="keras_lit")
class SoftmaxContrastiveLoss(ContrastiveLoss):
    """Softmax cross-entropy over the global batch, image to text and text to image.

    The loss of LiT and CLIP: half the cross-entropy of finding each image's text among all texts
    plus half that of finding each text's image among all images.

    Args:
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

    def __init__(self, name="softmax_contrastive_loss"):
        super().__init__(name=name)

    def call(self, y_true, y_pred):
        return functional.softmax_contrastive_loss(y_pred, y_true)

    def pair_losses(self, images, texts, head):
        positives = _positives(images)
        all_texts = distribution.gather_batch(texts)
        image_to_text = head(images, all_texts)
        # One product serves both directions where this replica holds the whole batch.
        if all_texts is texts:
            text_to_image = ops.transpose(image_to_text)
        else:
            text_to_image = head(texts, distribution.gather_batch(images))
        losses = 0.5 * (self.call(positives, image_to_text) + self.call(positives, text_to_image))
        return losses, functional.in_batch_accuracy(image_to_text, positives)


@keras.saving.register_keras_serializable(package="keras_lit")
class SigmoidContrastiveLoss(ContrastiveLoss):
    """One binary cross-entropy for each image-text pair of the global batch.

    Summed over all texts and averaged over the images. It wants a bias in the head, which
    balances the many negatives at the start: `SimilarityHead(temperature=10.0, bias=-10.0)`.

    Args:
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

    def __init__(self, name="sigmoid_contrastive_loss"):
        super().__init__(name=name)

    def call(self, y_true, y_pred):
        return functional.sigmoid_contrastive_loss(y_pred, y_true)

    def pair_losses(self, images, texts, head):
        # Every pair counts once, so the one direction is the whole loss.
        positives = _positives(images)
        logits = head(images, distribution.gather_batch(texts))
        return self.call(positives, logits), functional.in_batch_accuracy(logits, positives)
