"""Gradients -> weights: Adam with the decoupled weight decay of LiT."""

import keras
from keras import ops

from keras_lit.optimizers import checks, functional
from keras_lit.optimizers.lit_optimizer import LiTOptimizer


@keras.saving.register_keras_serializable(package="keras_lit")
class LiTAdamW(LiTOptimizer):
    """Adam as LiT trains BERT text towers with it.

    It differs from `keras.optimizers.AdamW` in three ways: weight decay does not scale with the
    learning rate and touches kernels only, gradients are clipped by default, and `epsilon` is added
    after the bias correction, as in the paper.

    Args:
        learning_rate: Float > 0, or one of the schedules of `keras_lit.optimizers`.
        weight_decay: Float >= 0, the part of a kernel that an update takes away at the peak.
        global_clipnorm: Float > 0, the largest norm of all gradients together. `None`: no clipping.
        beta_1: Float in [0, 1), decay of the mean of gradients.
        beta_2: Float in [0, 1), decay of the mean of squared gradients.
        epsilon: Float, keeps the division finite.
        **kwargs: `pull_to_start` of `LiTOptimizer`, and the arguments of
            `keras.optimizers.Optimizer`, e.g. `use_ema`.

    Raises:
        ValueError: If a number is out of its range, or weight decay meets a schedule whose peak is
            not known.

    Example:

    ```python
    from keras_lit.optimizers import CosineSchedule, LiTAdamW

    optimizer = LiTAdamW(CosineSchedule(1e-3, total_steps=5000, warmup_steps=150))
    ```

    Reference:
        - [Adam](https://arxiv.org/abs/1412.6980)
        - [LiT](https://arxiv.org/abs/2111.07991)
    """

    def __init__(
        self,
        learning_rate=1e-3,
        weight_decay=0.01,
        global_clipnorm=1.0,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        **kwargs,
    ):
        checks.check_below_one("beta_1", beta_1)
        checks.check_below_one("beta_2", beta_2)
        super().__init__(learning_rate, weight_decay, global_clipnorm, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def add_slots(self, variable):
        return [self.add_slot(variable, name) for name in ("first_moment", "second_moment")]

    def compute_direction(self, gradient, slots):
        num_updates = ops.cast(self.iterations + 1, "float32")
        direction, *moments = functional.adam_direction(
            gradient, *slots, num_updates, (self.beta_1, self.beta_2), self.epsilon
        )
        for slot, moment in zip(slots, moments, strict=True):
            self.assign(slot, moment)
        return direction

    def get_config(self):
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
