"""SimilarityHead: logits against NumPy, float32 under mixed precision, start values, errors."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_lit.layers import SimilarityHead


def test_logits_equal_numpy():
    random = np.random.default_rng(0)
    rows, columns = random.normal(size=(3, 5)), random.normal(size=(4, 5))
    head = SimilarityHead(temperature=7.3, bias=-2.0)
    logits = ops.convert_to_numpy(head(rows.astype("float32"), columns.astype("float32")))
    np.testing.assert_allclose(logits, 7.3 * rows @ columns.T - 2.0, atol=1e-4)


def test_a_head_has_a_bias_only_if_asked():
    assert [v.name for v in SimilarityHead().trainable_variables] == ["log_temperature"]
    assert [v.name for v in SimilarityHead(bias=0.0).trainable_variables] == [
        "log_temperature",
        "bias",
    ]


def test_float32_under_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        head = SimilarityHead(temperature=100.0)
        rows = np.random.default_rng(0).normal(size=(3, 64)).astype("float32")
        logits = head(rows, rows)
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_allclose(ops.convert_to_numpy(logits), 100 * rows @ rows.T, rtol=1e-5)


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan")])
def test_temperature_must_be_positive(temperature):
    with pytest.raises(ValueError, match="temperature"):
        SimilarityHead(temperature=temperature)
