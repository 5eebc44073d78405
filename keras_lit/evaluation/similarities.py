"""Embeddings (count, dim) of two kinds -> cosine similarities, a few queries at a time."""

import keras
import numpy as np

from keras_lit import distribution

# Similarities in memory at a time: 2 ** 21 take 24 MB (float64, then float32).
_SIMILARITIES_PER_CHUNK = 2**21
# Numbers in memory at a time where pairs are compared one by one: 4 MB of each kind.
_NUMBERS_PER_BLOCK = 2**20


def similarity_chunks(queries, candidates):
    """Computes similarities that do not depend on the order of queries and candidates.

    On an accelerator where there is one, in float32; else by NumPy in float64, rounded to float32.
    Equal candidates are as similar to a query as each other, to the last bit, wherever they stand
    in the matrix product.

    Args:
        queries: unit-norm float32 array `(queries, dim)`.
        candidates: unit-norm float32 array `(candidates, dim)`.

    Yields:
        Pairs of a slice of the queries and float32 similarities `(chunk, candidates)`.
    """
    first_equal = _first_equal_rows(candidates)
    has_equal = (first_equal != np.arange(len(candidates))).any()
    for rows, chunk in _products(queries, candidates, "float64"):
        chunk = chunk.astype("float32", copy=False)
        yield rows, chunk[:, first_equal] if has_equal else chunk


def fast_similarity_chunks(queries, candidates):
    """Computes similarities in float32, twice as fast as `similarity_chunks`.

    Each is off by at most `rounding_error(dim)`; equal pairs may differ in their last bits.

    Args and Yields are those of `similarity_chunks`.
    """
    return _products(queries, candidates, "float32")


def rounding_error(dim):
    """Returns by how much a product of unit-norm vectors `(dim,)` may be off in float32."""
    # The bound for sums in any order, dim * eps / 2, with room for norms that are nearly 1.
    return dim * float(np.finfo("float32").eps)


def pair_similarities(queries, candidates, query_rows, candidate_rows):
    """Computes the similarities of some pairs, in float64 and rounded to float32.

    Equal pairs are equally similar, to the last bit.

    Args:
        queries: unit-norm float32 array `(queries, dim)`.
        candidates: unit-norm float32 array `(candidates, dim)`.
        query_rows: integers `(pairs,)`.
        candidate_rows: integers `(pairs,)`.

    Returns:
        float32 array `(pairs,)`.
    """
    similarities = np.empty(len(query_rows), "float32")
    pairs_per_block = max(1, _NUMBERS_PER_BLOCK // queries.shape[1])
    for start in range(0, len(query_rows), pairs_per_block):
        block = slice(start, start + pairs_per_block)
        first, second = queries[query_rows[block]], candidates[candidate_rows[block]]
        similarities[block] = np.einsum("ij,ij->i", first, second, dtype="float64")
    return similarities


def _products(queries, candidates, dtype):
    """Yields slices of the queries and their products with all candidates, by NumPy in `dtype`."""
    on_accelerator = distribution.has_accelerator()
    transposed = candidates.T.astype("float32" if on_accelerator else dtype, copy=False)
    if on_accelerator:
        transposed = keras.ops.convert_to_tensor(transposed)
    rows_per_chunk = max(1, _SIMILARITIES_PER_CHUNK // len(candidates))
    for start in range(0, len(queries), rows_per_chunk):
        rows = slice(start, start + rows_per_chunk)
        if on_accelerator:
            products = distribution.float32_matmul(queries[rows], transposed)
            yield rows, keras.ops.convert_to_numpy(products)
        else:
            yield rows, queries[rows].astype(dtype, copy=False) @ transposed


def _first_equal_rows(rows):
    """For each row the index of the first row that is equal to it."""
    first = {}
    return np.array([first.setdefault(row.tobytes(), index) for index, row in enumerate(rows)])
