"""On two devices: what would train to wrong numbers raises, before the first step.

KERAS_BACKEND=tensorflow python -m integration_tests.distribution_errors_worker
"""

from integration_tests.train_worker import make_virtual_devices


def expect_error(function, *words, error=ValueError):
    """Calls `function` and checks that it raises an error that holds all `words`."""
    try:
        function()
    except error as raised:
        missing = [word for word in words if word not in str(raised)]
        assert not missing, f"{missing} not in: {raised}"
    else:
        raise AssertionError(f"no error with {words}")


def main():
    import keras
    import numpy as np
    import tensorflow as tf

    import keras_lit
    from keras_lit import distribution
    from tests import tiny

    loss = keras_lit.losses.SoftmaxContrastiveLoss()
    early = tiny.lit_model()
    distribution.data_parallel()
    assert distribution.num_replicas() == 2
    expect_error(lambda: early.compile("adam", loss), "before building any backbone")
    expect_error(lambda: distribution.model_parallel(3), "model_axis=3", "2 devices")

    model = tiny.lit_model()
    model.compile("adam", loss)
    before = tiny.values(model.variables)
    batches = tf.data.Dataset.from_tensor_slices(tiny.pairs(10))
    for uneven in (batches.batch(5), batches.batch(5, drop_remainder=True)):
        expect_error(lambda uneven=uneven: model.fit(uneven, verbose=0), "multiple of 2", "pairs")
    expect_error(lambda: model.fit(tiny.pairs(10), batch_size=5, verbose=0), "multiple of 2")
    after = tiny.values(model.variables)
    assert all(np.array_equal(before[path], after[path]) for path in before)

    if keras.config.backend() == "tensorflow":
        refused = {"error": NotImplementedError}
        expect_error(distribution.fully_sharded, "fully_sharded", "data_parallel()", **refused)
        expect_error(lambda: distribution.model_parallel(2), "model_axis=2", "jax", **refused)
        expect_error(distribution.initialize, "TF_CONFIG")
        expect_error(lambda: distribution.initialize("a:1", 2, 0), "a:1", "num_processes=2")
        expect_error(lambda: model.compile("adam", loss, jit_compile=True), "jit_compile=True")
        expect_error(
            lambda: model.compile("adam", loss, steps_per_execution=2), "steps_per_execution=2"
        )
        accumulating = keras.optimizers.Adam(gradient_accumulation_steps=2)
        expect_error(lambda: model.compile(accumulating, loss), "gradient_accumulation_steps=2")
        scaling = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())
        expect_error(lambda: model.compile(scaling, loss), "float16", "mixed_bfloat16")
        keras.config.set_dtype_policy("mixed_float16")
        expect_error(lambda: model.compile("adam", loss), "float16", "mixed_bfloat16")
        keras.config.set_dtype_policy("float32")

    # Back to one device: models built from here on live on it.
    distribution.data_parallel(["cpu:0"])
    assert distribution.num_replicas() == 1
    tiny.lit_model().compile("adam", loss)


if __name__ == "__main__":
    make_virtual_devices(2)
    main()
