"""Losses within groups of pairs, and losses of batches that are padded."""

import numpy as np
import pytest

from keras_lit.losses import (
    LocalSoftmaxContrastiveLoss,
    SigmoidContrastiveLoss,
    SoftmaxContrastiveLoss,
)
from tests.gradients import value_and_gradients
from tests.losses.contrastive_loss_test import embeddings, mean_loss

LOSSES = [
    SoftmaxContrastiveLoss(),
    SoftmaxContrastiveLoss(chunk_size=5),
    SigmoidContrastiveLoss(chunk_size=5),
    LocalSoftmaxContrastiveLoss(group_size=8),
    SoftmaxContrastiveLoss(label_smoothing=0.3),
    LocalSoftmaxContrastiveLoss(group_size=8, label_smoothing=0.3),
]


def test_groups_are_batches_of_their_own():
    images, texts = embeddings(12)
    inputs = (np.log(20.0), 0.0)
    loss, gradients = value_and_gradients(
        mean_loss(LocalSoftmaxContrastiveLoss(4)), images, texts, *inputs
    )
    alone = [
        value_and_gradients(mean_loss(SoftmaxContrastiveLoss()), images[rows], texts[rows], *inputs)
        for rows in (slice(0, 4), slice(4, 8), slice(8, 12))
    ]
    np.testing.assert_allclose(loss, np.mean([value for value, _ in alone]), rtol=1e-6)
    for index in range(2):
        expected = np.concatenate([gradients[index] for _, gradients in alone]) / 3
        np.testing.assert_allclose(gradients[index], expected, atol=1e-6)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: str(loss.get_config()))
def test_padding_changes_no_loss_and_no_gradient(loss):
    images, texts = embeddings(8)
    padding = embeddings(8, seed=1)
    mask = np.repeat([1.0, 0.0], 8).astype("float32")
    padded = [np.concatenate(rows) for rows in zip((images, texts), padding, strict=True)]
    scalars = (np.log(20.0), -3.0)
    expected, gradients = value_and_gradients(mean_loss(loss), images, texts, *scalars)
    found, padded_gradients = value_and_gradients(mean_loss(loss, mask), *padded, *scalars)
    # The mean is over twice as many rows, half of which have no loss.
    np.testing.assert_allclose(2 * found, expected, rtol=5e-6)
    for mine, theirs in zip(padded_gradients, gradients, strict=True):
        mine = 2 * np.asarray(mine)
        if mine.ndim:
            assert not mine[8:].any()
            mine = mine[:8]
        np.testing.assert_allclose(mine, theirs, atol=1e-5)


@pytest.mark.parametrize("kind", ["softmax", "sigmoid", "local"])
def test_smoothed_labels(kind):
    images, texts = embeddings(8)
    logits = 20.0 * images @ texts.T - 3.0
    targets = 0.7 * np.eye(8) + 0.3 / 8
    if kind == "local":
        loss = LocalSoftmaxContrastiveLoss(8, label_smoothing=0.3)
    else:
        classes = {"softmax": SoftmaxContrastiveLoss, "sigmoid": SigmoidContrastiveLoss}
        loss = classes[kind](chunk_size=5, label_smoothing=0.3)
    if kind == "sigmoid":
        expected = np.sum(np.logaddexp(0, logits) - targets * logits) / 8
    else:
        log_softmax = [logits - np.logaddexp.reduce(logits, axis, keepdims=True) for axis in (0, 1)]
        expected = -np.sum(targets * sum(log_softmax)) / 16
    found, _ = value_and_gradients(mean_loss(loss), images, texts, np.log(20.0), -3.0)
    np.testing.assert_allclose(found, expected, rtol=2e-6)
    plain = [loss(np.arange(8), each.astype("float32")) for each in (logits, logits.T)]
    np.testing.assert_allclose(np.mean(plain), expected, rtol=2e-6)


@pytest.mark.parametrize("label_smoothing", [-0.1, 1.0])
def test_shares_that_are_none(label_smoothing):
    with pytest.raises(ValueError, match="`label_smoothing` must be in"):
        SoftmaxContrastiveLoss(label_smoothing=label_smoothing)


@pytest.mark.parametrize("group_size", [0, 1, 2.0, None])
def test_group_size(group_size):
    with pytest.raises(ValueError, match="`group_size` must be an integer >= 2"):
        LocalSoftmaxContrastiveLoss(group_size)
