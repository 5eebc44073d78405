"""Pictures of emojis -> the labels to pretrain on: classes, one of each, and tags, any number."""

import collections
import itertools

import numpy as np

# One of each is on a picture.
CLASSES = ("concept", "subgroup", "group")
# A tag is worth learning if so many concepts carry it, and so many do not.
LEAST_CONCEPTS = 5


def labels_of(pictures, nouns=None):
    """Labels pictures.

    Args:
        pictures: List of `Picture`.
        nouns: `emoji_hypernyms.Nouns`, to label what a picture shows a kind of. `None`: it is not.

    Returns:
        Dict from the name of a label to a float32 array `(pictures, classes or tags)` of zeros and
        ones: `CLASSES`, the tags `keywords` and, with `nouns`, the tags `kinds`.
    """
    emojis = [picture.emoji for picture in pictures]
    labels = {}
    for name in CLASSES:
        classes, indices = np.unique(
            [getattr(emoji, name) for emoji in emojis], return_inverse=True
        )
        labels[name] = np.eye(len(classes), dtype="float32")[indices]
    concepts = [emoji.concept for emoji in emojis]
    labels["keywords"] = _tags([emoji.keywords for emoji in emojis], concepts)
    if nouns is not None:
        # All variants of a concept are of one kind: the names of its first emoji decide.
        first = {emoji.concept: emoji for emoji in reversed(emojis)}
        kinds = {concept: nouns.kinds_of(emoji.names) for concept, emoji in first.items()}
        labels["kinds"] = _tags([kinds[concept] for concept in concepts], concepts)
    return labels


def _tags(tags, concepts):
    of_concept = dict(zip(concepts, tags, strict=True))
    counts = collections.Counter(itertools.chain.from_iterable(of_concept.values()))
    most = len(of_concept) - LEAST_CONCEPTS
    common = sorted(tag for tag, count in counts.items() if LEAST_CONCEPTS <= count <= most)
    return np.array([[tag in found for tag in common] for found in tags], "float32")
