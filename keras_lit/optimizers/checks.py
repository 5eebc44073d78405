"""Numbers of a training recipe -> nothing, or an error that says what they must be."""

import math

import keras


def check_learning_rate(learning_rate):
    """Raises `ValueError` unless the learning rate is a finite number > 0."""
    is_number = isinstance(learning_rate, int | float) and not isinstance(learning_rate, bool)
    if not is_number or not math.isfinite(learning_rate) or not learning_rate > 0:
        raise ValueError(
            "`learning_rate` must be a finite number > 0. Received: "
            f"learning_rate={learning_rate!r}. LiT trains with 1e-3; to keep a tower as it is, "
            "lock it: `model.tuning = 'Lu'`."
        )


def check_optimizer(optimizer):
    """Raises `ValueError` if an optimizer has a constant learning rate that is none."""
    for part in getattr(
        optimizer, "optimizers", [getattr(optimizer, "inner_optimizer", optimizer)]
    ):
        if isinstance(part._learning_rate, keras.Variable):
            check_learning_rate(float(keras.ops.convert_to_numpy(part.learning_rate)))


def check_weight_decay(weight_decay):
    """Raises `ValueError` unless the weight decay lies in [0, 1)."""
    if not 0 <= weight_decay < 1:
        raise ValueError(
            f"`weight_decay` must be in [0, 1). Received: weight_decay={weight_decay}. It is the "
            "part of a kernel that one update takes away; LiT uses 0.01, and 0 switches it off."
        )


def check_global_clipnorm(global_clipnorm):
    """Raises `ValueError` unless the norm is `None` or a number > 0."""
    if global_clipnorm is not None and not global_clipnorm > 0:
        raise ValueError(
            f"`global_clipnorm` must be > 0. Received: global_clipnorm={global_clipnorm}. LiT uses "
            "1.0, and None switches clipping off."
        )


def check_below_one(argument, value):
    """Raises `ValueError` unless the value lies in [0, 1)."""
    if not 0 <= value < 1:
        raise ValueError(f"`{argument}` must be in [0, 1). Received: {argument}={value}.")


def check_momentum_dtype(momentum_dtype):
    """Raises `ValueError` unless the dtype is one that the momentum can be stored in."""
    if momentum_dtype not in ("bfloat16", "float32"):
        raise ValueError(
            "`momentum_dtype` must be 'bfloat16', as in the original, or 'float32'. Received: "
            f"momentum_dtype={momentum_dtype!r}."
        )
