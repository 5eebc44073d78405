"""Rows (batch, dim) of any length -> float32 rows of length 1."""

from keras import ops


def unit_norm(embeddings):
    """Scales each row to length 1 in float32: `(batch, dim) -> (batch, dim)`.

    The 1e-8 is added to the length, as the original does, not under its root.
    """
    embeddings = ops.cast(embeddings, "float32")
    # The floor keeps the gradient of a row of zeros 0 instead of NaN; no other row reaches it.
    squared_length = ops.maximum(ops.sum(ops.square(embeddings), -1, keepdims=True), 1e-30)
    return embeddings / (ops.sqrt(squared_length) + 1e-8)
