"""A scalar function of arrays -> its value and gradients, on the running backend.

The one place of the tests that knows backends: Keras itself has no gradients.
"""

import keras
import numpy as np


def gradient_function(function):
    """Compiles `function(*tensors) -> scalar tensor` into one that also returns its gradients.

    Returns:
        Function of tensors that returns a float and a list of NumPy arrays, one per tensor.
    """
    if keras.config.backend() == "jax":
        import jax

        compiled = jax.jit(
            lambda *tensors: jax.value_and_grad(function, tuple(range(len(tensors))))(*tensors)
        )
    elif keras.config.backend() == "tensorflow":
        import tensorflow as tf

        @tf.function
        def compiled(*tensors):
            with tf.GradientTape() as tape:
                tape.watch(tensors)
                value = function(*tensors)
            return value, tape.gradient(value, tensors)

    else:

        def compiled(*tensors):
            leaves = [tensor.detach().requires_grad_() for tensor in tensors]
            value = function(*leaves)
            value.backward()
            return value.detach(), [leaf.grad for leaf in leaves]

    def run(*tensors):
        value, gradients = compiled(*tensors)
        return float(value), [keras.ops.convert_to_numpy(gradient) for gradient in gradients]

    return run


def value_and_gradients(function, *arrays):
    """Returns the value and gradients of `function(*tensors)` at the arrays, in float32."""
    tensors = [keras.ops.convert_to_tensor(np.asarray(array, "float32")) for array in arrays]
    return gradient_function(function)(*tensors)
