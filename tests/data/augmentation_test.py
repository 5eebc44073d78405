"""Augmentation inside tf.data: the same seed, the same picture, on any thread and any backend."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_lit.data import Augmentation, RandomResizedCrop, Resize
from keras_lit.preprocessing import ImageConverter, SmallerSideResize

PICTURE = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype("uint8")


def augmented(augment, seeds, num_parallel_calls=1):
    dataset = tf.data.Dataset.from_tensor_slices(seeds).map(
        lambda seed: augment(tf.constant(PICTURE), tf.stack([0, seed])),
        num_parallel_calls=num_parallel_calls,
    )
    return np.stack([picture.numpy() for picture in dataset])


def test_resize_is_what_the_converter_does():
    for resize in (None, SmallerSideResize()):
        resized = Resize(8, resize)(tf.constant(PICTURE)).numpy()
        expected = ImageConverter(8, resize)(PICTURE)
        expected = (keras.ops.convert_to_numpy(expected) + 1) * 127.5
        np.testing.assert_allclose(resized, expected, atol=1e-3)


def test_the_seed_alone_decides():
    augment = Augmentation(
        RandomResizedCrop(12, area=(0.3, 1.0)),
        keras.layers.RandomFlip("horizontal"),
        keras.layers.RandomBrightness(0.5, value_range=(0, 255)),
    )
    seeds = np.arange(6, dtype="int32")
    pictures = augmented(augment, seeds)
    assert pictures.shape == (6, 12, 12, 3) and pictures.dtype == np.uint8
    assert len({picture.tobytes() for picture in pictures}) == 6
    again = augmented(augment, seeds[::-1], num_parallel_calls=4)[::-1]
    np.testing.assert_array_equal(pictures, again)
    # The layers have their own generators back.
    assert "_get_seed_generator" not in vars(augment.steps[1])


# In tf.data Keras takes TensorFlow's operations on every backend. Where it runs on another, one of
# these layers is a graph of 13,000 operations, which takes a quarter of a minute.
@pytest.mark.any_backend
def test_the_seed_decides_what_layers_within_a_layer_do():
    augment = Augmentation(keras.layers.RandAugment(value_range=(0, 255)))
    first, again, other = augmented(augment, np.array([1, 1, 2], "int32"))
    assert first.shape == PICTURE.shape and first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)


def test_flip_mirrors_about_half_of_the_pictures():
    flips = augmented(
        Augmentation(keras.layers.RandomFlip("horizontal")), np.arange(40, dtype="int32")
    )
    mirrored = (flips == PICTURE[:, ::-1]).all(axis=(1, 2, 3))
    assert ((flips == PICTURE).all(axis=(1, 2, 3)) | mirrored).all()
    assert 8 < mirrored.sum() < 32


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"`area` must be a range in \(0, 1\]"):
        RandomResizedCrop(8, area=(0, 1))
    with pytest.raises(ValueError, match="`aspect_ratio` must be a range"):
        RandomResizedCrop(8, aspect_ratio=(2, 1))
    with pytest.raises(ValueError, match="`steps` must be functions"):
        Augmentation(Resize(8), "flip")
