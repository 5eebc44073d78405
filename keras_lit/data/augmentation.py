"""One picture, uint8 (height, width, 3), and a seed -> a picture of a fixed size, in tf.data.

Seeds are passed in, and layers of Keras are given them in place of their own generators, so that a
picture looks the same however many threads, processes and interruptions there are.
"""

import contextlib

import keras
import tensorflow as tf

from keras_lit.preprocessing.resizing import StretchResize, as_height_and_width, central_crop


class Resize:
    """Resizes a picture as `keras_lit.preprocessing.ImageConverter` does.

    Args:
        image_size: Integer (a square) or `(height, width)`.
        resize: `keras_lit.preprocessing.StretchResize()`, the default, or `SmallerSideResize()`.

    Call arguments:
        image: uint8 `(height, width, 3)`.
        seed: Not used.

    Returns:
        uint8 `(*image_size, 3)`.

    Example:

    >>> tuple(Resize(4)(tf.zeros((9, 12, 3), tf.uint8)).shape)
    (4, 4, 3)
    """

    def __init__(self, image_size, resize=None):
        self.image_size = as_height_and_width(image_size)
        self.resize = resize or StretchResize()

    def __call__(self, image, seed=None):
        del seed
        return central_crop(self.resize(image, self.image_size), self.image_size)


class RandomResizedCrop:
    """Cuts a random part out of a picture and resizes it.

    Args:
        image_size: Integer (a square) or `(height, width)`.
        area: Pair of floats in `(0, 1]`, the least and largest share of the picture.
        aspect_ratio: Pair of floats, the least and largest width over height of the part.

    Call arguments:
        image: uint8 `(height, width, 3)`.
        seed: int32 `(2,)`.

    Returns:
        uint8 `(*image_size, 3)`.

    Raises:
        ValueError: If `area` or `aspect_ratio` is no such range.

    Example:

    >>> crop = RandomResizedCrop(4, area=(0.5, 1.0))
    >>> tuple(crop(tf.zeros((9, 12, 3), tf.uint8), seed=(0, 1)).shape)
    (4, 4, 3)

    Reference:
        `inception_crop` in big_vision/pp/ops_image.py, whose least share is 0.05.
    """

    def __init__(self, image_size, area=(0.05, 1.0), aspect_ratio=(3 / 4, 4 / 3)):
        if not 0 < area[0] <= area[1] <= 1:
            raise ValueError(f"`area` must be a range in (0, 1]. Received: area={area}.")
        if not 0 < aspect_ratio[0] <= aspect_ratio[1]:
            raise ValueError(f"`aspect_ratio` must be a range > 0. Received: {aspect_ratio}.")
        self.image_size = as_height_and_width(image_size)
        self.area = area
        self.aspect_ratio = aspect_ratio

    def __call__(self, image, seed):
        begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
            tf.shape(image),
            tf.zeros((0, 0, 4)),
            seed,
            area_range=self.area,
            aspect_ratio_range=self.aspect_ratio,
            min_object_covered=0.0,
            use_image_if_no_bounding_boxes=True,
        )
        part = tf.ensure_shape(tf.slice(image, begin, size), (None, None, 3))
        return StretchResize()(part, self.image_size)


class Augmentation:
    """Several steps, each a function of a picture and a seed, or a preprocessing layer of Keras.

    Args:
        *steps: `Resize`, `RandomResizedCrop`, such a function of your own, or a layer of one
            picture such as `keras.layers.RandomFlip` or `RandAugment`, with `value_range` 0 to
            255. The seed of a layer is not used.

    Call arguments:
        image: uint8 `(height, width, 3)`.
        seed: int32 `(2,)`. The same seed gives the same picture.

    Returns:
        uint8 picture.

    Raises:
        ValueError: If there is no step, or one cannot be called.

    Example:

    ```python
    import keras
    import keras_lit
    import tensorflow as tf

    augment = keras_lit.data.Augmentation(
        keras_lit.data.RandomResizedCrop(8),
        keras.layers.RandomFlip("horizontal"),
        keras.layers.RandomBrightness(0.2, value_range=(0, 255)),
    )
    pictures = tf.data.Dataset.from_tensors(tf.zeros((16, 12, 3), tf.uint8))
    for picture in pictures.map(lambda picture: augment(picture, seed=(0, 1))):
        print(picture.shape)  # (8, 8, 3)
    ```
    """

    def __init__(self, *steps):
        if not steps or not all(callable(step) for step in steps):
            raise ValueError(f"`steps` must be functions or layers. Received: {steps}.")
        self.steps = steps

    def __call__(self, image, seed):
        for number, step in enumerate(self.steps):
            step_seed = tf.random.fold_in(seed, number)
            if isinstance(step, keras.Layer):
                with _seeded(step, step_seed):
                    image = step(image, training=True)
            else:
                image = step(image, step_seed)
            image = tf.cast(tf.clip_by_value(tf.round(tf.cast(image, tf.float32)), 0, 255), "uint8")
        return image


class _Seeds(keras.random.SeedGenerator):
    """Gives random functions of Keras the seeds that follow from one tensor."""

    def __init__(self, seed):  # Without the state of a usual generator.
        self._seed = seed
        self._num_drawn = 0

    def next(self, ordered=True):
        del ordered
        self._num_drawn += 1
        return tf.random.fold_in(self._seed, self._num_drawn)


@contextlib.contextmanager
def _seeded(layer, seed):
    """Lets a preprocessing layer draw from a seed, where it would ask its own generator."""
    seeds = _Seeds(seed)
    object.__setattr__(layer, "_get_seed_generator", lambda backend=None: seeds)
    try:
        yield
    finally:
        object.__delattr__(layer, "_get_seed_generator")
