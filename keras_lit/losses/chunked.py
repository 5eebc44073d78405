"""Embeddings (rows, dim) and (columns, dim) -> what a loss reads off their logits, chunk by chunk.

The logits `rows @ columns.T` exist for one tile at a time: a block of rows and a chunk of columns.
So memory grows at most with `rows * chunk_size` instead of `rows * columns`. The backward pass
multiplies each tile again, one product more than the dense path needs.
"""

import math

from keras import ops

from keras_lit import distribution

# With so many rows, what a CPU computes of 512 logits each stays in its caches.
_BLOCK_ROWS = 2048


class _Blocks:
    """Equal parts of `(rows, ...)` tensors: row i belongs to block `i % num_blocks`.

    So each block has rows of every device, where rows are spread over devices.
    """

    def __init__(self, rows):
        num_rows = ops.shape(rows)[0]
        at_once = not isinstance(num_rows, int) or distribution.has_accelerator()
        self.num_blocks = 1 if at_once else math.gcd(num_rows, max(1, num_rows // _BLOCK_ROWS))

    def _split(self, values):
        return ops.reshape(values, (-1, self.num_blocks, *values.shape[1:]))

    def _starts(self, values, index):
        return (0, index) + (0,) * (len(values.shape) - 1)

    def take(self, values, index):
        split = self._split(values)
        shape = (ops.shape(split)[0], 1, *values.shape[1:])
        return ops.squeeze(ops.slice(split, self._starts(values, index), shape), 1)

    def put(self, values, index, block):
        block = ops.expand_dims(block, 1)
        split = ops.slice_update(self._split(values), self._starts(values, index), block)
        return ops.reshape(split, (-1, *values.shape[1:]))


class _Chunks:
    """Slices of `(columns, ...)` tensors, all of one size: the last reaches back to fill it."""

    def __init__(self, columns, size):
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

    def count_once(self, logits, index, neutral):
        """Replaces the columns that the chunk before has counted already."""
        if not self.overlap:
            return logits
        is_new = self.start(index) + ops.arange(self.size, dtype="int32") >= index * self.size
        return ops.where(is_new, logits, ops.cast(neutral, logits.dtype))


class _Tiles:
    """The logits of `rows @ columns.T`, a block of rows and a chunk of columns at a time."""

    def __init__(self, rows, columns, chunk_size):
        self.rows, self.columns = rows, columns
        self.blocks, self.chunks = _Blocks(rows), _Chunks(columns, chunk_size)

    def loop(self, step, of_rows, shared):
        """Walks over all tiles, block by block.

        Args:
            step: Function `(block_index, block, chunk_index, of_block, shared) -> (of_block,
                shared)`, where `block` are the block's rows.
            of_rows: Tuple of tensors `(rows, ...)`, of which each tile updates its block.
            shared: Tuple of tensors that each tile updates.

        Returns:
            Tuple of the last `of_rows` and `shared`.
        """

        def block_step(index, carry):
            of_rows, shared = carry
            block = self.blocks.take(self.rows, index)
            of_block, shared = distribution.sequential_loop(
                self.chunks.num_chunks,
                lambda chunk_index, carry: step(index, block, chunk_index, *carry),
                (tuple(self.blocks.take(values, index) for values in of_rows), shared),
            )
            pairs = zip(of_rows, of_block, strict=True)
            return tuple(self.blocks.put(values, index, part) for values, part in pairs), shared

        return distribution.sequential_loop(self.blocks.num_blocks, block_step, (of_rows, shared))

    def backward(self, logit_gradient):
        """Sums up the gradients of rows, columns and a bias, given those of a tile of logits."""
        chunks = self.chunks

        def step(block_index, block, chunk_index, of_block, shared):
            (row_gradient,), (column_gradient, bias_gradient) = of_block, shared
            chunk = chunks.take(self.columns, chunk_index)
            gradient = logit_gradient(_logits(block, chunk), block_index, chunk_index)
            gradient = chunks.count_once(gradient, chunk_index, 0.0)
            row_gradient += distribution.float32_matmul(gradient, chunk)
            chunk_gradient = chunks.take(column_gradient, chunk_index)
            chunk_gradient += distribution.float32_matmul(ops.transpose(gradient), block)
            column_gradient = chunks.put(column_gradient, chunk_index, chunk_gradient)
            return (row_gradient,), (column_gradient, bias_gradient + ops.sum(gradient))

        rows, columns = self.rows, self.columns
        (row_gradient,), others = self.loop(
            step, (ops.zeros_like(rows),), (ops.zeros_like(columns), ops.zeros_like(rows[0, 0]))
        )
        return row_gradient, *others


def _logits(rows, columns):
    return distribution.float32_matmul(rows, ops.transpose(columns))


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
        logits = _logits(rows, columns)
        return ops.logsumexp(logits, axis=1), ops.logsumexp(logits, axis=0), _largest(logits)[1]

    def forward(rows, columns):
        tiles = _Tiles(rows, columns, chunk_size)
        blocks, chunks = tiles.blocks, tiles.chunks

        def step(block_index, block, chunk_index, of_block, shared):
            (over_columns, *best), (over_rows,) = of_block, shared
            logits = _logits(block, chunks.take(columns, chunk_index))
            logits = chunks.count_once(logits, chunk_index, -float("inf"))
            over_columns = ops.logaddexp(over_columns, ops.logsumexp(logits, axis=1))
            of_chunk = chunks.take(over_rows, chunk_index)
            of_chunk = ops.logaddexp(of_chunk, ops.logsumexp(logits, axis=0))
            best = _better(best, logits, chunks.start(chunk_index))
            return (over_columns, *best), (chunks.put(over_rows, chunk_index, of_chunk),)

        lowest, first = _no_best(rows)
        (over_columns, _, best_column), (over_rows,) = tiles.loop(
            step, (lowest, lowest, first), (_no_best(columns)[0],)
        )

        def gradient(*arguments, upstream=None):
            upstream = _get_upstream(arguments, upstream)
            num_rows = ops.shape(rows)[0]
            row_weights, column_weights = upstream[:num_rows], upstream[2 * num_rows :]

            def logit_gradient(logits, block_index, chunk_index):
                of_block = [blocks.take(x, block_index) for x in (row_weights, over_columns)]
                row_weight, row_over = (ops.expand_dims(x, 1) for x in of_block)
                column_weight = chunks.take(column_weights, chunk_index)
                column_over = chunks.take(over_rows, chunk_index)
                row_softmax = ops.exp(logits - row_over)
                return row_weight * row_softmax + column_weight * ops.exp(logits - column_over)

            return tiles.backward(logit_gradient)[:2]

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
        logits = _logits(rows, columns) + bias
        return ops.sum(ops.softplus(logits), axis=1), _largest(logits)[1]

    def forward(rows, columns, bias):
        tiles = _Tiles(rows, columns, chunk_size)
        chunks = tiles.chunks

        def step(block_index, block, chunk_index, of_block, shared):
            total, *best = of_block
            logits = _logits(block, chunks.take(columns, chunk_index)) + bias
            logits = chunks.count_once(logits, chunk_index, -float("inf"))
            total += ops.sum(_softplus(logits), axis=1)
            return (total, *_better(best, logits, chunks.start(chunk_index))), shared

        start = ops.zeros_like(rows[:, 0]), *_no_best(rows)
        (total, _, best_column), _ = tiles.loop(step, start, ())

        def gradient(*arguments, upstream=None):
            row_weights = _get_upstream(arguments, upstream)[: ops.shape(rows)[0]]

            def logit_gradient(logits, block_index, chunk_index):
                weights = ops.expand_dims(tiles.blocks.take(row_weights, block_index), 1)
                return weights * ops.sigmoid(logits + bias)

            return tiles.backward(logit_gradient)

        return ops.concatenate([total, ops.cast(best_column, rows.dtype)]), gradient

    outputs = ops.custom_gradient(forward)(rows, columns, bias)
    num_rows = ops.shape(rows)[0]
    best_column = ops.cast(ops.stop_gradient(outputs[num_rows:]), "int32")
    return outputs[:num_rows], best_column
