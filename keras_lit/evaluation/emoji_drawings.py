"""Examples of `emoji_captions`, inside tf.data -> which are line drawings, and of which group."""

import numpy as np


def is_line_drawing(example):
    """Says whether an example is the line drawing of a concept, one for each."""
    return example["is_base"] & (example["style"] == 2)


def is_grouped_line_drawing(example):
    """Says whether it is one that belongs to a coarse group."""
    return is_line_drawing(example) & (coarse_group(example) >= 0)


def coarse_group(example):
    """Returns the index of an example in `keras_lit.data.emoji_groups.COARSE_GROUPS`, or -1."""
    import tensorflow as tf

    from keras_lit.data.emoji_groups import COARSE_GROUPS, coarse_group_of

    def index(group, subgroup):
        name = coarse_group_of(group.decode(), subgroup.decode())
        return np.int64(COARSE_GROUPS.index(name) if name else -1)

    found = tf.numpy_function(index, [example["group"], example["subgroup"]], tf.int64)
    return tf.ensure_shape(found, ())
