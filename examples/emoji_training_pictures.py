"""Emojis and icon sets -> the pictures to pretrain the emoji tower on, none of a held-out concept.

No picture of a held-out concept takes part, in no style and no variant: a held-out concept is one
whose split is `test` for the salt, and all variants of an emoji share its concept.
"""

import dataclasses
import itertools
import operator

import numpy as np
from emoji_drawings import further_drawings

from keras_lit.data import emoji_pictures, emoji_sources

# Root mean square difference, of colours in [0, 255] at THUMBNAIL_SIZE, below which two pictures
# count as the same.
LEAST_DIFFERENCE, THUMBNAIL_SIZE = 6.0, 18


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture to pretrain on: uint8 `(72, 72, 3)`, the emoji that it shows, its style."""

    image: np.ndarray
    emoji: emoji_sources.Emoji
    style: str


def draw_pictures(emojis, icon_sets):
    """Draws emojis in every style that there is.

    Args:
        emojis: Iterable of `Emoji`.
        icon_sets: List of `emoji_drawings.IconSet`.

    Returns:
        List of `Picture`.
    """
    pictures = []
    for emoji in emojis:
        for style in emoji_pictures.STYLES:
            if emoji_pictures.has_picture(emoji.group, style):
                image = emoji_pictures.draw_emoji(emoji.code_points, style)
                pictures.append(Picture(image, emoji, style))
        pictures += [
            Picture(image, emoji, style) for style, image in further_drawings(emoji, icon_sets)
        ]
    return pictures


def training_pictures(emojis, salt, icon_sets):
    """Draws every picture that pretraining may use.

    A picture that looks like one of a held-out concept is left out too: a heart drawn in lines is
    the same for every colour.

    Args:
        emojis: Sequence of `Emoji`.
        salt: String, decides which concepts are held out.
        icon_sets: List of `emoji_drawings.IconSet`.

    Returns:
        List of `Picture`.
    """
    is_held_out = [emoji_sources.split_of(emoji.concept, salt) == "test" for emoji in emojis]
    held_out = draw_pictures(itertools.compress(emojis, is_held_out), icon_sets)
    others = draw_pictures(itertools.compress(emojis, map(operator.not_, is_held_out)), icon_sets)
    is_new = differences(others, held_out) >= LEAST_DIFFERENCE
    pictures = list(itertools.compress(others, is_new))
    check_nothing_held_out(pictures, held_out)
    return pictures


def differences(pictures, others):
    """How much each picture differs from the most similar one of `others`.

    Args:
        pictures: List of `Picture`.
        others: List of `Picture`.

    Returns:
        float array `(pictures,)`, root mean square difference of colours in `[0, 255]`.
    """
    chunks = np.array_split(_thumbnails(pictures), 1 + len(pictures) // 1000)
    targets = _thumbnails(others)
    squares = np.sum(targets**2, axis=1)
    nearest = [
        np.min(np.sum(chunk**2, axis=1, keepdims=True) - 2 * chunk @ targets.T + squares, axis=1)
        for chunk in chunks
    ]
    # Rounding can make the square of a difference of zero negative.
    return np.sqrt(np.maximum(np.concatenate(nearest), 0) / targets.shape[1])


def _thumbnails(pictures):
    images = np.stack([picture.image for picture in pictures]).astype("float32")
    side = emoji_pictures.PICTURE_SIZE // THUMBNAIL_SIZE
    blocks = images.reshape(-1, THUMBNAIL_SIZE, side, THUMBNAIL_SIZE, side, 3)
    return blocks.mean(axis=(2, 4)).reshape(len(pictures), -1)


def check_nothing_held_out(pictures, held_out):
    """Raises unless the two lists share no concept and no picture.

    Args:
        pictures: List of `Picture` to train on.
        held_out: List of `Picture` that must not be seen, in no variant.

    Raises:
        ValueError: If they share one.
    """
    concepts = {emoji_sources.concept_of(picture.emoji.code_points) for picture in held_out}
    images = {picture.image.tobytes() for picture in held_out}
    for picture in pictures:
        concept = emoji_sources.concept_of(picture.emoji.code_points)
        if concept in concepts or picture.image.tobytes() in images:
            raise ValueError(
                f"A picture of {picture.emoji.names[0]!r} ({picture.style}) is held out: it must "
                "not be trained on."
            )
