"""Distribution on one device: harmless, the identity, and clear about devices it does not know."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from keras_lit import distribution
from keras_lit.distribution import setup
from tests import tiny


def test_one_device_changes_nothing():
    distribution.data_parallel()
    assert distribution.num_replicas() == 1
    assert keras.distribution.distribution() is None
    rows = ops.convert_to_tensor(np.ones((3, 2), "float32"))
    np.testing.assert_array_equal(
        ops.convert_to_numpy(distribution.gather_batch(rows)), ops.convert_to_numpy(rows)
    )
    assert distribution.row_offset(3) == 0
    assert float(distribution.replica_share(5.0)) == 5.0
    distribution.check_placement(tiny.lit_model().variables)
    distribution.check_compile_options(keras.optimizers.Adam(), jit_compile=True)


@pytest.mark.parametrize("devices", [[], ["tpu:7"], ["cpu:0", "cpu:0"]])
def test_unknown_devices(devices):
    with pytest.raises(ValueError, match="`devices` must name distinct devices out of"):
        distribution.data_parallel(devices)


@pytest.mark.skipif(
    keras.config.backend() != "torch", reason="integration_tests has the other backends' devices"
)
@pytest.mark.parametrize(
    "call",
    [
        lambda: distribution.data_parallel(),
        lambda: distribution.fully_sharded(),
        lambda: distribution.model_parallel(2),
        lambda: distribution.initialize("10.0.0.1:1234", 2, 0),
    ],
)
def test_torch_trains_on_one_device(monkeypatch, call):
    monkeypatch.setattr(setup._backend, "devices", lambda: ["cuda:0", "cuda:1"])
    with pytest.raises(NotImplementedError, match="trains on one device here. Name one device"):
        call()


def test_dense_gradients_are_asked_for_once():
    optimizer = distribution.with_dense_gradients(keras.optimizers.Adam())
    apply = optimizer.apply
    assert distribution.with_dense_gradients(optimizer) is optimizer
    assert optimizer.apply == apply


def test_the_other_backends_are_installed_and_others():
    others = distribution.other_backends()
    assert len(others) == len(set(others))
    assert {*others, keras.config.backend()} >= {"jax", "tensorflow"}
    assert keras.config.backend() not in others


def test_several_models_are_not_called_one_that_is_traced_too_often(caplog, monkeypatch):
    monkeypatch.setattr(tf.get_logger(), "propagate", True)
    for seed in range(3):
        model = tiny.lit_model(seed=seed)
        for num_images in (4, 2):
            model.encode_images(tiny.pairs(num_images)["images"])
    assert "retracing" not in caplog.text
