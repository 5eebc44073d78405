"""Training step -> learning rate: warm-up, a decay in the shape of a curve, cooldown."""

import math

import keras
from keras import ops

from keras_lit.optimizers import checks


class WarmupSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A peak learning rate times a fraction in [0, 1] that depends on the step.

    The fraction climbs from 0 in a straight line over the warm-up, follows the curve that the
    subclass returns from `decay`, and falls to 0 in a straight line over the cooldown. Steps count
    from 0, so that with a warm-up the first update moves no weight; the optimizer's moments move.

    Args:
        learning_rate: Float > 0, the peak.
        total_steps: Integer, the length of the training.
        warmup_steps: Integer in `[0, total_steps)`.
        cooldown_steps: Integer; warm-up and cooldown fit into `total_steps` together.

    Call arguments:
        step: Integer or scalar tensor, how many updates were made.

    Returns:
        Scalar float32 tensor.

    Raises:
        ValueError: If the learning rate is no positive number, or the steps do not fit.
    """

    def __init__(self, learning_rate, total_steps, warmup_steps=0, cooldown_steps=0):
        checks.check_learning_rate(learning_rate)
        if not total_steps > 0:
            raise ValueError(
                f"`total_steps` must be > 0. Received: total_steps={total_steps}. Pass the number "
                "of batches of the whole training."
            )
        for argument, value in (("warmup_steps", warmup_steps), ("cooldown_steps", cooldown_steps)):
            if not value >= 0:
                raise ValueError(f"`{argument}` must be >= 0. Received: {argument}={value}.")
        if warmup_steps >= total_steps:
            raise ValueError(
                "The schedule must be longer than its warm-up. Received: "
                f"total_steps={total_steps}, warmup_steps={warmup_steps}. Warm up for fewer steps, "
                "or train for more."
            )
        if warmup_steps + cooldown_steps > total_steps:
            raise ValueError(
                "Warm-up and cooldown must fit into the schedule. Received: "
                f"total_steps={total_steps}, warmup_steps={warmup_steps}, "
                f"cooldown_steps={cooldown_steps}. Shorten one of them, or train for more steps."
            )
        self.learning_rate = float(learning_rate)
        self.total_steps = total_steps
        self.warmup_steps = warmup_steps
        self.cooldown_steps = cooldown_steps

    def decay(self, step):
        """Returns the fraction at a step without warm-up and cooldown.

        Args:
            step: Scalar float32 tensor.
        """
        raise NotImplementedError

    def progress(self, step):
        """Returns how much of the time after the warm-up is over, in [0, 1]."""
        steps_left = self.total_steps - self.warmup_steps
        return ops.clip((step - self.warmup_steps) / steps_left, 0.0, 1.0)

    def fraction(self, step):
        """Returns the learning rate at a step as a fraction of the peak, float32 in [0, 1]."""
        step = ops.cast(step, "float32")
        fraction = self.decay(step)
        if self.warmup_steps:
            fraction *= ops.minimum(1.0, step / self.warmup_steps)
        if self.cooldown_steps:
            fraction *= ops.clip((self.total_steps - step) / self.cooldown_steps, 0.0, 1.0)
        return fraction

    def __call__(self, step):
        return self.learning_rate * self.fraction(step)

    def get_config(self):
        return {
            "learning_rate": self.learning_rate,
            "total_steps": self.total_steps,
            "warmup_steps": self.warmup_steps,
            "cooldown_steps": self.cooldown_steps,
        }


@keras.saving.register_keras_serializable(package="keras_lit")
class CosineSchedule(WarmupSchedule):
    """Warm-up, then half a cosine wave from the peak down to 0: the schedule of LiT.

    Arguments, call arguments and errors are those of `WarmupSchedule`.

    Example:

    ```python
    import keras_lit

    schedule = keras_lit.optimizers.CosineSchedule(1e-3, total_steps=5000, warmup_steps=150)
    [float(schedule(step)) for step in (0, 75, 150, 5000)]  # [0.0, 0.0005, 0.001, 0.0]
    ```

    Reference:
        - [LiT, appendix](https://arxiv.org/abs/2111.07991)
    """

    def decay(self, step):
        return 0.5 * (1.0 + ops.cos(math.pi * self.progress(step)))


@keras.saving.register_keras_serializable(package="keras_lit")
class LinearSchedule(WarmupSchedule):
    """Warm-up, then a straight line from the peak down to 0.

    Arguments, call arguments and errors are those of `WarmupSchedule`.

    Example:

    ```python
    import keras_lit

    schedule = keras_lit.optimizers.LinearSchedule(1e-3, total_steps=100)
    float(schedule(50))  # 0.0005
    ```
    """

    def decay(self, step):
        return 1.0 - self.progress(step)


@keras.saving.register_keras_serializable(package="keras_lit")
class RsqrtSchedule(WarmupSchedule):
    """Warm-up, then one over the square root of time, which has no end: train on as long as useful.

    `1 / sqrt(1 + (step - warmup_steps + shift) / timescale)` after the warm-up. Only a cooldown
    brings it to 0.

    Args:
        learning_rate: Float > 0, the peak.
        total_steps: Integer, the length of the training.
        warmup_steps: Integer in `[0, total_steps)`.
        cooldown_steps: Integer; warm-up and cooldown fit into `total_steps` together.
        timescale: Number of steps > 0 after which the rate has fallen by a factor of sqrt(2).
        shift: Number of steps >= 0 by which the curve starts later, to continue another training.

    Raises:
        ValueError: As `WarmupSchedule`, or if `timescale` or `shift` is out of its range.

    Example:

    ```python
    import keras_lit

    schedule = keras_lit.optimizers.RsqrtSchedule(1e-3, total_steps=40_000, cooldown_steps=5_000)
    float(schedule(30_000))  # 0.0005
    ```

    Reference:
        - [Scaling Vision Transformers, section 3.5](https://arxiv.org/abs/2106.04560)
    """

    def __init__(
        self,
        learning_rate,
        total_steps,
        warmup_steps=0,
        cooldown_steps=0,
        timescale=10_000,
        shift=0,
    ):
        super().__init__(learning_rate, total_steps, warmup_steps, cooldown_steps)
        if not timescale > 0:
            raise ValueError(f"`timescale` must be > 0. Received: timescale={timescale}.")
        if not shift >= 0:
            raise ValueError(f"`shift` must be >= 0. Received: shift={shift}.")
        self.timescale = timescale
        self.shift = shift

    def decay(self, step):
        steps_of_decay = ops.maximum(step - self.warmup_steps, 0.0) + self.shift
        return ops.rsqrt(1.0 + steps_of_decay / self.timescale)

    def get_config(self):
        return {**super().get_config(), "timescale": self.timescale, "shift": self.shift}
