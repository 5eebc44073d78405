"""Attention of tokens to each other, against the attention layer of Keras."""

import keras
import numpy as np
import pytest

from keras_lit.layers import SelfAttention
from keras_lit.layers.attention import multi_head_attention

TOKENS = np.random.default_rng(0).normal(size=(3, 5, 8)).astype("float32")


class Block(keras.Model):
    """Holds attention as a transformer block does; a file names it by the attribute."""

    def __init__(self, attention, num_arguments):
        super().__init__()
        self.attention = attention
        self.num_arguments = num_arguments

    def call(self, tokens):
        return self.attention(*[tokens] * self.num_arguments)


def test_it_reads_the_files_of_the_layer_of_keras_and_has_its_numbers(tmp_path):
    theirs = Block(multi_head_attention(width=8, num_heads=2), num_arguments=2)
    ours = Block(SelfAttention(num_heads=2, name="attention"), num_arguments=1)
    theirs(TOKENS), ours(TOKENS)
    random = np.random.default_rng(1)
    theirs.set_weights([random.normal(size=weight.shape) for weight in theirs.get_weights()])
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    ours.load_weights(tmp_path / "theirs.weights.h5")
    computed, expected = (keras.ops.convert_to_numpy(block(TOKENS)) for block in (ours, theirs))
    np.testing.assert_allclose(computed, expected, atol=1e-5)
    names = [
        [weight.path.partition("attention/")[2] for weight in block.weights]
        for block in (ours, theirs)
    ]
    assert names[0] == names[1]


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="num_heads must divide .* num_heads=3 .* width 8"):
        SelfAttention(num_heads=3)(np.zeros((1, 2, 8), "float32"))
