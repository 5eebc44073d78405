"""Image and text embeddings (count, dim) -> recall@k, text for image and image for text."""

import keras
import numpy as np

from keras_lit import distribution
from keras_lit.evaluation.accuracy import check_k
from keras_lit.evaluation.checks import check_embeddings

# Similarities in memory at a time: 2 ** 21 take 24 MB (float64, then float32).
_SIMILARITIES_PER_CHUNK = 2**21


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

    Among equally similar candidates the one with the lower index comes first, as in
    `np.argsort(-similarities, kind="stable")`. So the result does not depend on the machine, and a
    model that embeds everything alike scores chance, not 0 or 1. Two equal captions tie, see
    `similarity_chunks`.

    No sorting and no full similarity matrix: memory is that of the embeddings and of one chunk of
    queries.

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
    image_indices = np.arange(len(images))
    return (
        _ranks(images, texts, query_ids=image_indices, candidate_ids=image_ids),
        _ranks(texts, images, query_ids=image_ids, candidate_ids=image_indices),
    )


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
        chunk = np.asarray(chunk)
        best = np.argsort(-chunk, axis=1, kind="stable")[:, :k]
        indices.append(best)
        similarities.append(np.take_along_axis(chunk, best, axis=1))
    return np.concatenate(indices), np.concatenate(similarities)


def similarity_chunks(queries, candidates):
    """Computes cosine similarities of a few queries at a time.

    On an accelerator where there is one, in float32; else by NumPy in float64, rounded to float32.
    Equal candidates are as similar to a query as each other, to the last bit, wherever they stand
    in the matrix product.

    Args:
        queries: unit-norm array `(queries, dim)`.
        candidates: unit-norm array `(candidates, dim)`.

    Yields:
        Pairs of a slice of the queries and float32 similarities `(chunk, candidates)`, an array of
        NumPy or of the backend.
    """
    first_equal = _first_equal_rows(candidates)
    has_equal = (first_equal != np.arange(len(candidates))).any()
    on_accelerator = distribution.has_accelerator()
    transposed = candidates.T.astype("float32" if on_accelerator else "float64")
    transposed = keras.ops.convert_to_tensor(transposed) if on_accelerator else transposed
    rows_per_chunk = max(1, _SIMILARITIES_PER_CHUNK // len(candidates))
    for start in range(0, len(queries), rows_per_chunk):
        rows = slice(start, start + rows_per_chunk)
        if on_accelerator:
            chunk = distribution.float32_matmul(queries[rows], transposed)
            yield rows, keras.ops.take(chunk, first_equal, axis=1) if has_equal else chunk
        else:
            chunk = (queries[rows].astype("float64") @ transposed).astype("float32")
            yield rows, chunk[:, first_equal] if has_equal else chunk


def _first_equal_rows(rows):
    """For each row the index of the first row that is equal to it."""
    first = {}
    return np.array([first.setdefault(row.tobytes(), index) for index, row in enumerate(rows)])


def _ranks(queries, candidates, query_ids, candidate_ids):
    """Rank of the best candidate whose id is the query's: how many candidates come before it."""
    ranks = []
    for rows, similarities in similarity_chunks(queries, candidates):
        array = np if isinstance(similarities, np.ndarray) else keras.ops
        is_positive = candidate_ids == query_ids[rows, None]
        found = keras.ops.convert_to_numpy(_ranks_of_positives(array, similarities, is_positive))
        ranks.append(found.astype("int64"))
    return np.concatenate(ranks)


def _ranks_of_positives(array, similarities, is_positive):
    """Ranks `(queries,)` by the functions of `array`, the module `numpy` or `keras.ops`."""
    # argmax takes the first among equals: the positive that a stable sort would list first.
    best = array.argmax(array.where(is_positive, similarities, -2.0), axis=1)[:, None]
    best_similarity = array.take_along_axis(similarities, best, axis=1)
    is_before = array.less(array.arange(similarities.shape[1]), best)
    tied_before = (similarities == best_similarity) & is_before
    return array.sum((similarities > best_similarity) | tied_before, axis=1)


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
