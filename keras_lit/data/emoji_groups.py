"""Unicode's subgroups of emojis -> eight coarse groups with class names to classify into."""

import numpy as np
import tensorflow as tf

# A coarse group is one that a person would name from the picture. Emojis outside of them (hands,
# hearts, weather, clocks, sports, household things, flags ...) belong to none: `None`.
COARSE_GROUPS = ("face", "person", "animal", "food", "vehicle", "place", "clothing", "sign")

# Unicode's subgroups that make up each coarse group.
_SUBGROUPS = {
    "face": (
        "face-smiling face-affection face-tongue face-hand face-neutral-skeptical face-sleepy "
        "face-unwell face-hat face-glasses face-concerned face-negative face-costume"
    ),
    "person": (
        "person person-gesture person-role person-fantasy person-activity person-sport "
        "person-resting family"
    ),
    "animal": (
        "animal-mammal animal-bird animal-amphibian animal-reptile animal-marine animal-bug"
    ),
    "food": "food-fruit food-vegetable food-prepared food-asian food-marine food-sweet drink",
    "vehicle": "transport-ground transport-water transport-air",
    "place": "place-map place-geographic place-building place-religious place-other hotel",
    "clothing": "clothing",
    "sign": (
        "transport-sign warning arrow religion zodiac av-symbol gender math punctuation currency "
        "other-symbol keycap alphanum geometric"
    ),
}
_GROUP_OF_SUBGROUP = {
    subgroup: name for name, subgroups in _SUBGROUPS.items() for subgroup in subgroups.split()
}
# Unicode's group of those subgroups.
_GROUPS = {
    "face": "smileys emotion",
    "person": "people body",
    "animal": "animals nature",
    "food": "food drink",
    "vehicle": "travel places",
    "place": "travel places",
    "clothing": "objects",
    "sign": "symbols",
}
# Texts that describe each coarse group, one for each of its subgroups, such as "animal bird animals
# nature". Their embeddings are averaged.
GROUP_PROMPTS = {
    name: tuple(f"{subgroup.replace('-', ' ')} {_GROUPS[name]}" for subgroup in subgroups.split())
    for name, subgroups in _SUBGROUPS.items()
}


def coarse_group_of(subgroup):
    """Maps an emoji's Unicode subgroup to a coarse group.

    Args:
        subgroup: Unicode's subgroup, e.g. `"animal-mammal"`.

    Returns:
        One of `COARSE_GROUPS`, or `None` where the emoji belongs to none.

    Example:

    >>> coarse_group_of("transport-water")
    'vehicle'
    >>> coarse_group_of("sport") is None
    True
    """
    return _GROUP_OF_SUBGROUP.get(subgroup)


def coarse_group_index(subgroup):
    """Does the same inside tf.data.

    Args:
        subgroup: Scalar string tensor.

    Returns:
        Scalar int64 tensor, the index into `COARSE_GROUPS`, or -1 where it belongs to none.
    """

    def index(subgroup):
        name = coarse_group_of(subgroup.decode())
        return np.int64(COARSE_GROUPS.index(name) if name else -1)

    return tf.ensure_shape(tf.numpy_function(index, [subgroup], tf.int64), ())
