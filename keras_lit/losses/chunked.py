"""Embeddings (rows, dim) and (columns, dim) -> what a loss reads off their logits, chunk by chunk.

The logits `rows @ columns.T` exist for one chunk of columns at a time, so memory grows with
`rows * chunk_size` instead of `rows * columns`. The backward pass multiplies each chunk again, one
product more than the dense path needs.
"""

from keras import ops

from keras_lit import distribution


class _Chunks:
    """Slices of `(columns, ...)` tensors, all of one size: the last reaches back to fill it."""

    def __init__(self, columns, size):
        self.columns = columns
        self.size = size
        self.num_columns = ops.shape(columns)[0]
        self.num_chunks = (self.num_columns + size - 1) // size
        # Both may be tensors, where TensorFlow learns the batch size with the batch.
        known = isinstance(self.num_columns, int) and isinstance(size, int)
        self.overlap = not (known and self.num_columns % size == 0)

    def start(self, index):
        return ops.minimum(index * self.size, self.num_columns - self.size)

    def _starts(self, values, index):
        return (self.start(index),) + (0,) * (len(values.shape) - 1)

    def take(self, values, index):
        return ops.slice(values, self._starts(values, index), (self.size, *values.shape[1:]))

    def put(self, values, index, chunk):
        return ops.slice_update(values, self._starts(values, index), chunk)

    def logits(self, rows, index):
        return distribution.float32_matmul(rows, ops.transpose(self.take(self.columns, index)))

    def count_once(self, logits, index, neutral):
        """Replaces the columns that the chunk before has counted already."""
        if not self.overlap:
            return logits
        is_new = self.start(index) + ops.arange(self.size, dtype="int32") >= index * self.size
        return ops.where(is_new, logits, ops.cast(neutral, logits.dtype))


def _largest(logits):
    """Returns each row's largest logit and its column, the first of equals."""
    largest = ops.max(logits, axis=1)
    # On a CPU `ops.argmax` takes twice as long. float32 holds columns up to 2**24.
    columns = ops.arange(ops.shape(logits)[1], dtype="float32")
    is_largest = logits == ops.expand_dims(largest, 1)
    return largest, ops.cast(ops.min(ops.where(is_largest, columns, 2.0**24), axis=1), "int32")


def _softplus(logits):
    """`ops.softplus` in a third of its time on a CPU, not to be differentiated."""
    return ops.maximum(logits, 0) + ops.log1p(ops.exp(-ops.abs(logits)))


def _better(best, logits, start):
    """Updates each row's largest logit and its column."""
    largest, column = best
    chunk_largest, chunk_column = _largest(logits)
    chunk_column += start
    return (
        ops.maximum(largest, chunk_largest),
        ops.where(chunk_largest > largest, chunk_column, column),
    )


def _no_best(rows):
    return ops.full_like(rows[:, 0], -float("inf")), ops.zeros_like(rows[:, 0], dtype="int32")


def _backward(rows, chunks, logit_gradient):
    """Sums up the gradients of rows, columns and a bias, given those of a chunk of logits."""

    def step(index, carry):
        row_gradient, column_gradient, bias_gradient = carry
        gradient = logit_gradient(chunks.logits(rows, index), index)
        column_gradient = chunks.put(
            column_gradient, index, distribution.float32_matmul(ops.transpose(gradient), rows)
        )
        gradient = chunks.count_once(gradient, index, 0.0)
        row_gradient += distribution.float32_matmul(gradient, chunks.take(chunks.columns, index))
        return row_gradient, column_gradient, bias_gradient + ops.sum(gradient)

    start = ops.zeros_like(rows), ops.zeros_like(chunks.columns), ops.zeros_like(rows[0, 0])
    return distribution.sequential_loop(chunks.num_chunks, step, start)


def _get_upstream(arguments, upstream):
    # JAX and TensorFlow pass the upstream gradient alone, torch by name after the inputs.
    return arguments[0] if upstream is None else upstream


def chunked_logsumexp(rows, columns, chunk_size=None):
    """Log-sum-exp of the logits `rows @ columns.T` along both axes, and each row's best column.

    Args:
        rows: Float tensor `(rows, dim)`.
        columns: Float tensor `(columns, dim)`.
        chunk_size: Integer in 1 to `columns`, how many columns are compared at once. `None`: all,
            and their logits are kept for the backward pass.

    Returns:
        Tuple of the log-sum-exp over the columns, `(rows,)`; over the rows, `(columns,)`; and the
        column of the largest logit, int32 `(rows,)`.

    Example:

    ```python
    import numpy as np
    from keras_lit.losses import chunked_logsumexp

    embeddings = np.eye(3, dtype="float32")
    chunked_logsumexp(embeddings, embeddings, chunk_size=2)  # [1.55, 1.55, 1.55], same, [0, 1, 2]
    ```
    """

    if chunk_size is None:
        logits = distribution.float32_matmul(rows, ops.transpose(columns))
        return ops.logsumexp(logits, axis=1), ops.logsumexp(logits, axis=0), _largest(logits)[1]

    def forward(rows, columns):
        chunks = _Chunks(columns, chunk_size)

        def step(index, carry):
            over_columns, over_rows, *best = carry
            logits = chunks.logits(rows, index)
            over_rows = chunks.put(over_rows, index, ops.logsumexp(logits, axis=0))
            logits = chunks.count_once(logits, index, -float("inf"))
            over_columns = ops.logaddexp(over_columns, ops.logsumexp(logits, axis=1))
            return over_columns, over_rows, *_better(best, logits, chunks.start(index))

        lowest, first = _no_best(rows)
        over_columns, over_rows, _, best_column = distribution.sequential_loop(
            chunks.num_chunks, step, (lowest, ops.zeros_like(columns[:, 0]), lowest, first)
        )

        def gradient(*arguments, upstream=None):
            upstream = _get_upstream(arguments, upstream)
            num_rows = ops.shape(rows)[0]
            row_weights, column_weights = upstream[:num_rows], upstream[2 * num_rows :]

            def logit_gradient(logits, index):
                row_softmax = ops.exp(logits - ops.expand_dims(over_columns, 1))
                column_softmax = ops.exp(logits - chunks.take(over_rows, index))
                return (
                    ops.expand_dims(row_weights, 1) * row_softmax
                    + chunks.take(column_weights, index) * column_softmax
                )

            return _backward(rows, chunks, logit_gradient)[:2]

        # One output, as custom gradients want it on torch.
        outputs = [over_columns, ops.cast(best_column, rows.dtype), over_rows]
        return ops.concatenate(outputs), gradient

    outputs = ops.custom_gradient(forward)(rows, columns)
    num_rows = ops.shape(rows)[0]
    best_column = ops.cast(ops.stop_gradient(outputs[num_rows : 2 * num_rows]), "int32")
    return outputs[:num_rows], outputs[2 * num_rows :], best_column


def chunked_softplus_sum(rows, columns, bias, chunk_size=None):
    """Sum over the columns of `softplus(rows @ columns.T + bias)`, and each row's best column.

    Args:
        rows: Float tensor `(rows, dim)`.
        columns: Float tensor `(columns, dim)`.
        bias: Float tensor `()`.
        chunk_size: Integer in 1 to `columns`, how many columns are compared at once. `None`: all,
            and their logits are kept for the backward pass.

    Returns:
        Tuple of the sums, `(rows,)`, and the column of the largest logit, int32 `(rows,)`.

    Example:

    ```python
    import numpy as np
    from keras_lit.losses import chunked_softplus_sum

    embeddings = np.eye(3, dtype="float32")
    chunked_softplus_sum(embeddings, embeddings, np.float32(0), chunk_size=2)  # [2.70, 2.70, 2.70]
    ```
    """

    if chunk_size is None:
        logits = distribution.float32_matmul(rows, ops.transpose(columns)) + bias
        return ops.sum(ops.softplus(logits), axis=1), _largest(logits)[1]

    def forward(rows, columns, bias):
        chunks = _Chunks(columns, chunk_size)

        def step(index, carry):
            total, *best = carry
            logits = chunks.count_once(chunks.logits(rows, index) + bias, index, -float("inf"))
            total += ops.sum(_softplus(logits), axis=1)
            return total, *_better(best, logits, chunks.start(index))

        total, _, best_column = distribution.sequential_loop(
            chunks.num_chunks, step, (ops.zeros_like(rows[:, 0]), *_no_best(rows))
        )

        def gradient(*arguments, upstream=None):
            row_weights = _get_upstream(arguments, upstream)[: ops.shape(rows)[0]]

            def logit_gradient(logits, index):
                return ops.expand_dims(row_weights, 1) * ops.sigmoid(logits + bias)

            return _backward(rows, chunks, logit_gradient)

        return ops.concatenate([total, ops.cast(best_column, rows.dtype)]), gradient

    outputs = ops.custom_gradient(forward)(rows, columns, bias)
    num_rows = ops.shape(rows)[0]
    best_column = ops.cast(ops.stop_gradient(outputs[num_rows:]), "int32")
    return outputs[:num_rows], best_column
