"""Emoji pictures uint8 (batch, 72, 72, 3) -> distorted pictures (batch, size, size, 3)."""

import tensorflow as tf

from keras_lit.data.emoji_pictures import PICTURE_SIZE


def distort(images, size, seed):
    """Distorts pictures at random: one affine map, then their colours, then a patch cut out.

    The affine map rotates (by up to 0.25 radians), zooms, stretches, shears, shifts and mirrors.
    Colours are mixed, or grayed, their contrast changed, rarely inverted, or the paper tinted.

    Args:
        images: uint8 tensor `(batch, 72, 72, 3)`, emojis on white.
        size: Integer, height and width of the result.
        seed: int32 tensor `(2,)`. The same seed gives the same distortions.

    Returns:
        float32 tensor `(batch, size, size, 3)` in `[0, 255]`.

    Example:

    >>> images = tf.zeros((2, 72, 72, 3), "uint8")
    >>> tuple(distort(images, size=32, seed=(0, 0)).shape)
    (2, 32, 32, 3)
    """
    draw = _Draw(tf.shape(images)[0], seed)
    x = _distort_shape(tf.cast(images, tf.float32), size, draw) / 255
    x = _distort_colors(x, draw)
    return _cut_out(x, size, draw) * 255


class _Draw:
    """Random numbers per picture, each call with a seed of its own."""

    def __init__(self, batch, seed):
        self.batch = batch
        self.seed = seed
        self.num_calls = 0

    def uniform(self, low, high, *shape):
        self.num_calls += 1
        seed = tf.random.fold_in(self.seed, self.num_calls)
        return tf.random.stateless_uniform([self.batch, *shape], seed, low, high)

    def sometimes(self, probability):
        return self.uniform(0.0, 1.0, 1, 1, 1) < probability


def _distort_shape(x, size, draw):
    # Smoothed, or thin lines would break up when the picture gets smaller.
    x = tf.nn.avg_pool2d(x, 3, 1, "SAME") if size < PICTURE_SIZE else x
    middle, half = PICTURE_SIZE / 2, size / 2
    angle = draw.uniform(-0.25, 0.25)
    zoom = PICTURE_SIZE / size * tf.exp(draw.uniform(-0.12, 0.3))
    stretch, shear = tf.exp(draw.uniform(-0.12, 0.12)), draw.uniform(-0.12, 0.12)
    mirror = tf.where(draw.uniform(0.0, 1.0) < 0.5, -1.0, 1.0)
    cosine, sine = tf.cos(angle), tf.sin(angle)
    a, b = zoom * stretch * cosine * mirror, zoom * (shear - sine)
    d, e = zoom * sine * mirror, zoom / stretch * cosine
    x_shift = middle + draw.uniform(-5.0, 5.0) - (a + b) * half
    y_shift = middle + draw.uniform(-5.0, 5.0) - (d + e) * half
    zeros = tf.zeros_like(angle)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=x,
        transforms=tf.stack([a, b, x_shift, d, e, y_shift, zeros, zeros], axis=1),
        output_shape=[size, size],
        fill_value=255.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )


def _distort_colors(x, draw):
    ink = 1 - x  # so that white paper stays white
    mixing = tf.eye(3) + draw.uniform(-0.5, 0.5, 3, 3)
    ink = tf.where(draw.sometimes(0.4), tf.einsum("nhwc,ncd->nhwd", ink, mixing), ink)
    ink = tf.where(draw.sometimes(0.2), tf.reduce_mean(ink, axis=-1, keepdims=True), ink)
    x = tf.clip_by_value(1 - ink, 1e-3, 1.0) ** tf.exp(draw.uniform(-0.3, 0.3, 1, 1, 1))
    x = tf.where(draw.sometimes(0.05), 1 - x, x)
    return tf.where(draw.sometimes(0.15), x * draw.uniform(0.5, 1.0, 1, 1, 3), x)


def _cut_out(x, size, draw):
    distance = tf.abs(tf.range(size, dtype=tf.float32) - draw.uniform(0.0, size, 2, 1))
    inside = distance < draw.uniform(0.06 * size, 0.18 * size, 1, 1)
    patch = inside[:, 0, :, None, None] & inside[:, 1, None, :, None] & draw.sometimes(0.25)
    return tf.where(patch, draw.uniform(0.0, 1.0, 1, 1, 3), x)
