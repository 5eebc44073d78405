"""A scalar function of arrays -> its value and gradients as NumPy arrays, on the running backend.

The one place of the tests that knows backends: Keras itself has no gradients.
"""

import keras
import numpy as np


def value_and_gradients(function, *arrays):
    """Differentiates `function(*tensors) -> scalar tensor`, compiled, by each of its arrays."""
    tensors = [keras.ops.convert_to_tensor(np.asarray(array, "float32")) for array in arrays]
    if keras.config.backend() == "jax":
        import jax

        every = tuple(range(len(tensors)))
        value, gradients = jax.jit(jax.value_and_grad(function, argnums=every))(*tensors)
    elif keras.config.backend() == "tensorflow":
        import tensorflow as tf

        @tf.function
        def run(*tensors):
            with tf.GradientTape() as tape:
                tape.watch(tensors)
                value = function(*tensors)
            return value, tape.gradient(value, tensors)

        value, gradients = run(*tensors)
    else:
        for tensor in tensors:
            tensor.requires_grad_()
        value = function(*tensors)
        value.backward()
        gradients = [tensor.grad for tensor in tensors]
    return float(value), [keras.ops.convert_to_numpy(gradient) for gradient in gradients]
