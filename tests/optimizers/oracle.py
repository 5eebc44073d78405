"""Gradients -> parameters after each update: NumPy twins of the optimizers, in float64."""

import ml_dtypes
import numpy as np


def clipped(gradients, max_norm):
    norm = np.sqrt(sum(np.sum(np.square(gradient)) for gradient in gradients.values()))
    scale = 1.0 if norm < max_norm else max_norm / norm
    return {name: gradient * scale for name, gradient in gradients.items()}


class AdafactorTwin:
    """Adafactor's direction from the full outer product of row and column means."""

    def __init__(self, min_dim_size, momentum, momentum_dtype):
        self.min_dim_size, self.momentum, self.momentum_dtype = (
            min_dim_size,
            momentum,
            momentum_dtype,
        )
        self.mean_squares = self.average = None
        self.num_updates = 0

    def direction(self, gradient):
        self.num_updates += 1
        decay = min(0.999, 1 - self.num_updates**-0.8)
        past = 0.0 if self.mean_squares is None else self.mean_squares
        # A mean over rows or columns is linear, so it can be taken of the full mean square.
        self.mean_squares = decay * past + (1 - decay) * (gradient**2 + 1e-30)
        direction = gradient / np.sqrt(self.estimate())
        if self.average is None:
            self.average = np.zeros_like(gradient)
        momentum, past = self.momentum, self.average
        if self.momentum_dtype == "bfloat16":
            rounded = float(ml_dtypes.bfloat16(momentum))
            past = (rounded * past).astype("float32").astype(ml_dtypes.bfloat16).astype("float64")
        else:
            past = momentum * past
        direction = (1 - momentum) * direction + past
        stored = ml_dtypes.bfloat16 if self.momentum_dtype == "bfloat16" else "float64"
        self.average = direction.astype("float32").astype(stored).astype("float64")
        return direction

    def estimate(self):
        shape = self.mean_squares.shape
        large = sorted(range(len(shape)), key=lambda axis: (shape[axis], axis))[-2:]
        if len(large) < 2 or shape[large[0]] < self.min_dim_size:
            return self.mean_squares
        rows = np.mean(self.mean_squares, axis=large[1], keepdims=True)
        columns = np.mean(self.mean_squares, axis=large[0], keepdims=True)
        return rows * columns / np.mean(rows, axis=large[0], keepdims=True)


class AdamTwin:
    def __init__(self, beta_1, beta_2, epsilon):
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.first = self.second = 0.0
        self.num_updates = 0

    def direction(self, gradient):
        self.num_updates += 1
        self.first = self.beta_1 * self.first + (1 - self.beta_1) * gradient
        self.second = self.beta_2 * self.second + (1 - self.beta_2) * gradient**2
        first = self.first / (1 - self.beta_1**self.num_updates)
        second = self.second / (1 - self.beta_2**self.num_updates)
        return first / (np.sqrt(second) + self.epsilon)


def train(parameters, gradients, make_twin, learning_rate, weight_decay, max_norm):
    """Makes one update per dict of gradients at a constant rate; returns the last parameters."""
    twins = {name: make_twin() for name in parameters}
    parameters = {name: value.astype("float64") for name, value in parameters.items()}
    for step in gradients:
        step = clipped({name: g.astype("float64") for name, g in step.items()}, max_norm)
        for name, twin in twins.items():
            decay = weight_decay if name.endswith("kernel") else 0.0
            update = learning_rate * twin.direction(step[name]) + decay * parameters[name]
            parameters[name] = parameters[name] - update
    return parameters
