"""The contrastive losses, dense and chunked, against the original's numbers and a NumPy twin."""

import types

import keras
import numpy as np
import pytest
from keras import ops

from keras_lit.layers import SimilarityHead
from keras_lit.losses import SigmoidContrastiveLoss, SoftmaxContrastiveLoss, chunked
from tests import reference
from tests.gradients import value_and_gradients
from tests.losses import oracle

CHUNK_SIZES = (None, 1, 5, 8, 16)
LOSSES = {
    "softmax": (SoftmaxContrastiveLoss, oracle.softmax),
    "sigmoid": (SigmoidContrastiveLoss, oracle.sigmoid),
}


def mean_loss(loss, pair_mask=None):
    """Returns the mean of a loss as a function of embeddings, log temperature and bias."""

    def function(images, texts, log_temperature, bias):
        head = types.SimpleNamespace(log_temperature=log_temperature, logit_bias=bias)
        return ops.mean(loss.pair_losses(images, texts, head, pair_mask)[0])

    return function


def embeddings(num_pairs, dim=12, seed=0):
    random = np.random.default_rng(seed)
    images, texts = random.normal(size=(2, num_pairs, dim))
    texts += images
    return tuple(rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (images, texts))


def head(temperature, bias=None):
    return SimilarityHead(temperature=temperature, bias=bias)


def assert_close(computed, expected):
    """Compares to 1e-6 of the size of what is expected, or of 1 where that is smaller."""
    for one, other in zip(computed, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6 * max(1, np.abs(other).max()))


@pytest.mark.parametrize("chunk_size", (None, 5))
@pytest.mark.parametrize("fixture", ["losses_unit", "losses_unnormalised"])
@pytest.mark.parametrize(
    "kind, outputs",
    [
        ("softmax", "softmax_bidirectional"),
        ("softmax", "softmax_trainer_4dev"),
        ("sigmoid", "sigmoid_siglip_inline"),
        ("sigmoid", "sigmoid_chunked_4dev"),
        ("sigmoid", "sigmoid_trainer_no_bias"),
    ],
)
def test_value_and_gradients_are_the_originals(fixture, kind, outputs, chunk_size):
    inputs = reference.load_arrays(fixture, "inputs.npz")
    expected = reference.load_arrays(fixture, "outputs.npz")
    with_bias = kind == "sigmoid" and not outputs.endswith("no_bias")
    loss, gradients = value_and_gradients(
        mean_loss(LOSSES[kind][0](chunk_size=chunk_size)),
        inputs["zimg"],
        inputs["ztxt"],
        inputs["t_param"],
        inputs["b"] if with_bias else 0.0,
    )
    names = ["dzimg", "dztxt", "dt_param"] + (["db"] if with_bias else [])
    assert_close([loss], [expected[f"{outputs}/loss"]])
    assert_close(gradients[: len(names)], [expected[f"{outputs}/{name}"] for name in names])


@pytest.mark.parametrize("chunk_size", CHUNK_SIZES)
@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("num_pairs, temperature", [(16, 1.0), (17, 20.0), (33, 100.0)])
def test_value_and_gradients_are_the_formulas(
    kind, num_pairs, temperature, chunk_size, monkeypatch
):
    monkeypatch.setattr(chunked, "_BLOCK_ROWS", 4)  # 16 pairs take four, the others no block.
    loss_class, formula = LOSSES[kind]
    arguments = [
        np.asarray(a, "float32") for a in (*embeddings(num_pairs), np.log(temperature), -3.0)
    ]
    expected_loss, expected = formula(*[argument.astype("float64") for argument in arguments])
    loss, gradients = value_and_gradients(mean_loss(loss_class(chunk_size=chunk_size)), *arguments)
    # Logits as large as the temperature are that many float32 steps of 1 apart from the true ones.
    tolerance = max(1e-6, 2 * np.finfo("float32").eps * temperature)
    np.testing.assert_allclose(loss, expected_loss, rtol=tolerance, atol=tolerance)
    for gradient, other in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(
            gradient, other, rtol=0, atol=tolerance * max(1, np.abs(other).max())
        )


@pytest.mark.parametrize("chunk_size", (None, 5))
def test_logits_beyond_the_range_of_exp_stay_finite(chunk_size):
    images, texts = embeddings(16)
    arguments = [np.asarray(a, "float32") for a in (30 * images, 30 * texts, np.log(10.0), 0.0)]
    for loss_class, _ in LOSSES.values():
        loss, gradients = value_and_gradients(
            mean_loss(loss_class(chunk_size=chunk_size)), *arguments
        )
        assert np.isfinite(loss)
        assert all(np.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("chunk_size", CHUNK_SIZES)
@pytest.mark.parametrize("kind", LOSSES)
def test_accuracy_counts_the_best_text_and_the_first_of_equals(kind, chunk_size):
    loss = LOSSES[kind][0](chunk_size=chunk_size)
    images, texts = (rows.astype("float32") for rows in embeddings(17, seed=2))
    _, correct = loss.pair_losses(images, texts, head(10.0))
    expected = np.argmax(images @ texts.T, axis=1) == np.arange(17)
    assert 0 < expected.sum() < 17
    np.testing.assert_array_equal(ops.convert_to_numpy(correct), expected)
    alike = np.ones((17, 4), "float32") / 2
    _, correct = loss.pair_losses(alike, alike, head(10.0))
    np.testing.assert_array_equal(ops.convert_to_numpy(correct), np.arange(17) == 0)


@pytest.mark.parametrize("chunk_size", (None, 5))
@pytest.mark.parametrize("kind", LOSSES)
def test_the_order_of_the_pairs_orders_the_losses(kind, chunk_size, monkeypatch):
    monkeypatch.setattr(chunked, "_BLOCK_ROWS", 8)  # Two blocks.
    loss = LOSSES[kind][0](chunk_size=chunk_size)
    images, texts = embeddings(16)
    order = np.random.default_rng(1).permutation(16)
    losses, correct = loss.pair_losses(images, texts, head(10.0, bias=-2.0))
    moved, moved_correct = loss.pair_losses(images[order], texts[order], head(10.0, bias=-2.0))
    np.testing.assert_allclose(
        ops.convert_to_numpy(moved), ops.convert_to_numpy(losses)[order], rtol=1e-5, atol=1e-6
    )
    np.testing.assert_array_equal(
        ops.convert_to_numpy(moved_correct), ops.convert_to_numpy(correct)[order]
    )


@pytest.mark.parametrize("kind", LOSSES)
def test_as_a_keras_loss_it_is_the_mean_of_the_pairs(kind):
    loss = LOSSES[kind][0]()
    images, texts = (rows.astype("float32") for rows in embeddings(16))
    logits = 10 * images @ texts.T
    positives = np.arange(16)
    losses, _ = loss.pair_losses(images, texts, head(10.0))
    value = loss(positives, logits)
    if kind == "softmax":  # The class is called with one direction, `pair_losses` takes both.
        value = 0.5 * (value + loss(positives, logits.T))
    value, expected = (ops.convert_to_numpy(each) for each in (value, ops.mean(losses)))
    np.testing.assert_allclose(value, expected, rtol=1e-6)


@pytest.mark.parametrize("kind", LOSSES)
def test_rows_of_one_replica_meet_the_global_batch(kind, monkeypatch):
    """Two replicas, played one after the other, lose what the global batch loses."""
    images, texts = (rows.astype("float32") for rows in embeddings(14))
    shares = [slice(0, 6), slice(6, 14)]
    for chunk_size in (None, 5):
        loss = LOSSES[kind][0](chunk_size=chunk_size)
        expected, expected_correct = loss.pair_losses(images, texts, head(10.0))
        temperature = np.float32(10.0)
        over_images = np.stack(
            [_logsumexp(temperature * images[share] @ texts.T) for share in shares]
        )

        def gather(rows, over_images=over_images):
            return ops.convert_to_tensor(over_images if ops.shape(rows)[0] == 1 else texts)

        for share in shares:
            module = "keras_lit.losses.contrastive_loss.distribution"
            monkeypatch.setattr(f"{module}.gather_batch", gather)
            monkeypatch.setattr(f"{module}.row_offset", lambda num_rows, share=share: share.start)
            losses, correct = loss.pair_losses(images[share], texts[share], head(10.0))
            monkeypatch.undo()
            np.testing.assert_allclose(
                ops.convert_to_numpy(losses),
                ops.convert_to_numpy(expected)[share],
                rtol=1e-5,
                atol=1e-6,
            )
            np.testing.assert_array_equal(
                ops.convert_to_numpy(correct), ops.convert_to_numpy(expected_correct)[share]
            )


def _logsumexp(logits):
    return np.log(np.sum(np.exp(logits.astype("float64")), axis=0)).astype("float32")


def test_a_large_batch_is_cut_into_chunks_by_itself():
    loss = SoftmaxContrastiveLoss()
    images, texts = (rows.astype("float32") for rows in embeddings(2100, dim=4))
    chosen, _ = loss.pair_losses(images, texts, head(10.0))
    loss_at_once, _ = SoftmaxContrastiveLoss(chunk_size=2100).pair_losses(images, texts, head(10.0))
    assert loss._choose_chunk_size(2048) is None and loss._choose_chunk_size(2100) < 2100
    np.testing.assert_allclose(
        ops.convert_to_numpy(chosen), ops.convert_to_numpy(loss_at_once), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("kind", LOSSES)
def test_config_round_trips(kind):
    config = {"chunk_size": 3, "label_smoothing": 0.1, "name": "mine"}
    loss = LOSSES[kind][0](**config)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert type(copy) is type(loss) and copy.get_config() == config


@pytest.mark.parametrize("kind", LOSSES)
def test_bad_chunk_sizes(kind):
    with pytest.raises(ValueError, match="chunk_size=0.*Leave it out"):
        LOSSES[kind][0](chunk_size=0)
    images, texts = embeddings(4)
    with pytest.raises(ValueError, match="chunk_size=5 and a batch of 4 pairs.*Leave it out"):
        LOSSES[kind][0](chunk_size=5).pair_losses(images, texts, head(10.0))
