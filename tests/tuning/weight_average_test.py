"""Keras' moving average of weights, with our optimizers: what is evaluated and what remains."""

import keras
import numpy as np

import keras_lit
from tests import tiny


def test_the_average_is_evaluated_and_remains():
    model = tiny.lit_model("Lu")
    optimizer = keras_lit.optimizers.LiTAdamW(0.05, use_ema=True, ema_momentum=0.5)
    model.compile(optimizer, keras_lit.losses.SoftmaxContrastiveLoss())
    path = "block_0/mlp/hidden_dense/kernel"
    averages, seen = [], {}

    class Average(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            keras_lit.distribution.sync_variables(self.model)
            weights = tiny.values(self.model.trainable_variables)[path]
            averages.append(0.5 * averages[-1] + 0.5 * weights if averages else weights)

    class Evaluate(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen["weights"] = tiny.values(self.model.trainable_variables)[path]
            seen["texts"] = self.model.encode_texts(tiny.pairs(4))

    swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
    model.fit(
        tiny.pairs(12),
        batch_size=4,
        shuffle=False,
        epochs=2,
        verbose=0,
        callbacks=[Average(), swap, Evaluate()],
    )
    assert len(averages) == 6
    np.testing.assert_allclose(seen["weights"], averages[-1], atol=1e-5)
    np.testing.assert_allclose(tiny.values(model.weights)[path], averages[-1], atol=1e-5)
    np.testing.assert_allclose(model.encode_texts(tiny.pairs(4)), seen["texts"], atol=1e-6)
