"""The ridge probe against least squares of the augmented system, neighbours against sorting."""

import numpy as np
import pytest

from keras_lit.evaluation import few_shot_indices, fit_linear_probe, nearest_neighbor_scores


def unit(random, *shape):
    rows = random.normal(size=shape)
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype("float32")


@pytest.mark.parametrize("count", [5, 12, 13, 60], ids=lambda count: f"{count}_of_dim_12")
@pytest.mark.parametrize("l2_regularization", [1e-2, 2.0**10])
def test_probe_equals_least_squares_of_the_augmented_system(count, l2_regularization):
    random = np.random.default_rng(count)
    embeddings, queries = random.normal(size=(count, 12)), random.normal(size=(7, 12))
    labels = random.integers(0, 4, count)
    mean, scale = embeddings.mean(0), embeddings.std(0) + 1e-5

    def features(rows):
        return np.concatenate([(rows - mean) / scale, np.full((len(rows), 1), 100.0)], axis=1)

    targets = np.where(labels[:, None] == np.arange(4), 1.0, -1.0)
    system = np.concatenate([features(embeddings), np.sqrt(l2_regularization) * np.eye(13)])
    kernel, *_ = np.linalg.lstsq(system, np.concatenate([targets, np.zeros((13, 4))]), rcond=None)
    probe = fit_linear_probe(embeddings, labels, 4, l2_regularization)
    np.testing.assert_allclose(probe.kernel, kernel, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(probe.predict(queries), features(queries) @ kernel, atol=1e-6)


def test_probe_finds_classes_that_are_there():
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 20)
    embeddings = 3 * np.eye(3)[labels] + 0.3 * random.normal(size=(60, 3))
    train = few_shot_indices(labels, num_shots=5, seed=0)
    probe = fit_linear_probe(embeddings[train], labels[train], 3)
    np.testing.assert_array_equal(probe.predict(embeddings).argmax(1), labels)


@pytest.mark.parametrize("num_neighbors", [1, 5, 40])
def test_neighbors_equal_a_loop(num_neighbors):
    random = np.random.default_rng(num_neighbors)
    embeddings, queries = unit(random, 40, 6), unit(random, 1100, 6)
    labels = random.integers(0, 3, 40)
    received = nearest_neighbor_scores(queries, embeddings, labels, 3, num_neighbors)
    for row in (0, 500, 1024, 1099):
        similarities = embeddings.astype("float64") @ queries[row].astype("float64")
        votes = np.zeros(3)
        for neighbor in np.argsort(-similarities)[:num_neighbors]:
            votes[labels[neighbor]] += np.exp(similarities[neighbor] / 0.07)
        np.testing.assert_allclose(received[row], votes / votes.sum(), rtol=1e-4)


def test_few_shot_indices_draw_each_class_alike_from_a_seed():
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(4), [5, 6, 7, 30]))
    chosen = few_shot_indices(labels, num_shots=5, seed=3)
    assert len(set(chosen.tolist())) == 20
    np.testing.assert_array_equal(np.bincount(labels[chosen]), [5, 5, 5, 5])
    np.testing.assert_array_equal(chosen, few_shot_indices(labels, num_shots=5, seed=3))
    assert set(chosen.tolist()) != set(few_shot_indices(labels, num_shots=5, seed=4).tolist())


def test_bad_input_is_named():
    eye = np.eye(3)
    with pytest.raises(ValueError, match="`labels` must be between 0 and 1 for 2 classes"):
        fit_linear_probe(eye, [0, 1, 2], num_classes=2)
    with pytest.raises(ValueError, match="`labels` has 2 rows for 3"):
        fit_linear_probe(eye, [0, 1], num_classes=2)
    with pytest.raises(ValueError, match=r"received shape \(0, 3\)"):
        fit_linear_probe(eye[:0], [], num_classes=2)
    with pytest.raises(ValueError, match="NaN"):
        fit_linear_probe(eye * np.nan, [0, 1, 1], num_classes=2)
    with pytest.raises(ValueError, match="must be above 0; received 0"):
        fit_linear_probe(eye, [0, 1, 1], num_classes=2, l2_regularization=0)
    with pytest.raises(ValueError, match=r"shape \(count, 3\)"):
        fit_linear_probe(eye, [0, 1, 1], num_classes=2).predict(np.eye(4))
    with pytest.raises(ValueError, match="between 1 and the 3 labelled embeddings; received 4"):
        nearest_neighbor_scores(eye, eye, [0, 1, 1], num_classes=2, num_neighbors=4)
    with pytest.raises(ValueError, match="`queries` has embeddings of size 2"):
        nearest_neighbor_scores(np.eye(2), eye, [0, 1, 1], num_classes=2, num_neighbors=1)
    with pytest.raises(ValueError, match="class 1 has 1"):
        few_shot_indices([0, 0, 1], num_shots=2, seed=0)
