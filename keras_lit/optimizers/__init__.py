"""Gradients -> weights: the optimizers and schedules that LiT trains with, as Keras optimizers."""

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

__all__ = [
    "CosineSchedule",
    "LiTAdafactor",
    "LiTAdamW",
    "LiTOptimizer",
    "LinearSchedule",
    "RsqrtSchedule",
    "WarmupSchedule",
    "set_learning_rate_multiplier",
]
