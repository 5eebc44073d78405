"""Parameters and given gradients -> the values after each update, through the step of Keras."""

import keras
import numpy as np
from keras import ops

from keras_lit.optimizers import set_learning_rate_multiplier


class GivenGradients(keras.Model):
    """A model of loose weights whose gradient is its input.

    Args:
        parameters: Dict of name and array; the last part of a name becomes the variable's.
    """

    def __init__(self, parameters):
        super().__init__()
        # A layer for each, as torch takes two variables of one path for the same.
        self.owners = [keras.layers.Layer(name=name.replace("/", "_")) for name in parameters]
        self.loose_weights = {
            name: owner.add_weight(value.shape, name=name.split("/")[-1], dtype="float32")
            for (name, value), owner in zip(parameters.items(), self.owners, strict=True)
        }
        for name, value in parameters.items():
            self.loose_weights[name].assign(value)
        self.built = True

    def call(self, gradients):
        products = [
            ops.reshape(gradient * weight, (1, -1))
            for gradient, weight in zip(gradients, self.loose_weights.values(), strict=True)
        ]
        return ops.sum(ops.concatenate(products, axis=1), axis=1)


MODES = {"jit": {"jit_compile": True}}
# Without a compiled step JAX compiles each operation by itself, which takes a quarter of a minute.
if keras.config.backend() != "jax":
    MODES["eager"] = {"run_eagerly": True, "jit_compile": False}


def train(parameters, gradients, optimizer, mode="jit", multipliers=()):
    """Makes one update per dict of gradients.

    Args:
        parameters: Dict of name and array.
        gradients: List of dicts of the same names.
        optimizer: `keras.optimizers.Optimizer`.
        mode: Key of `MODES`.
        multipliers: Dict of name and learning rate multiplier.

    Returns:
        List of dicts of the values after each update.
    """
    model = GivenGradients(parameters)
    for name in multipliers:
        set_learning_rate_multiplier([model.loose_weights[name]], multipliers[name])
    model.compile(optimizer, loss=lambda _, products: ops.mean(products), **MODES[mode])
    history = []
    for step in gradients:
        model.train_on_batch([step[name][None] for name in parameters], np.zeros(1))
        history.append(
            {name: ops.convert_to_numpy(v).copy() for name, v in model.loose_weights.items()}
        )
    return history
