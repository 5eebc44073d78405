"""Micro-batches: what cannot be cut is refused before it trains; the rest computes the same.

That whole training steps agree, on one and several devices and with dropout, is tested in
`integration_tests/micro_batch_test.py`.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_lit
from tests import tiny

pytestmark = pytest.mark.compiled


def compiled(micro_batch_size, **kwargs):
    model = tiny.lit_model(**kwargs)
    model.compile(
        optimizer=keras.optimizers.SGD(0.1),
        loss=keras_lit.losses.SoftmaxContrastiveLoss(),
        micro_batch_size=micro_batch_size,
    )
    return model


def test_a_step_in_micro_batches_is_the_step():
    """With a locked image tower, whose batch normalization runs as in inference."""
    pairs = tiny.pairs(12)
    trained = []
    for micro_batch_size in (None, 4):
        model = compiled(micro_batch_size, dropout=0.5)
        locked = tiny.values(model.image_tower.variables)
        loss = model.fit(pairs, batch_size=12, shuffle=False, epochs=2, verbose=0).history["loss"]
        for path, value in tiny.values(model.image_tower.variables).items():
            np.testing.assert_array_equal(value, locked[path])
        trained.append((loss, list(tiny.values(model.trainable_variables).values())))
    (loss, weights), (micro_loss, micro_weights) = trained
    assert loss[0] != loss[1]
    np.testing.assert_allclose(micro_loss, loss, rtol=1e-6)
    for weight, micro_weight in zip(weights, micro_weights, strict=True):
        np.testing.assert_allclose(micro_weight, weight, rtol=0, atol=1e-6)


@pytest.mark.parametrize("num_pairs", [12, 10])
def test_evaluation_and_embeddings_stay_the_same(num_pairs):
    pairs = tiny.pairs(num_pairs)
    whole, micro = compiled(None), compiled(4)
    np.testing.assert_allclose(
        micro.evaluate(pairs, batch_size=num_pairs, verbose=0),
        whole.evaluate(pairs, batch_size=num_pairs, verbose=0),
        rtol=1e-6,
    )
    np.testing.assert_allclose(
        micro.encode_images(pairs["images"]), whole.encode_images(pairs["images"]), atol=1e-6
    )


def test_the_compile_config_keeps_it():
    model = compiled(4)
    config = model.get_compile_config()
    assert config["micro_batch_size"] == 4
    again = tiny.lit_model()
    again.compile_from_config(config)
    assert again.text_tower.micro_batch_size == 4


@pytest.mark.parametrize("micro_batch_size", [0, -1, 2.5, "4"])
def test_refuses_what_is_no_size(micro_batch_size):
    with pytest.raises(ValueError, match="micro_batch_size` must be an integer >= 1. Received"):
        compiled(micro_batch_size)


def test_refuses_what_devices_do_not_divide(monkeypatch):
    monkeypatch.setattr(keras_lit.distribution, "num_replicas", lambda: 4)
    with pytest.raises(ValueError, match="multiple of the number of devices, 4.*Pass 8"):
        compiled(6)


@pytest.mark.parametrize("micro_batch_size", [5, 24])
def test_refuses_batches_that_it_does_not_divide(micro_batch_size):
    model = compiled(micro_batch_size)
    before = tiny.values(model.variables)
    message = f"micro_batch_size={micro_batch_size}` must divide every batch"
    with pytest.raises(ValueError, match=message):
        model.fit(tiny.pairs(12), batch_size=12, verbose=0)
    dataset = tf.data.Dataset.from_tensor_slices(tiny.pairs(24)).batch(12, drop_remainder=True)
    with pytest.raises(ValueError, match=f"{message}.*batches of 12 pairs.*drop_remainder"):
        model.fit(dataset, verbose=0)
    for path, value in tiny.values(model.variables).items():
        np.testing.assert_array_equal(value, before[path])


def test_refuses_statistics_of_a_micro_batch():
    """A tower that trains with batch normalization would see other statistics."""
    model = compiled(4, tuning="Uu")
    with pytest.raises(ValueError, match="moving_mean.*is updated from the statistics of one"):
        model.fit(tiny.pairs(12), batch_size=12, verbose=0)


def test_refuses_losses_that_layers_add():
    token_ids = keras.Input((tiny.TOKENS,), dtype="int32")
    features = keras.layers.Embedding(tiny.VOCABULARY_SIZE, 8)(token_ids)
    features = keras.layers.Dense(8, activity_regularizer="l2")(features)
    model = keras_lit.LiTModel(
        image_tower=keras_lit.Tower(tiny.image_backbone(), pooling="mean"),
        text_tower=keras_lit.Tower(keras.Model(token_ids, features), pooling="mean"),
    )
    model.compile(loss=keras_lit.losses.SoftmaxContrastiveLoss(), micro_batch_size=4)
    with pytest.raises(ValueError, match="losses that layers add.*activity regularizers"):
        model.fit(tiny.pairs(12), batch_size=12, verbose=0)
