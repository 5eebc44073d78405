"""On two devices: what would train to wrong numbers raises, before the first step.

KERAS_BACKEND=tensorflow python -m integration_tests.distribution_errors_worker
"""

from integration_tests.train_worker import make_virtual_devices


def expect_error(function, *words):
    """Calls `function` and checks that it raises a ValueError that holds all `words`."""
    try:
        function()
    except ValueError as error:
        missing = [word for word in words if word not in str(error)]
        assert not missing, f"{missing} not in: {error}"
    else:
        raise AssertionError(f"no error with {words}")


def main():
    import keras

    import keras_lit
    from tests import tiny

    loss = keras_lit.losses.SoftmaxContrastiveLoss()
    early = tiny.lit_model()
    keras_lit.distribution.data_parallel()
    assert keras_lit.distribution.num_replicas() == 2
    expect_error(lambda: early.compile("adam", loss), "before building any backbone")

    model = tiny.lit_model()
    model.compile("adam", loss)
    if keras.config.backend() == "tensorflow":
        expect_error(lambda: model.compile("adam", loss, jit_compile=True), "jit_compile=True")
        expect_error(
            lambda: model.compile("adam", loss, steps_per_execution=2), "steps_per_execution=2"
        )
        accumulating = keras.optimizers.Adam(gradient_accumulation_steps=2)
        expect_error(lambda: model.compile(accumulating, loss), "gradient_accumulation_steps=2")
        keras.config.set_dtype_policy("mixed_float16")
        expect_error(lambda: model.compile("adam", loss), "float16", "mixed_bfloat16")
        keras.config.set_dtype_policy("float32")

    # Back to one device: models built from here on live on it.
    one = "cpu:0"
    keras_lit.distribution.data_parallel([one])
    assert keras_lit.distribution.num_replicas() == 1
    tiny.lit_model().compile("adam", loss)


if __name__ == "__main__":
    make_virtual_devices(2)
    main()
