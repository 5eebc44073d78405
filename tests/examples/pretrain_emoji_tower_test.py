import importlib.util
import pathlib

import keras
import keras_hub
import numpy as np
import pytest

from keras_lit.data import emoji_sources

EXAMPLES = pathlib.Path(__file__).parent.parent.parent / "examples"
SALT = "f"


@pytest.fixture(scope="module")
def example():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLES))
        path = EXAMPLES / "pretrain_emoji_tower.py"
        spec = importlib.util.spec_from_file_location("pretrain_emoji_tower", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module


@pytest.fixture(scope="module")
def emojis():
    """A few emojis, and hearts: their line drawings are the same in every colour."""
    return [
        emoji
        for index, emoji in enumerate(emoji_sources.read_emojis())
        if index % 16 == 0 or emoji.subgroup == "heart"
    ]


@pytest.fixture(scope="module")
def pictures(example, emojis):
    return example.training_pictures(emojis, SALT)


def test_no_picture_of_a_held_out_concept(example, emojis, pictures):
    held_out = [emoji for emoji in emojis if emoji_sources.split_of(emoji.concept, SALT) == "test"]
    seen = {picture.emoji.concept for picture in pictures}
    assert len(held_out) > 15 and len(seen) > 60
    assert not seen & {emoji.concept for emoji in held_out}
    forbidden = {picture.image.tobytes() for picture in example.draw_pictures(held_out)}
    assert not forbidden & {picture.image.tobytes() for picture in pictures}


def test_a_held_out_picture_is_noticed(example, emojis, pictures):
    held_out = [emoji for emoji in emojis if emoji.concept == pictures[0].emoji.concept]
    with pytest.raises(ValueError, match="must not be trained on"):
        example.check_nothing_held_out(pictures, example.draw_pictures(held_out))


def test_every_style_takes_part(example, pictures):
    styles = {picture.style for picture in pictures}
    assert styles == set(example.STYLE_WEIGHTS)
    one = next(p.emoji.code_points for p in pictures if p.emoji.group == "Food & Drink")
    drawings = [p for p in pictures if p.emoji.code_points == one]
    assert len(drawings) == 7
    assert all(p.image.shape == (72, 72, 3) and p.image.dtype == np.uint8 for p in drawings)


def test_a_short_training_gives_a_preset(example, pictures, tmp_path):
    backbone = example.pretrain(pictures[::20], steps=4, batch_size=8, seed=0)
    backbone.save_to_preset(tmp_path)
    loaded = keras_hub.models.Backbone.from_preset(str(tmp_path))
    images = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype("float32")
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(loaded(images)),
        keras.ops.convert_to_numpy(backbone(images)),
        atol=1e-6,
    )
