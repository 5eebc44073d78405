"""Gradients and moments -> directions and moments: the pure maths of the optimizers."""

import keras
import numpy as np
from keras import ops


def clip_by_global_norm(gradients, norm, max_norm):
    """Shrinks gradients whose common norm is too large; smaller ones stay as they are.

    Args:
        gradients: List of tensors.
        norm: Scalar, the norm of all of them together.
        max_norm: Float > 0.

    Returns:
        List of tensors: each is `gradient / norm * max_norm`, or unchanged where `norm < max_norm`.
    """
    scale = ops.where(norm < max_norm, 1.0, max_norm / norm)
    return [gradient * ops.cast(scale, gradient.dtype) for gradient in gradients]


def global_norm(gradients):
    """Returns the Euclidean norm of a list of tensors taken as one vector, a float32 scalar."""
    squares = [ops.sum(ops.square(ops.cast(g, "float32"))) for g in gradients]
    return ops.sqrt(sum(squares))


def adam_direction(gradient, first_moment, second_moment, num_updates, betas, epsilon):
    """Adam's direction, with its bias correction.

    Args:
        gradient: Float32 tensor.
        first_moment: Float32 tensor of the same shape, the mean of gradients so far.
        second_moment: Float32 tensor of the same shape, the mean of squared gradients so far.
        num_updates: Float32 scalar, the number of updates including this one.
        betas: Tuple of two floats, the decay of the two moments.
        epsilon: Float, added to the root of the corrected second moment.

    Returns:
        Tuple `(direction, first_moment, second_moment)`.

    Reference:
        - [Adam, algorithm 1](https://arxiv.org/abs/1412.6980)
    """
    beta_1, beta_2 = betas
    first_moment = (1 - beta_1) * gradient + beta_1 * first_moment
    second_moment = (1 - beta_2) * ops.square(gradient) + beta_2 * second_moment
    corrected_first = first_moment / (1 - ops.power(beta_1, num_updates))
    corrected_second = second_moment / (1 - ops.power(beta_2, num_updates))
    direction = corrected_first / (ops.sqrt(corrected_second) + epsilon)
    return direction, first_moment, second_moment


def factored_axes(shape, min_dim_size):
    """Says over which two axes a second moment is factored.

    Args:
        shape: Tuple of integers.
        min_dim_size: Integer, the smallest size of an axis worth factoring.

    Returns:
        Tuple of the axes of the second largest and the largest size, or `None` if there are no two
        axes of at least `min_dim_size`.

    Example:

    ```python
    from keras_lit.optimizers.functional import factored_axes

    factored_axes((768, 12, 64), 32)  # (2, 0): an attention kernel keeps its heads apart
    factored_axes((768, 16), 32)  # None
    ```
    """
    if len(shape) < 2:
        return None
    second, largest = (int(axis) for axis in np.argsort(shape, kind="stable")[-2:])
    return (second, largest) if shape[second] >= min_dim_size else None


def second_moment_decay(num_updates, exponent=0.8, maximum=0.999):
    """Returns Adafactor's decay `min(maximum, 1 - num_updates ** -exponent)`; the first is 0.

    Reference:
        - [Adafactor, section 7.2](https://arxiv.org/abs/1804.04235)
        - [Scaling Vision Transformers, section 3.4](https://arxiv.org/abs/2106.04560), the maximum
    """
    return ops.minimum(maximum, 1.0 - ops.power(num_updates, -exponent))


def factored_direction(gradient, columns, rows, axes, decay):
    """Divides a gradient by its root mean square, kept as one mean per row and per column.

    Args:
        gradient: Float32 tensor.
        columns: Float32 tensor without the first of `axes`, mean squares over that axis so far.
        rows: Float32 tensor without the second of `axes`, mean squares over that axis so far.
        axes: Tuple `(second largest, largest)`, see `factored_axes`.
        decay: Float32 scalar, the weight of the past.

    Returns:
        Tuple `(direction, columns, rows)`.

    Reference:
        - [Adafactor, algorithm 4](https://arxiv.org/abs/1804.04235), without its update clipping
    """
    second, largest = axes
    squares = ops.square(gradient) + _ADAFACTOR_EPSILON
    columns = decay * columns + (1 - decay) * ops.mean(squares, axis=second)
    rows = decay * rows + (1 - decay) * ops.mean(squares, axis=largest)
    row_axis = second - 1 if second > largest else second
    row_factor = ops.rsqrt(rows / ops.mean(rows, axis=row_axis, keepdims=True))
    column_factor = ops.rsqrt(columns)
    direction = gradient * ops.expand_dims(row_factor, largest)
    return direction * ops.expand_dims(column_factor, second), columns, rows


def unfactored_direction(gradient, second_moment, decay):
    """Divides a gradient by its root mean square; returns `(direction, second_moment)`."""
    squares = ops.square(gradient) + _ADAFACTOR_EPSILON
    second_moment = decay * second_moment + (1 - decay) * squares
    return gradient * ops.rsqrt(second_moment), second_moment


def momentum_direction(direction, average, momentum):
    """Returns the moving average of directions, float32, given one that is stored in less.

    The original multiplies a bfloat16 average in bfloat16. That rounds the momentum, 0.9 to
    0.8984375, and the product; the new direction counts with `1 - 0.9`, unrounded.

    Args:
        direction: Float32 tensor.
        average: Tensor of the same shape, bfloat16 or float32.
        momentum: Float in [0, 1).
    """
    if keras.backend.standardize_dtype(average.dtype) == "bfloat16":
        rounded = round_to_bfloat16(ops.convert_to_tensor(momentum, "float32"))
        past = round_to_bfloat16(rounded * ops.cast(average, "float32"))
    else:
        past = momentum * average
    return (1 - momentum) * direction + past


def round_to_bfloat16(values):
    """Rounds a float32 tensor to the nearest values that bfloat16 holds, ties to even.

    Casts there and back would do, but compilers remove such pairs, and a compiled step would then
    train to other weights than an eager one.
    """
    bits = ops.view(values, "int32")
    is_odd = ops.bitwise_and(ops.right_shift(bits, 16), 1)
    # Half of what the lower 16 bits can hold, then away with them.
    bits = ops.bitwise_and(bits + 0x7FFF + is_odd, -0x10000)
    return ops.view(bits, "float32")


# Keeps the root of an all-zero gradient away from 0 without moving any other.
_ADAFACTOR_EPSILON = 1e-30
