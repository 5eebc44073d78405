"""Gradients -> weights: the Adafactor with momentum of LiT, whose state is small."""

import keras
from keras import ops

from keras_lit.optimizers import checks, functional
from keras_lit.optimizers.lit_optimizer import LiTOptimizer


@keras.saving.register_keras_serializable(package="keras_lit")
class LiTAdafactor(LiTOptimizer):
    """Adafactor as LiT trains text towers from scratch with it.

    Instead of a mean square per weight it keeps one per row and per column, over the two largest
    axes of a variable; and a momentum in bfloat16. That is about a quarter of the state of Adam. It
    differs from `keras.optimizers.Adafactor`: no update clipping, no step size relative to the
    weights, decay of the second moment up to 0.999, and momentum.

    The axes are those of the variable: an attention kernel `(width, heads, width / heads)` is
    factored as the original's, which has the same shape. The original stores BERT's attention
    kernels as matrices, which factor otherwise; it trains BERT with Adam, as in `LiTAdamW`.

    Args:
        learning_rate: Float > 0, or one of the schedules of `keras_lit.optimizers`.
        weight_decay: Float >= 0, the part of a kernel that an update takes away at the peak.
        global_clipnorm: Float > 0, the largest norm of all gradients together. `None`: no clipping.
        min_dim_size_to_factor: Integer. A variable is factored if it has two axes of this size.
        momentum: Float in [0, 1), decay of the mean of directions.
        momentum_dtype: `"bfloat16"` or `"float32"`, in which the momentum is stored.
        **kwargs: `pull_to_start` of `LiTOptimizer`, and the arguments of
            `keras.optimizers.Optimizer`, e.g. `use_ema`.

    Raises:
        ValueError: If a number is out of its range, or weight decay meets a schedule whose peak is
            not known.

    Example:

    ```python
    from keras_lit.optimizers import CosineSchedule, LiTAdafactor

    optimizer = LiTAdafactor(CosineSchedule(1e-3, total_steps=5000, warmup_steps=150))
    ```

    Reference:
        - [Adafactor](https://arxiv.org/abs/1804.04235)
        - [Scaling Vision Transformers, section 3.4](https://arxiv.org/abs/2106.04560)
    """

    def __init__(
        self,
        learning_rate=1e-3,
        weight_decay=0.01,
        global_clipnorm=1.0,
        min_dim_size_to_factor=32,
        momentum=0.9,
        momentum_dtype="bfloat16",
        **kwargs,
    ):
        checks.check_below_one("momentum", momentum)
        checks.check_momentum_dtype(momentum_dtype)
        super().__init__(learning_rate, weight_decay, global_clipnorm, **kwargs)
        self.min_dim_size_to_factor = min_dim_size_to_factor
        self.momentum = momentum
        self.momentum_dtype = momentum_dtype

    def add_slots(self, variable):
        shape = tuple(variable.shape)
        axes = functional.factored_axes(shape, self.min_dim_size_to_factor)
        if axes is None:
            squares = [self.add_slot(variable, "second_moment")]
        else:
            squares = [
                self.add_slot(variable, name, shape=shape[:axis] + shape[axis + 1 :])
                for name, axis in zip(("columns", "rows"), axes, strict=True)
            ]
        return [*squares, self.add_slot(variable, "momentum", dtype=self.momentum_dtype)]

    def compute_direction(self, gradient, slots):
        *squares, average = slots
        decay = functional.second_moment_decay(ops.cast(self.iterations + 1, "float32"))
        axes = functional.factored_axes(tuple(average.shape), self.min_dim_size_to_factor)
        if axes is None:
            direction, *new_squares = functional.unfactored_direction(gradient, *squares, decay)
        else:
            direction, *new_squares = functional.factored_direction(gradient, *squares, axes, decay)
        direction = functional.momentum_direction(direction, average, self.momentum)
        for slot, value in zip(slots, (*new_squares, direction), strict=True):
            self.assign(slot, value)
        return direction

    def get_config(self):
        return {
            **super().get_config(),
            "min_dim_size_to_factor": self.min_dim_size_to_factor,
            "momentum": self.momentum,
            "momentum_dtype": self.momentum_dtype,
        }
