"""TFDS splits of `emoji_captions` -> arrays and lists in memory: one picture per concept."""

import dataclasses
import re

import numpy as np

from keras_lit.data.emoji_groups import coarse_group_of

DEFAULT_SALT = "f"
TUNING_SPLITS = "train+validation"
UNSEEN_SPLIT = "test"


@dataclasses.dataclass
class EmojiExamples:
    """Emojis of one style, one per concept, in a fixed order.

    Attributes:
        images: uint8 array `(emojis, height, width, 3)`.
        names: List of tuples of English names, the usual one first.
        keywords: List of tuples of English keywords.
        topics: List of tuples of strings made of the words of Unicode's subgroup and group.
        groups: List of coarse groups, `None` where an emoji belongs to none.
    """

    images: np.ndarray
    names: list
    keywords: list
    topics: list
    groups: list

    def __len__(self):
        return len(self.images)

    def first(self, number):
        """Returns the first emojis as `EmojiExamples`."""
        fields = dataclasses.fields(self)
        return EmojiExamples(*(getattr(self, field.name)[:number] for field in fields))


def prepare_emojis(salt=DEFAULT_SALT, data_dir=None):
    """Builds the TFDS data set `emoji_captions` where that has not been done yet.

    Args:
        salt: String that decides which concepts are held out.
        data_dir: TFDS' folder; `None` is TFDS' default.

    Returns:
        The `tfds.core.DatasetBuilder`.

    Raises:
        ImportError: If a package of the extra `demo` is missing.
    """
    from keras_lit.data.emoji_captions import EmojiCaptions

    builder = EmojiCaptions(config=f"salt_{salt}", data_dir=data_dir)
    builder.download_and_prepare()
    return builder


def read_emojis(builder, split, style):
    """Reads the emojis of one split in one style, one per concept.

    Args:
        builder: What `prepare_emojis` returned.
        split: TFDS split, e.g. `"train+validation"`.
        style: `"twemoji"`, `"openmoji_color"` or `"openmoji_line"`.

    Returns:
        `EmojiExamples`.
    """
    import tensorflow_datasets as tfds

    number = builder.info.features["style"].str2int(style)
    dataset = builder.as_dataset(split=split).filter(
        lambda example: example["is_base"] & (example["style"] == number)
    )
    examples = list(tfds.as_numpy(dataset))

    def texts(name):
        return [tuple(text.decode() for text in example[name]) for example in examples]

    unicode_groups = [
        (example["group"].decode(), example["subgroup"].decode()) for example in examples
    ]
    return EmojiExamples(
        images=np.stack([example["image"] for example in examples]),
        names=texts("names"),
        keywords=texts("keywords"),
        topics=[_topics(group, subgroup) for group, subgroup in unicode_groups],
        groups=[coarse_group_of(subgroup) for _, subgroup in unicode_groups],
    )


def _topics(group, subgroup):
    """`"Food & Drink"`, `"food-fruit"` -> `("food fruit", "food drink", ..., "food", "fruit")`."""
    group, subgroup = (
        " ".join(re.findall("[a-z0-9]+", text.lower())) for text in (group, subgroup)
    )
    return (subgroup, group, f"{subgroup} {group}", *subgroup.split())
