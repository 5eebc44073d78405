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
from keras_lit.losses.local_loss import LocalSoftmaxContrastiveLoss

__all__ = [
    "ContrastiveLoss",
    "LocalSoftmaxContrastiveLoss",
    "SigmoidContrastiveLoss",
    "SoftmaxContrastiveLoss",
    "chunked_logsumexp",
    "chunked_softplus_sum",
    "sigmoid_contrastive_loss",
    "softmax_contrastive_loss",
]
