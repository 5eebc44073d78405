"""Gradients -> weights: clipping, decay and schedule that the optimizers of LiT share."""

import keras
from keras import ops

from keras_lit import distribution
from keras_lit.optimizers import checks, functional
from keras_lit.optimizers.multipliers import learning_rate_multiplier_of
from keras_lit.optimizers.schedules import WarmupSchedule


class LiTOptimizer(keras.optimizers.Optimizer):
    """The order of an update in LiT; a subclass adds the direction.

    1. All gradients together are clipped to a global norm. Locked variables have no gradient, so
       they do not count; over several replicas it is the norm of the global batch's gradient.
    2. The subclass turns each gradient into a direction.
    3. `variable -= fraction * (peak learning rate * multiplier * direction + decay * variable +
       pull * (variable - start))`, where `fraction` is the schedule's. The learning rate does not
       multiply the decay, so 0.01 here is 10 times as strong as 1.0 in `keras.optimizers.AdamW` at
       a learning rate of 1e-3.

    Only variables named `kernel` decay: not biases, norms, embeddings, positions, the class token,
    the temperature. `exclude_from_weight_decay` of Keras excludes more. All is computed in float32.

    Args:
        learning_rate: Float > 0, or one of the schedules of `keras_lit.optimizers`.
        weight_decay: Float >= 0, the part of a kernel that an update takes away at the peak.
        global_clipnorm: Float > 0, the largest norm of all gradients together. `None`: no clipping.
        pull_to_start: Float in [0, 1), the part of its way from the start that an update takes
            back at the peak, of every variable: what a pretrained model knew is kept better on
            little data. The start is what the weights are when training begins.
        **kwargs: Other arguments of `keras.optimizers.Optimizer`, e.g. `use_ema`.

    Raises:
        ValueError: If a number is out of its range, or weight decay or pull meets a schedule whose
            peak is not known.

    Reference:
        - [LiT](https://arxiv.org/abs/2111.07991); `big_vision/optax.py` of the original code.
        - [Explicit Inductive Bias for Transfer Learning](https://arxiv.org/abs/1802.01483), L2-SP,
          for `pull_to_start`; decoupled from the learning rate here, as weight decay is.
    """

    def __init__(self, learning_rate, weight_decay, global_clipnorm, pull_to_start=0.0, **kwargs):
        checks.check_weight_decay(weight_decay)
        checks.check_below_one("pull_to_start", pull_to_start)
        checks.check_global_clipnorm(global_clipnorm)
        if not callable(learning_rate):
            checks.check_learning_rate(learning_rate)
            learning_rate = float(learning_rate)
        elif (weight_decay or pull_to_start) and not isinstance(learning_rate, WarmupSchedule):
            raise ValueError(
                "Weight decay and pull follow the schedule as a fraction of its peak, which only "
                f"the schedules of keras_lit.optimizers know. Received: learning_rate="
                f"{learning_rate}, weight_decay={weight_decay}, pull_to_start={pull_to_start}. "
                "Use e.g. `CosineSchedule`, or 0 for both."
            )
        super().__init__(
            learning_rate, weight_decay=weight_decay, global_clipnorm=global_clipnorm, **kwargs
        )
        self.pull_to_start = pull_to_start
        distribution.with_dense_gradients(self)

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._decays = [v.name == "kernel" and self._use_weight_decay(v) for v in variables]
        self._multipliers = self.add_variable(
            (len(variables),),
            keras.initializers.Constant([learning_rate_multiplier_of(v) for v in variables]),
            name="learning_rate_multipliers",
        )
        self._slots = [self.add_slots(variable) for variable in variables]
        self._starts = []
        if self.pull_to_start:
            self._starts = [self.add_slot(variable, "start") for variable in variables]
            for start, variable in zip(self._starts, variables, strict=True):
                start.assign(ops.copy(variable))  # An array of its own: steps give theirs away.

    def add_slots(self, variable):
        """Creates the optimizer's state for one variable.

        Args:
            variable: `keras.Variable`.

        Returns:
            List of `keras.Variable`, made by `add_slot`.
        """
        raise NotImplementedError

    def add_slot(self, variable, name, shape=None, dtype="float32"):
        """Creates zeros that go with a variable, of its own shape unless another is given."""
        return self.add_variable(
            variable.shape if shape is None else shape,
            dtype=dtype,
            # Sharded as the variable is; a smaller slot is not worth it.
            layout=getattr(variable, "_layout", None) if shape is None else None,
            name=f"{variable.path.replace('/', '_')}_{name}",
        )

    def compute_direction(self, gradient, slots):
        """Updates the state of one variable and returns the direction of its update.

        Args:
            gradient: Float32 tensor.
            slots: The list that `add_slots` returned.

        Returns:
            Float32 tensor of the gradient's shape; the update goes against it.
        """
        raise NotImplementedError

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        gradient = ops.cast(gradient, "float32")
        direction = self.compute_direction(gradient, self._slots[index])
        update = ops.cast(learning_rate, "float32") * self._multipliers[index] * direction
        value = ops.cast(variable, "float32")
        if self.weight_decay and self._decays[index]:
            update += self._schedule_fraction() * self.weight_decay * value
        if self.pull_to_start:
            update += self._schedule_fraction() * self.pull_to_start * (value - self._starts[index])
        self.assign_sub(variable, ops.cast(update, variable.dtype))

    def _schedule_fraction(self):
        schedule = self._learning_rate
        return schedule.fraction(self._iterations) if isinstance(schedule, WarmupSchedule) else 1.0

    def _clip_gradients(self, gradients):
        if not self.global_clipnorm:
            return super()._clip_gradients(gradients)
        # Keras clips before it adds up the replicas' gradients, whose own norms mean nothing.
        norm = functional.global_norm(distribution.sum_over_replicas(gradients))
        return functional.clip_by_global_norm(gradients, norm, self.global_clipnorm)

    def _apply_weight_decay(self, variables):
        pass  # `update_step` does it.

    def get_config(self):
        return {**super().get_config(), "pull_to_start": self.pull_to_start}
