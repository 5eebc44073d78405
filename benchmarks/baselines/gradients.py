"""A scalar function of arrays -> a step that computes it and its gradients, compiled by XLA."""

import keras


def compiled_gradients(function, *arrays):
    """Returns a function without arguments that computes value and gradients, and waits for them.

    Args:
        function: Function of tensors that returns a scalar tensor.
        *arrays: NumPy arrays, its arguments.
    """
    if keras.config.backend() == "jax":
        import jax

        compute = jax.jit(jax.value_and_grad(function, tuple(range(len(arrays)))))
        arrays = [jax.numpy.asarray(array) for array in arrays]
        return lambda: jax.block_until_ready(compute(*arrays))

    import tensorflow as tf

    arrays = [tf.constant(array) for array in arrays]

    @tf.function(jit_compile=True)
    def compute(*tensors):
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            value = function(*tensors)
        return value, tape.gradient(value, tensors)

    return lambda: compute(*arrays)[0].numpy()
