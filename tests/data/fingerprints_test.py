"""Fingerprints: alike for the same tower and data, different for what matters."""

import keras
import numpy as np
import tensorflow as tf

from keras_lit.data import fingerprints
from tests import tiny


def test_every_weight_counts():
    tower = tiny.lit_model().image_tower
    found = {fingerprints.weights_fingerprint(tower)}
    for weight in tower.weights:
        value = np.array(keras.ops.convert_to_numpy(keras.ops.stop_gradient(weight.value)))
        value.flat[-1] = np.nextafter(value.flat[-1], np.float32(9))
        weight.assign(value)
        found.add(fingerprints.weights_fingerprint(tower))
    assert len(found) == len(tower.weights) + 1


def test_the_seeds_of_dropout_do_not_count():
    keras.utils.set_random_seed(0)
    first = tiny.lit_model(dropout=0.5).image_tower
    keras.utils.set_random_seed(1)
    second = tiny.lit_model(dropout=0.5).image_tower
    for fingerprint in (fingerprints.weights_fingerprint, fingerprints.architecture_fingerprint):
        assert fingerprint(first) == fingerprint(second)


def test_wiring_and_dtype_count_but_names_do_not():
    def backbone(name, swap=False, dtype="float32"):
        inputs = keras.Input((4,), name=f"{name}_in")
        layers = [keras.layers.Dense(4, dtype=dtype, name=f"{name}_{n}") for n in (1, 2)]
        first = layers[0](inputs)
        second = layers[1](first)
        outputs = keras.layers.Subtract()([second, first] if swap else [first, second])
        return keras.Model(inputs, outputs)

    one = fingerprints.canonical_config(backbone("dense"))
    assert one == fingerprints.canonical_config(backbone("dense"))
    assert one != fingerprints.canonical_config(backbone("dense", swap=True))
    assert one != fingerprints.canonical_config(backbone("dense", dtype="bfloat16"))
    # Automatic names, which count up through a process.
    unnamed = [
        fingerprints.canonical_config(
            keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(3)])
        )
        for _ in range(2)
    ]
    assert unnamed[0] == unnamed[1]


def test_batches_differ_by_any_byte_and_by_where_texts_end():
    def fingerprint(*texts):
        return fingerprints.batch_fingerprint({"captions": tf.constant(texts)}, ["captions"])

    assert fingerprint("ab", "c") == fingerprint("ab", "c")
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
    ragged = tf.ragged.constant([["a"], ["b", "c"]]), tf.ragged.constant([["a", "b"], ["c"]])
    first, second = (fingerprints.batch_fingerprint({"c": value}, ["c"]) for value in ragged)
    assert first != second
