"""Attention of tokens to each other, against the attention layer of Keras."""

import keras
import numpy as np
import pytest

from keras_lit.layers import SelfAttention
from keras_lit.layers.attention import multi_head_attention


def test_it_reads_the_files_of_the_layer_of_keras_and_has_its_numbers(tmp_path):
    tokens = np.random.default_rng(0).normal(size=(3, 5, 8)).astype("float32")

    def model(attend):
        inputs = keras.Input((5, 8))
        return keras.Model(inputs, attend(inputs))

    theirs = multi_head_attention(width=8, num_heads=2)
    keras_model = model(lambda inputs: theirs(inputs, inputs))
    random = np.random.default_rng(1)
    keras_model.set_weights([random.normal(size=w.shape) for w in keras_model.get_weights()])
    keras_model.save_weights(tmp_path / "keras.weights.h5")
    ours = SelfAttention(num_heads=2, name="attention")
    model(ours).load_weights(tmp_path / "keras.weights.h5")

    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(ours(tokens)),
        keras.ops.convert_to_numpy(theirs(tokens, tokens)),
        atol=1e-5,
    )
    assert [weight.path for weight in ours.weights] == [weight.path for weight in theirs.weights]


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="num_heads must divide .* num_heads=3 .* width 8"):
        SelfAttention(num_heads=3)(np.zeros((1, 2, 8), "float32"))
