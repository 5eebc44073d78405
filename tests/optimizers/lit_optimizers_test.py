"""LiTAdamW and LiTAdafactor: twins, clipping, decay, rates per layer, saving, memory, bad input."""

import keras
import ml_dtypes
import numpy as np
import pytest

import keras_lit
from keras_lit.optimizers import (
    CosineSchedule,
    LiTAdafactor,
    LiTAdamW,
    functional,
    set_learning_rate_multiplier,
)
from tests import tiny
from tests.optimizers import given_gradients, oracle

SHAPES = {
    "attention/kernel": (6, 2, 5),
    "output/kernel": (2, 5, 6),
    "square/kernel": (4, 4),
    "small/kernel": (3, 7),
    "norm/gamma": (6,),
    "embeddings": (8, 5),
    "log_temperature": (),
}


def random_parameters(seed=0, scale=1.0):
    random = np.random.default_rng(seed)
    return {n: scale * random.normal(size=s).astype("float32") for n, s in SHAPES.items()}


GRADIENTS = [random_parameters(seed, scale=0.1 * seed) for seed in range(1, 5)]
TWINS = {
    "adam": (
        lambda: LiTAdamW(0.03, 0.02, 1.0, beta_1=0.8, beta_2=0.9, epsilon=1e-3),
        lambda: oracle.AdamTwin(0.8, 0.9, 1e-3),
    ),
    **{
        dtype: (
            lambda dtype=dtype: LiTAdafactor(
                0.03, 0.02, 1.0, min_dim_size_to_factor=4, momentum_dtype=dtype
            ),
            lambda dtype=dtype: oracle.AdafactorTwin(4, 0.9, dtype),
        )
        for dtype in ("bfloat16", "float32")
    },
}


@pytest.mark.parametrize(
    "name, mode",
    [("adam", "jit"), ("float32", "jit"), *(("bfloat16", mode) for mode in given_gradients.MODES)],
)
def test_parameters_equal_the_twin(name, mode):
    make_optimizer, make_twin = TWINS[name]
    first = random_parameters()
    trained = given_gradients.train(first, GRADIENTS, make_optimizer(), mode)[-1]
    expected = oracle.train(first, GRADIENTS, make_twin, 0.03, 0.02, 1.0)
    tolerance = 3e-5 if name == "bfloat16" else 1e-6  # ties that round the other way
    for key, value in expected.items():
        np.testing.assert_allclose(trained[key], value, rtol=0, atol=tolerance, err_msg=key)


def test_rounding_is_that_of_bfloat16():
    random = np.random.default_rng(0)
    values = (random.normal(size=2000) * 10.0 ** random.integers(-30, 30, 2000)).astype("float32")
    ties = np.array([1.0, 1.00390625, 1.01171875, 0.0, -0.0, 1e-40], "float32")
    values = np.concatenate([values, ties, -ties])
    rounded = keras.ops.convert_to_numpy(functional.round_to_bfloat16(values))
    expected = values.astype(ml_dtypes.bfloat16).astype("float32")
    np.testing.assert_array_equal(rounded[values != -values], expected[values != -values])


@pytest.mark.parametrize("max_norm, factor", [(10.0, 1.0), (5.0, 1.0), (2.5, 0.5)])
def test_clipping(max_norm, factor):
    gradients = [np.array([3.0], "float32"), np.array([[4.0]], "float32")]
    norm = functional.global_norm(gradients)
    assert float(norm) == 5.0
    tensors = [keras.ops.convert_to_tensor(gradient) for gradient in gradients]
    clipped = functional.clip_by_global_norm(tensors, norm, max_norm)
    for value, gradient in zip(clipped, gradients, strict=True):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(value), factor * gradient)


def test_decay_follows_the_schedule_but_not_the_learning_rate():
    first = random_parameters()
    zeros = [{name: np.zeros_like(value) for name, value in first.items()}] * 3
    for learning_rate in (1e-3, 10.0):
        schedule = CosineSchedule(learning_rate, 10, warmup_steps=2)
        steps = given_gradients.train(first, zeros, LiTAdamW(schedule, weight_decay=0.5))
        for name in first:
            kept = [1.0, 0.75, 0.375] if name.endswith("kernel") else [1.0, 1.0, 1.0]
            for step, factor in zip(steps, kept, strict=True):
                np.testing.assert_allclose(step[name], factor * first[name], rtol=1e-6)


def test_excluded_kernels_do_not_decay():
    optimizer = LiTAdamW()
    optimizer.exclude_from_weight_decay(var_names=["kernel"])
    optimizer.build([keras.Variable([1.0], name="kernel"), keras.Variable([1.0], name="bias")])
    assert optimizer._decays == [False, False]


@pytest.mark.parametrize("optimizer_class", [LiTAdamW, LiTAdafactor])
def test_a_multiplier_scales_the_update_but_not_the_decay(optimizer_class):
    first = random_parameters()

    def updates(multipliers):
        trained = given_gradients.train(
            first, GRADIENTS[:1], optimizer_class(0.1, 0.5), multipliers=multipliers
        )[-1]
        decay = {name: 0.5 if name.endswith("kernel") else 0.0 for name in first}
        return {name: trained[name] - (1 - decay[name]) * first[name] for name in first}

    multipliers = {"square/kernel": 0.1, "embeddings": 10.0}
    scaled = updates(multipliers)
    for name, update in updates({}).items():
        expected = multipliers.get(name, 1.0) * update
        np.testing.assert_allclose(scaled[name], expected, atol=5e-6, err_msg=name)


@pytest.mark.parametrize("optimizer_class", [LiTAdamW, LiTAdafactor])
def test_a_saved_model_trains_on_as_if_never_saved(tmp_path, optimizer_class):
    model = tiny.lit_model("Uu")
    set_learning_rate_multiplier(model.image_tower, 0.1)
    schedule = CosineSchedule(1e-2, 10, warmup_steps=1)
    model.compile(optimizer_class(schedule), loss=keras_lit.losses.SoftmaxContrastiveLoss())
    model.fit(tiny.pairs(), batch_size=12, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert len(loaded.optimizer.variables) == len(model.optimizer.variables)
    for one, other in zip(loaded.optimizer.variables, model.optimizer.variables, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(
            np.asarray(one.numpy(), "float32"), np.asarray(other.numpy(), "float32")
        )
    for each in (model, loaded):
        each.fit(tiny.pairs(), batch_size=12, shuffle=False, verbose=0)
    for one, other in zip(loaded.weights, model.weights, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), atol=1e-6, err_msg=other.path)


def test_repeated_rows_of_an_embedding_add_up_before_they_are_squared():
    def train(optimizer):
        ids = keras.Input((3,), dtype="int32")
        embedding = keras.layers.Embedding(4, 2, embeddings_initializer="ones")
        model = keras.Model(ids, keras.layers.Flatten()(embedding(ids)))
        model.compile(optimizer, loss=lambda _, outputs: keras.ops.sum(outputs))
        model.train_on_batch(np.array([[1, 1, 2]]), np.zeros((1, 6)))
        return embedding.embeddings.numpy()

    # Row 1 has the gradient 2, row 2 the gradient 1, and their norm, over two columns, is sqrt(10).
    rows = train(LiTAdamW(1.0, epsilon=1.0, global_clipnorm=0.1))
    gradient = np.array([0, 2, 1, 0]) * 0.1 / np.sqrt(10)
    np.testing.assert_allclose(rows[:, 0], 1 - gradient / (gradient + 1), rtol=1e-5)


def test_state_of_adafactor_is_a_quarter_of_adams():
    variable = keras.Variable(np.zeros((64, 128), "float32"), name="kernel")

    def num_bytes(optimizer):
        optimizer.build([variable])
        return sum(
            int(np.prod(v.shape)) * ml_dtypes.finfo(v.dtype).bits // 8
            for v in optimizer.variables
            if len(v.shape) and "multipliers" not in v.path
        )

    adam = num_bytes(keras.optimizers.AdamW())
    assert adam == num_bytes(LiTAdamW()) == 2 * 4 * 64 * 128
    assert num_bytes(LiTAdafactor()) == 2 * 64 * 128 + 4 * (64 + 128)
    assert num_bytes(LiTAdafactor(momentum_dtype="float32")) == 4 * 64 * 128 + 4 * (64 + 128)


@pytest.mark.parametrize("optimizer_class", [LiTAdamW, LiTAdafactor])
@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"learning_rate": 0.0}, "`learning_rate` must be a finite number > 0. Received"),
        ({"learning_rate": float("nan")}, "Received: learning_rate=nan"),
        ({"learning_rate": -0.1}, "Received: learning_rate=-0.1"),
        ({"weight_decay": -0.1}, "`weight_decay` must be in"),
        ({"weight_decay": 1.0}, "`weight_decay` must be in"),
        ({"global_clipnorm": 0.0}, "`global_clipnorm` must be > 0"),
        (
            {"learning_rate": keras.optimizers.schedules.CosineDecay(0.1, 10)},
            "which only the schedules of keras_lit.optimizers",
        ),
    ],
)
def test_bad_arguments(optimizer_class, kwargs, message):
    with pytest.raises(ValueError, match=message):
        optimizer_class(**kwargs)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: LiTAdamW(beta_2=1.0), "`beta_2` must be in"),
        (lambda: LiTAdafactor(momentum=1.0), "`momentum` must be in"),
        (lambda: LiTAdafactor(momentum_dtype="float16"), "`momentum_dtype` must be 'bfloat16'"),
        (lambda: set_learning_rate_multiplier(keras.layers.Dense(2), 0.1), "no variables"),
        (lambda: set_learning_rate_multiplier([keras.Variable(0.0)], 0.0), "`multiplier` must be"),
    ],
)
def test_more_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_other_schedules_will_do_without_decay():
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 10)
    trained = given_gradients.train(random_parameters(), GRADIENTS, LiTAdamW(schedule, 0.0))
    assert np.all(np.isfinite(trained[-1]["square/kernel"]))
