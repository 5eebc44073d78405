"""Image and text embeddings (count, dim) -> recall@k, text for image and image for text."""

import numpy as np

from keras_lit.evaluation.accuracy import check_k
from keras_lit.evaluation.checks import check_embeddings
from keras_lit.evaluation.similarities import (
    fast_similarity_chunks,
    pair_similarities,
    rounding_error,
    similarity_chunks,
)


def retrieval_recall(images, texts, image_ids_of_texts, k=(1, 5, 10)):
    """Measures retrieval both ways among images that may have several captions.

    Args:
        images: unit-norm array `(images, dim)`.
        texts: unit-norm array `(texts, dim)`.
        image_ids_of_texts: integers `(texts,)`: text `j` belongs to
            `images[image_ids_of_texts[j]]`. Every image has at least one text.
        k: integers. With `k` at or above the number of candidates recall is 1 by definition.

    Returns:
        Dict of floats in `[0, 1]`: `"image_to_text_recall@1"`, the share of images with one of
        their texts first, `"text_to_image_recall@1"`, the share of texts with their image first,
        and so on for each `k`.

    Raises:
        ValueError: nothing to rank, sizes that differ, NaN, norms that are not 1, ids out of
            range, an image without a text, or a `k` below 1.

    Example:

    >>> images = np.eye(2)
    >>> texts = images[[0, 1, 0]]
    >>> recall = retrieval_recall(images, texts, image_ids_of_texts=[0, 1, 1], k=(1,))
    >>> recall["image_to_text_recall@1"], round(recall["text_to_image_recall@1"], 3)
    (1.0, 0.667)

    Reference:
        `image_text_retrieval` in github.com/google-research/big_vision; ties as in
        `retrieval_ranks`.
    """
    check_k(k)
    return recall_of_ranks(*retrieval_ranks(images, texts, image_ids_of_texts), k)


def recall_of_ranks(image_ranks, text_ranks, k=(1, 5, 10)):
    """Returns what `retrieval_recall` does, from the ranks that `retrieval_ranks` gives."""
    check_k(k)
    recalls = {}
    for direction, ranks in (("image_to_text", image_ranks), ("text_to_image", text_ranks)):
        for size in k:
            recalls[f"{direction}_recall@{size}"] = float(np.mean(ranks < size))
    return recalls


def retrieval_ranks(images, texts, image_ids_of_texts):
    """Counts for each query the candidates that come before its best positive.

    Similarities are those of float64, rounded to float32. Among equally similar candidates the one
    with the lower index comes first, as in `np.argsort(-similarities, kind="stable")`. So the
    result does not depend on the machine, and a model that embeds everything alike scores chance,
    not 0 or 1.

    Nothing is sorted and memory is that of the embeddings and of one chunk: products of a few texts
    with all images, in float32 and on an accelerator where there is one, serve both directions.
    Pairs that are too close to call in float32 are compared again, one by one.

    Args:
        images: unit-norm array `(images, dim)`.
        texts: unit-norm array `(texts, dim)`.
        image_ids_of_texts: integers `(texts,)`, the row of each text's image.

    Returns:
        Two int64 arrays: `(images,)`, ranks of the best text of each image among the texts, and
        `(texts,)`, rank of each text's image among the images. 0 is best.

    Raises:
        ValueError: as `retrieval_recall`.
    """
    images = check_embeddings("images", images)
    texts = check_embeddings("texts", texts, dim=images.shape[1])
    image_ids = _check_image_ids(image_ids_of_texts, len(images), len(texts))
    own = pair_similarities(texts, images, np.arange(len(texts)), image_ids)
    best_texts = _best_texts(own, image_ids)
    image_ranks, text_ranks = np.zeros(len(images), "int64"), np.zeros(len(texts), "int64")
    for rows, products in fast_similarity_chunks(texts, images):
        chunk = texts[rows], images, products
        text_ranks[rows] = _count_before(*chunk, own[rows, None], image_ids[rows, None], axis=1)
        places = best_texts - rows.start
        image_ranks += _count_before(*chunk, own[None, best_texts], places[None], axis=0)
    return image_ranks, text_ranks


def best_matches(queries, candidates, k=7):
    """Finds the candidates most similar to each query.

    Args:
        queries: unit-norm array `(queries, dim)`.
        candidates: unit-norm array `(candidates, dim)`.
        k: integer, how many to return per query, at most all.

    Returns:
        Two arrays `(queries, k)`, best first: indices of candidates (int64), similarities
        (float32).

    Raises:
        ValueError: as `retrieval_recall`.

    Example:

    >>> best_matches(np.eye(2)[:1], np.eye(2), k=1)[0].tolist()
    [[0]]
    """
    check_k((k,))
    candidates = check_embeddings("candidates", candidates)
    queries = check_embeddings("queries", queries, dim=candidates.shape[1])
    indices, similarities = [], []
    for _, chunk in similarity_chunks(queries, candidates):
        best = np.argsort(-chunk, axis=1, kind="stable")[:, :k]
        indices.append(best)
        similarities.append(np.take_along_axis(chunk, best, axis=1))
    return np.concatenate(indices), np.concatenate(similarities)


def _best_texts(own_similarities, image_ids):
    """Row of the text most similar to each image among its own; of equal ones the first."""
    order = np.lexsort((-own_similarities, image_ids))  # stable
    _, first = np.unique(image_ids[order], return_index=True)
    return order[first]


def _count_before(rows, columns, products, own_similarities, own_places, axis):
    """Counts the candidates that come before each query's own one.

    Args:
        rows: float32 array `(rows, dim)`.
        columns: float32 array `(columns, dim)`.
        products: float32 array `(rows, columns)`, from `fast_similarity_chunks`.
        own_similarities: exact similarity of each query's own candidate, `(rows, 1)` where rows are
            the queries, `(1, columns)` where columns are.
        own_places: row or column of these candidates, of the same shape.
        axis: integer, 1 where columns are the candidates, 0 where rows are.

    Returns:
        int64 array `(queries,)`.
    """
    error = rounding_error(rows.shape[1])
    is_above = products > own_similarities + error
    pairs = np.nonzero((products >= own_similarities - error) ^ is_above)
    similarities = pair_similarities(rows, columns, *pairs)
    queries, candidates = pairs[1 - axis], pairs[axis]
    own, places = own_similarities.ravel()[queries], own_places.ravel()[queries]
    is_before = (similarities > own) | ((similarities == own) & (candidates < places))
    num_before = np.bincount(queries[is_before], minlength=own_similarities.size)
    return is_above.sum(axis=axis) + num_before


def _check_image_ids(image_ids, num_images, num_texts):
    image_ids = np.asarray(image_ids)
    if image_ids.shape != (num_texts,) or image_ids.dtype.kind not in "iu":
        raise ValueError(
            f"`image_ids_of_texts` must be {num_texts} integers, one per text; received "
            f"{image_ids.dtype} of shape {image_ids.shape}."
        )
    if image_ids.min() < 0 or image_ids.max() >= num_images:
        raise ValueError(
            f"`image_ids_of_texts` must be rows of `images`, 0 to {num_images - 1}; received "
            f"values from {image_ids.min()} to {image_ids.max()}."
        )
    texts_per_image = np.bincount(image_ids, minlength=num_images)
    if not texts_per_image.all():
        lacking = np.flatnonzero(texts_per_image == 0)
        raise ValueError(
            f"{len(lacking)} of {num_images} images have no text, first image {lacking[0]}. Leave "
            "them out of `images` and renumber `image_ids_of_texts`."
        )
    return image_ids.astype("int64", copy=False)
