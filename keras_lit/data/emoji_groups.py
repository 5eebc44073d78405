"""Unicode's subgroups of emojis -> eight coarse groups with class names to classify into."""

import numpy as np
import tensorflow as tf

# A coarse group is one that a person would name from the picture. Emojis outside of them (hands,
# hearts, weather, clocks, sports, household things, flags ...) belong to none: `None`.
COARSE_GROUPS = ("face", "person", "animal", "food", "vehicle", "place", "clothing", "sign")

# Words to describe each group with, one prompt each; their text embeddings are averaged.
GROUP_PROMPTS = {
    "face": ("face", "smiley", "emoticon"),
    "person": ("person", "people", "man", "woman", "human"),
    "animal": ("animal", "animals", "nature", "mammal", "bird", "bug"),
    "food": ("food", "fruit", "drink", "meal", "vegetable"),
    "vehicle": ("vehicle", "transportation", "transport", "travel"),
    "place": ("place", "building", "house", "city"),
    "clothing": ("clothing", "clothes", "fashion", "wear"),
    "sign": ("sign", "symbol", "arrow", "button"),
}

_SIGNS = (
    "transport-sign warning arrow religion zodiac av-symbol gender math punctuation currency "
    "other-symbol keycap alphanum geometric"
).split()


def coarse_group_of(group, subgroup):
    """Maps an emoji's Unicode group and subgroup to a coarse group.

    Args:
        group: Unicode's group, e.g. `"Animals & Nature"`.
        subgroup: Unicode's subgroup, e.g. `"animal-mammal"`.

    Returns:
        One of `COARSE_GROUPS`, or `None` where the emoji belongs to none.

    Example:

    >>> coarse_group_of("Travel & Places", "transport-water")
    'vehicle'
    >>> coarse_group_of("Activities", "sport") is None
    True
    """
    if subgroup in _SIGNS:
        return "sign"
    if subgroup == "clothing":
        return "clothing"
    if subgroup == "family" or (subgroup.startswith("person") and subgroup != "person-symbol"):
        return "person"
    for prefix, name in (
        ("face-", "face"),
        ("animal-", "animal"),
        ("food-", "food"),
        ("drink", "food"),
        ("hotel", "place"),
        ("place-", "place"),
        ("transport-", "vehicle"),
    ):
        if subgroup.startswith(prefix):
            return name
    return None


def coarse_group_index(subgroup):
    """Does the same inside tf.data.

    Args:
        subgroup: Scalar string tensor.

    Returns:
        Scalar int64 tensor, the index into `COARSE_GROUPS`, or -1 where it belongs to none.
    """

    def index(subgroup):
        name = coarse_group_of("", subgroup.decode())
        return np.int64(COARSE_GROUPS.index(name) if name else -1)

    return tf.ensure_shape(tf.numpy_function(index, [subgroup], tf.int64), ())
