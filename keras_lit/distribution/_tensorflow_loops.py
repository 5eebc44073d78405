"""A step, run again and again on TensorFlow -> its last carry, in the memory of one step."""

import tensorflow as tf


def sequential_loop(num_steps, step, carry):
    # TensorFlow would start ten steps at once, and hold the memory of ten.
    return tf.while_loop(
        lambda index, carry: index < num_steps,
        lambda index, carry: (index + 1, step(index, carry)),
        (tf.constant(0), carry),
        parallel_iterations=1,
    )[1]


def map_micro_batches(function, weights, state, inputs, num_micro_batches):
    # Row i belongs to micro-batch i % num_micro_batches, as on JAX.
    def deal_out(rows):
        tail = rows.shape[1:]
        size = tf.concat([[-1, num_micro_batches], tf.shape(rows)[1:]], axis=0)
        return tf.ensure_shape(tf.reshape(rows, size), (None, None, *tail))

    def gather_in(rows):
        rows = tf.transpose(rows, (1, 0, 2))
        return tf.reshape(rows, (-1, rows.shape[-1]))

    micro_batches = tf.nest.map_structure(deal_out, inputs)

    def run(weights, state, index):
        micro_batch = tf.nest.map_structure(lambda rows: rows[:, index], micro_batches)
        return function(weights, state, micro_batch)

    @tf.custom_gradient
    def map_all(*weights):
        def forward_step(index, end_state, embeddings):
            outputs, end_state = run(weights, end_state, index)
            return end_state, embeddings.write(index, outputs)

        embeddings = tf.TensorArray(tf.float32, num_micro_batches)
        end_state, embeddings = sequential_loop(
            num_micro_batches, lambda index, carry: forward_step(index, *carry), (state, embeddings)
        )

        def gradient(upstream, *_, variables=()):
            upstream = deal_out(upstream)

            def backward_step(index, state, totals):
                with tf.GradientTape(watch_accessed_variables=False) as tape:
                    tape.watch(weights)
                    outputs, state = run(weights, state, index)
                gradients = tape.gradient(
                    outputs, weights, upstream[:, index], unconnected_gradients="zero"
                )
                # An embedding's gradient is sparse, and the sum over micro-batches need not be.
                totals = [
                    t + tf.convert_to_tensor(g) for t, g in zip(totals, gradients, strict=True)
                ]
                return state, totals

            # From the same state on, so that dropout drops the same again.
            zeros = [tf.zeros_like(weight) for weight in weights]
            _, totals = sequential_loop(
                num_micro_batches, lambda index, carry: backward_step(index, *carry), (state, zeros)
            )
            # TensorFlow lists the frozen variables it found in the function, and wants them back.
            return (totals, [None] * len(variables)) if variables else totals

        return (gather_in(embeddings.stack()), *end_state), gradient

    embeddings, *end_state = map_all(*weights)
    return embeddings, end_state
