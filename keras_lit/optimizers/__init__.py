"""Gradients -> weights: the optimizers and schedules that LiT trains with, as Keras optimizers."""

from keras_lit.optimizers.continuation import continue_with
from keras_lit.optimizers.lit_adafactor import LiTAdafactor
from keras_lit.optimizers.lit_adamw import LiTAdamW
from keras_lit.optimizers.lit_optimizer import LiTOptimizer
from keras_lit.optimizers.multipliers import set_learning_rate_multiplier
from keras_lit.optimizers.schedules import (
    CosineSchedule,
    LinearSchedule,
    RsqrtSchedule,
    WarmupSchedule,
)
from keras_lit.optimizers.slot_memory import num_slot_bytes
from keras_lit.optimizers.steps import StepCounter, num_steps

__all__ = [
    "CosineSchedule",
    "LiTAdafactor",
    "LiTAdamW",
    "LiTOptimizer",
    "LinearSchedule",
    "RsqrtSchedule",
    "StepCounter",
    "WarmupSchedule",
    "continue_with",
    "num_slot_bytes",
    "num_steps",
    "set_learning_rate_multiplier",
]
