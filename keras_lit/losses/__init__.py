"""Embeddings of image-text pairs -> contrastive losses: pure functions and Keras losses."""

from keras_lit.losses.chunked import chunked_logsumexp, chunked_softplus_sum
from keras_lit.losses.contrastive_loss import (
    ContrastiveLoss,
    SigmoidContrastiveLoss,
    SoftmaxContrastiveLoss,
)
from keras_lit.losses.functional import (
    sigmoid_contrastive_loss,
    softmax_contrastive_loss,
)

__all__ = [
    "ContrastiveLoss",
    "SigmoidContrastiveLoss",
    "SoftmaxContrastiveLoss",
    "chunked_logsumexp",
    "chunked_softplus_sum",
    "sigmoid_contrastive_loss",
    "softmax_contrastive_loss",
]
