import hashlib

import numpy as np
import pytest

from keras_lit.data import emoji_pictures, emoji_sources
from keras_lit.data.emoji_captions import EmojiCaptions

pytestmark = pytest.mark.any_backend

ALL_EMOJIS = emoji_sources.read_emojis()


def _few_emojis():
    """Every twelfth emoji and all variants of the astronaut: quick to build."""
    return tuple(
        emoji
        for index, emoji in enumerate(ALL_EMOJIS)
        if index % 12 == 0 or emoji.concept == "1F9D1-1F680"
    )


@pytest.fixture(scope="module")
def builders(tmp_path_factory):
    """The same small dataset, built twice in two folders."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(emoji_sources, "read_emojis", _few_emojis)
        built = []
        for folder in ("first", "second"):
            built.append(EmojiCaptions(data_dir=tmp_path_factory.mktemp(folder)))
            built[-1].download_and_prepare()
    return built


def _examples(builder, split):
    return list(builder.as_dataset(split=split).as_numpy_iterator())


def _hashes(builder):
    folder = builder.data_path
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if "tfrecord" in path.name
    }


def test_two_builds_are_the_same_bytes(builders):
    first, second = map(_hashes, builders)
    assert len(first) == 3 and first == second


def test_no_concept_is_in_two_splits(builders):
    concepts = {
        split: {example["concept"] for example in _examples(builders[0], split)}
        for split in ("train", "validation", "test")
    }
    assert all(concepts.values())
    assert not concepts["train"] & concepts["validation"]
    assert not (concepts["train"] | concepts["validation"]) & concepts["test"]
    assert sum(map(len, concepts.values())) == len({emoji.concept for emoji in _few_emojis()})


def test_examples_are_what_was_drawn_and_read(builders):
    by_code_points = {emoji.code_points: emoji for emoji in _few_emojis()}
    examples = _examples(builders[0], "train+validation+test")
    pictures = sum(
        emoji_pictures.has_picture(emoji.group, style)
        for emoji in by_code_points.values()
        for style in emoji_pictures.STYLES
    )
    assert len(examples) == pictures
    for example in examples[::25]:
        emoji = by_code_points[example["code_points"].decode()]
        style = emoji_pictures.STYLES[example["style"]]
        drawn = emoji_pictures.draw_emoji(emoji.code_points, style)
        np.testing.assert_array_equal(example["image"], drawn)
        assert tuple(text.decode() for text in example["names"]) == emoji.names
        assert tuple(text.decode() for text in example["keywords"]) == emoji.keywords
        assert example["emoji"].decode() == emoji.characters
        assert example["translations"]["de"].decode() == emoji.translations["de"]
        assert example["group"].decode() == emoji.group


def test_one_base_picture_per_concept_and_style(builders):
    examples = _examples(builders[0], "train+validation+test")
    base = [(row["concept"], row["style"]) for row in examples if row["is_base"]]
    assert len(base) == len(set(base)) == len({(row["concept"], row["style"]) for row in examples})
    assert len(base) < len(examples)


def test_flags_are_not_drawn_as_lines(builders):
    styles = {
        row["style"]
        for row in _examples(builders[0], "train+validation+test")
        if row["group"] == b"Flags"
    }
    assert {emoji_pictures.STYLES[style] for style in styles} == {"twemoji", "openmoji_color"}


def test_salts_hold_out_other_concepts(builders, tmp_path):
    other = EmojiCaptions(config="salt_l", data_dir=tmp_path)
    assert other.builder_config.salt != builders[0].builder_config.salt
    assert other.data_path.parent.name != builders[0].data_path.parent.name
