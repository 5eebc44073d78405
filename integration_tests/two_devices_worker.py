"""On two devices: training is that of one device, and what would not be raises beforehand.

KERAS_BACKEND=tensorflow python -m integration_tests.two_devices_worker
"""

import keras
import numpy as np
import tensorflow as tf

import keras_lit
from integration_tests.virtual_devices import make_virtual_devices
from keras_lit import distribution, evaluation
from keras_lit.tuning import Lock, UnlockTower
from tests import tiny
from tests.evaluation import benchmark_cases as cases
from tests.tuning import families

LOSS = keras_lit.losses.SoftmaxContrastiveLoss()
ON_TENSORFLOW = keras.config.backend() == "tensorflow"


def expect_error(function, *words, error=ValueError):
    """Calls `function` and checks that it raises an error that holds all `words`."""
    try:
        function()
    except error as raised:
        missing = [word for word in words if word not in str(raised)]
        assert not missing, f"{missing} not in: {raised}"
    else:
        raise AssertionError(f"no error with {words}")


def check_batches():
    """What the devices do not divide is refused, and leaves the model as it was."""
    model = tiny.lit_model()
    model.compile("adam", LOSS)
    before = tiny.values(model.variables)
    batches = tf.data.Dataset.from_tensor_slices(tiny.pairs(10))
    for uneven in (batches.batch(5), batches.batch(5, drop_remainder=True)):
        expect_error(lambda uneven=uneven: model.fit(uneven, verbose=0), "multiple of 2", "pairs")
    expect_error(lambda: model.fit(tiny.pairs(10), batch_size=5, verbose=0), "multiple of 2")
    after = tiny.values(model.variables)
    assert all(np.array_equal(before[path], after[path]) for path in before)


def check_tensorflow():
    """What TensorFlow's replicas cannot do is refused."""
    refused = {"error": NotImplementedError}
    expect_error(distribution.fully_sharded, "fully_sharded", "data_parallel()", **refused)
    expect_error(lambda: distribution.model_parallel(2), "model_axis=2", "jax", **refused)
    expect_error(distribution.initialize, "TF_CONFIG")
    expect_error(lambda: distribution.initialize("a:1", 2, 0), "a:1", "num_processes=2")
    model = tiny.lit_model()
    expect_error(lambda: model.compile("adam", LOSS, jit_compile=True), "jit_compile=True")
    expect_error(
        lambda: model.compile("adam", LOSS, steps_per_execution=2), "steps_per_execution=2"
    )
    accumulating = keras.optimizers.Adam(gradient_accumulation_steps=2)
    expect_error(lambda: model.compile(accumulating, LOSS), "gradient_accumulation_steps=2")
    scaling = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())
    expect_error(lambda: model.compile(scaling, LOSS), "float16", "mixed_bfloat16")
    keras.config.set_dtype_policy("mixed_float16")
    expect_error(lambda: model.compile("adam", LOSS), "float16", "mixed_bfloat16")
    keras.config.set_dtype_policy("float32")


def check_families():
    """A locked image tower keeps every byte, whatever it is made of; so do seeds and statistics."""
    model = families.model_of_all_families()
    model.compile(keras.optimizers.SGD(1.0, 0.9), LOSS, **families.STEP_OF_ALL)
    assert not families.moved_by_training(model)
    assert len(model.optimizer.variables) == 2 + len(model.text_tower.trainable_variables) + 1


def check_callbacks():
    """What callbacks measure during `fit` is what NumPy computes from the towers' outputs."""
    model = cases.lit_model()
    model.compile(keras.optimizers.Adam(0.01), LOSS)
    # Five of each, which two devices do not divide.
    images = np.stack([cases.picture(label, 0) for label in range(5)])
    names, template = cases.CLASSES[:5], "two {}"
    callbacks = [
        evaluation.ZeroShotEvaluation([(images, np.arange(5))], names, [template], every_steps=2),
        evaluation.RetrievalEvaluation([{"images": images, "captions": names}]),
    ]
    pairs = {"images": images[:4], "captions": np.array(names[:4])}
    history = model.fit(pairs, batch_size=2, epochs=2, verbose=0, callbacks=callbacks).history
    for callback, name in zip(callbacks, ("zero_shot", "retrieval"), strict=True):
        assert [record["step"] for record in callback.history] == [2, 4]
        assert history[f"{name}_seconds"][-1] > 0
    # Called as they are, the towers run on one device.
    preprocessor = model.preprocessor
    pictures, *texts = (
        keras.ops.convert_to_numpy(tower(inputs))
        for tower, inputs in (
            (model.image_tower, preprocessor.convert_images(images)),
            (model.text_tower, preprocessor.tokenize_captions(names)),
            (model.text_tower, preprocessor.tokenize_captions([template.format(n) for n in names])),
        )
    )
    expected = evaluation.retrieval_recall(pictures, texts[0], np.arange(5))
    expected |= evaluation.zero_shot_accuracy(pictures @ texts[1].T, np.arange(5), k=(1,))
    for name, value in expected.items():
        np.testing.assert_allclose(history[name][-1], value, rtol=1e-6, err_msg=name)


def train():
    """Returns weights trained with gradients that are clipped, each by far.

    The norm must be that of the global batch. Wherever it is not refused, gradients of two batches
    are averaged, two steps are one call, and the step is compiled. After two batches the norms of
    the locked tower join in; all else of it, seeds of dropout and statistics too, keeps every byte.
    """
    accumulation, options = {}, {}
    if not ON_TENSORFLOW:
        accumulation = {"gradient_accumulation_steps": 2}
        options = {"steps_per_execution": 2, "jit_compile": True}
    model = tiny.lit_model("Lu", dropout=0.3)
    model.compile(
        keras_lit.optimizers.LiTAdamW(0.01, global_clipnorm=1e-3, epsilon=1e-4, **accumulation),
        LOSS,
        **options,
    )
    # A key's bias changes no attention: its gradient is nothing but rounding errors.
    trained = [v for v in model.trainable_variables if not v.path.endswith("key/bias")]
    trained += [v for v in model.image_tower.weights if v.name in ("gamma", "beta")]
    before = tiny.values(trained)
    locked = [v for v in model.image_tower.variables if v.name not in ("gamma", "beta")]
    rest = tiny.values(locked)
    unlock = UnlockTower(after_steps=2, lock=Lock(keep="norms"))
    model.fit(tiny.pairs(16), batch_size=4, shuffle=False, verbose=0, callbacks=[unlock])
    after = tiny.values(trained)
    unmoved = [path for path in before if np.all(before[path] == after[path])]
    assert not unmoved, unmoved
    moved = [path for path, value in tiny.values(locked).items() if np.any(value != rest[path])]
    assert not moved and any("seed_generator" in path for path in rest), moved
    return after


def main():
    early, compiled = tiny.lit_model(), tiny.lit_model()
    compiled.compile("adam", LOSS)
    distribution.data_parallel()
    assert distribution.num_replicas() == 2
    expect_error(lambda: early.compile("adam", LOSS), "before building any backbone")
    expect_error(lambda: compiled.fit(tiny.pairs(4), batch_size=4), "before building any backbone")
    expect_error(lambda: distribution.model_parallel(3), "model_axis=3", "2 devices")
    check_batches()
    check_callbacks()
    if ON_TENSORFLOW:
        check_tensorflow()
    else:  # Replicas of TensorFlow take a minute for it.
        check_families()
    on_two = train()
    # Back to one device: models built from here on live on it.
    distribution.data_parallel(["cpu:0"])
    assert distribution.num_replicas() == 1
    on_one = train()
    for path, value in on_one.items():
        np.testing.assert_allclose(on_two[path], value, rtol=0, atol=5e-6, err_msg=path)


if __name__ == "__main__":
    make_virtual_devices(2)
    main()
