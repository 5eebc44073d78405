"""Captions as the web has them -> captions to learn from, and how long they are."""

import dataclasses

import numpy as np
import tensorflow as tf

# The first rule comes first; each pattern is of RE2.
_RULES = (
    ("(?i)<person>", "person"),  # what CC12M puts in the place of names
    (r"<[/!a-zA-Z][^<>]*>", " "),  # tags
    (r"(?i)\b(https?://|www\.)\S+", " "),
    ("&nbsp;|&#160;", " "),
    ("&quot;|&#34;", '"'),
    ("&apos;|&#39;", "'"),
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&amp;", "&"),
    (r"[\s\x00-\x1f\x7f]+", " "),
)


def clean_captions(captions):
    """Removes tags and addresses, resolves the common entities, and joins up white space.

    Args:
        captions: String tensor of any shape.

    Returns:
        String tensor of the same shape; a caption may have become empty.

    Example:

    >>> clean_captions(["<b>cats &amp; dogs</b>\\n  see http://a.b/c"]).numpy().tolist()
    [b'cats & dogs see']
    """
    captions = tf.convert_to_tensor(captions, tf.string)
    for pattern, replacement in _RULES:
        captions = tf.strings.regex_replace(captions, pattern, replacement)
    return tf.strings.strip(captions)


@dataclasses.dataclass(frozen=True)
class CaptionLengths:
    """How long captions are.

    Attributes:
        num_captions: Integer.
        mean: Float, words per caption.
        percentiles: Dict from 5, 50, 95 and 100 to words.
    """

    num_captions: int
    mean: float
    percentiles: dict


def caption_lengths(captions):
    """Counts the words of captions; where there are no spaces, as in Chinese, the characters.

    Args:
        captions: List of strings.

    Returns:
        `CaptionLengths`.

    Raises:
        ValueError: If there is no caption.

    Example:

    >>> caption_lengths(["a dog", "a dog on a red sofa"]).percentiles[100]
    6
    """
    if not captions:
        raise ValueError("`captions` is empty.")
    lengths = []
    for caption in captions:
        words = caption.split()
        spaceless = sum(map(_is_spaceless, caption))
        lengths.append(spaceless if spaceless > len(caption) / 2 else len(words))
    percentiles = {
        percent: int(np.percentile(lengths, percent, method="nearest"))
        for percent in (5, 50, 95, 100)
    }
    return CaptionLengths(len(lengths), float(np.mean(lengths)), percentiles)


def _is_spaceless(character):
    """Says whether a character is of a script that puts no spaces between words."""
    return "\u0e00" <= character <= "\u0eff" or "\u3040" <= character <= "\u9fff"
