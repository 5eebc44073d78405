"""Retrieval against the original code (fixture eval_retrieval), against sorting, and bad input."""

import tracemalloc

import numpy as np
import pytest

from keras_lit import distribution
from keras_lit.evaluation import best_matches, retrieval_ranks, retrieval_recall, similarities
from tests.reference import load_arrays


def unit(random, *shape):
    rows = random.normal(size=shape)
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype("float32")


def sorted_ranks(images, texts, image_ids):
    """The position of the first positive in a stable descending sort, both ways."""
    similarities = (images.astype("float64") @ texts.T.astype("float64")).astype("float32")
    orders = np.argsort(-similarities, axis=1, kind="stable")
    image_ranks = [int(np.argmax(image_ids[order] == image)) for image, order in enumerate(orders)]
    orders = np.argsort(-similarities.T, axis=1, kind="stable")
    text_ranks = [
        int(np.argmax(order == image)) for image, order in zip(image_ids, orders, strict=True)
    ]
    return image_ranks, text_ranks


def test_recall_equals_the_original():
    inputs = load_arrays("eval_retrieval", "inputs.npz")
    expected = load_arrays("eval_retrieval", "outputs.npz")
    recall = retrieval_recall(
        inputs["zimg"], inputs["ztxt"], inputs["text_image_correspondence"], k=(1, 5, 10)
    )
    for k in (1, 5, 10):
        assert recall.pop(f"image_to_text_recall@{k}") == expected[f"img2txt_recall@{k}"]
        assert recall.pop(f"text_to_image_recall@{k}") == expected[f"txt2img_recall@{k}"]
    assert not recall


@pytest.mark.parametrize(
    "on_accelerator, similarities_per_chunk",
    [(False, 1), (False, 1000), (False, 2**21), (True, 1000), (True, 2**21)],
)
@pytest.mark.parametrize("num_different", [1, 4, 1000])
def test_ranks_equal_a_stable_sort(
    monkeypatch, on_accelerator, similarities_per_chunk, num_different
):
    """In chunks of one row or of all, with few different embeddings (many ties) or none equal."""
    monkeypatch.setattr(distribution, "has_accelerator", lambda: on_accelerator)
    monkeypatch.setattr(similarities, "_SIMILARITIES_PER_CHUNK", similarities_per_chunk)
    random = np.random.default_rng(num_different)
    vectors = unit(random, num_different, 17)
    images = vectors[random.integers(0, num_different, 60)]
    image_ids = random.permutation(np.concatenate([np.arange(60), random.integers(0, 60, 133)]))
    texts = vectors[random.integers(0, num_different, 193)]
    image_ranks, text_ranks = retrieval_ranks(images, texts, image_ids)
    expected_image_ranks, expected_text_ranks = sorted_ranks(images, texts, image_ids)
    assert image_ranks.tolist() == expected_image_ranks
    assert text_ranks.tolist() == expected_text_ranks


def test_equal_captions_tie_wherever_they_stand():
    random = np.random.default_rng(1)
    images, caption = unit(random, 50, 511), unit(random, 1, 511)
    texts = np.repeat(caption, 997, axis=0)
    image_ranks, _ = retrieval_ranks(images, texts, np.arange(997) % 50)
    assert image_ranks.tolist() == list(range(50))


def test_collapsed_model_scores_chance():
    images = np.repeat(unit(np.random.default_rng(2), 1, 8), 40, axis=0)
    recall = retrieval_recall(images, images, np.arange(40), k=(1, 10, 40, 100))
    for direction in ("image_to_text", "text_to_image"):
        assert recall[f"{direction}_recall@1"] == 1 / 40
        assert recall[f"{direction}_recall@10"] == 10 / 40
        assert recall[f"{direction}_recall@40"] == recall[f"{direction}_recall@100"] == 1


def test_order_of_texts_does_not_matter_without_ties():
    random = np.random.default_rng(3)
    images, texts = unit(random, 20, 8), unit(random, 60, 8)
    image_ids, order = np.arange(60) % 20, random.permutation(60)
    assert retrieval_recall(images, texts, image_ids) == retrieval_recall(
        images, texts[order], image_ids[order]
    )


def test_memory_is_that_of_a_chunk_not_of_the_matrix():
    random = np.random.default_rng(4)
    images, texts = unit(random, 2000, 8), unit(random, 10000, 8)
    tracemalloc.start()
    try:
        retrieval_ranks(images, texts, np.arange(10000) % 2000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2000 * 10000 * 4 / 2


def test_best_matches_equal_a_stable_sort(monkeypatch):
    monkeypatch.setattr(similarities, "_SIMILARITIES_PER_CHUNK", 64)
    random = np.random.default_rng(5)
    candidates = unit(random, 6, 5)[random.integers(0, 6, 30)]
    queries = unit(random, 9, 5)
    exact = (queries.astype("float64") @ candidates.T.astype("float64")).astype("float32")
    indices, best = best_matches(queries, candidates, k=4)
    np.testing.assert_array_equal(indices, np.argsort(-exact, axis=1, kind="stable")[:, :4])
    np.testing.assert_array_equal(best, -np.sort(-exact, axis=1)[:, :4])
    assert best_matches(queries, candidates, k=50)[0].shape == (9, 30)
    monkeypatch.setattr(distribution, "has_accelerator", lambda: True)
    np.testing.assert_array_equal(best_matches(queries, candidates, k=4)[0], indices)


def test_what_float32_cannot_tell_apart_is_compared_again():
    random = np.random.default_rng(6)
    direction = unit(random, 1, 64)

    def near(count):
        rows = direction + random.normal(0, 1e-4, (count, 64))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype("float32")

    images, texts, image_ids = near(30), near(90), random.permutation(np.arange(90) % 30)
    ranks = retrieval_ranks(images, texts, image_ids)
    for received, expected in zip(ranks, sorted_ranks(images, texts, image_ids), strict=True):
        assert received.tolist() == expected


EYE = np.eye(3, dtype="float32")


@pytest.mark.parametrize(
    "images, texts, image_ids, message",
    [
        (np.zeros((0, 3)), EYE, [0, 1, 2], "`images` is empty"),
        (EYE, np.zeros((0, 3)), [], "`texts` is empty"),
        (EYE, np.eye(4), [0, 1, 2, 0], "`texts` has embeddings of size 4, .* size 3"),
        (EYE * 2, EYE, [0, 1, 2], "`images` must have norm 1; row 0 has norm 2"),
        (EYE, EYE * np.nan, [0, 1, 2], "`texts` has NaN"),
        (EYE, EYE, [0, 1, 3], "rows of `images`, 0 to 2; received values from 0 to 3"),
        (EYE, EYE, [0, 1, -1], "rows of `images`, 0 to 2; received values from -1 to 1"),
        (EYE, EYE, [0, 1, 1], "1 of 3 images have no text, first image 2"),
        (EYE, EYE, [0, 1], "must be 3 integers, one per text"),
        (EYE, EYE, [0.0, 1.0, 2.0], "must be 3 integers, one per text; received float64"),
        (EYE[0], EYE, [0, 1, 2], r"`images` must be embeddings of shape \(count, dim\)"),
    ],
)
def test_bad_input_is_named(images, texts, image_ids, message):
    with pytest.raises(ValueError, match=message):
        retrieval_recall(images, texts, image_ids)


def test_bad_k_is_named():
    with pytest.raises(ValueError, match="`k` must hold integers"):
        retrieval_recall(EYE, EYE, [0, 1, 2], k=(0,))
