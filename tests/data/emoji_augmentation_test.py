import numpy as np
import tensorflow as tf

from keras_lit.data.emoji_augmentation import distort
from keras_lit.data.emoji_pictures import draw_emoji

IMAGES = np.stack([draw_emoji(code, "twemoji") for code in ("1F436", "1F697", "1F34E")] * 4)


def test_range_size_and_seed():
    first, same, other = (distort(IMAGES, 32, seed).numpy() for seed in ((1, 2), (1, 2), (1, 3)))
    assert first.shape == (12, 32, 32, 3) and first.dtype == np.float32
    assert first.min() >= 0 and first.max() <= 255
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - other).mean() > 5


def test_pictures_of_a_batch_are_distorted_differently():
    distorted = distort(IMAGES, 72, (0, 0)).numpy()
    assert all(np.abs(distorted[index] - distorted[index + 3]).mean() > 2 for index in range(9))


def test_white_paper_stays_white_in_most_pictures():
    white = np.full((200, 72, 72, 3), 255, "uint8")
    distorted = distort(white, 32, (0, 0)).numpy()
    untouched = (distorted > 254.5).all(axis=(1, 2, 3)).mean()
    # Not tinted (0.85), not inverted (0.95), nothing cut out (0.75).
    assert 0.5 < untouched < 0.7


def test_it_runs_inside_a_dataset():
    dataset = tf.data.Dataset.range(2).map(lambda step: distort(IMAGES, 32, tf.stack([step, 0])))
    first, second = dataset.as_numpy_iterator()
    assert np.abs(first - second).mean() > 5
