import importlib.util
import pathlib

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
        if index % 40 == 0 or emoji.subgroup == "heart"
    ]


@pytest.fixture(scope="module")
def pictures(example, emojis):
    return example.training_pictures(emojis, SALT)


def test_no_picture_of_a_held_out_concept(example, emojis, pictures):
    held_out = [emoji for emoji in emojis if emoji_sources.split_of(emoji.concept, SALT) == "test"]
    seen = {picture.emoji.concept for picture in pictures}
    assert len(held_out) > 8 and len(seen) > 30
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


def test_a_short_training_gives_a_preset(example, pictures, tmp_path, monkeypatch):
    def tiny_backbone():
        return keras_hub.models.ResNetBackbone(
            input_conv_filters=[64],
            input_conv_kernel_sizes=[3],
            stackwise_num_filters=[64],
            stackwise_num_blocks=[1],
            stackwise_num_strides=[1],
            block_type="basic_block",
            image_shape=(8, 8, 3),
        )

    monkeypatch.setattr(example, "image_backbone", tiny_backbone)
    monkeypatch.setattr(example, "IMAGE_SIZE", 8)
    backbone = example.pretrain(pictures[::5], steps=2, batch_size=4, seed=0)
    backbone.save_to_preset(tmp_path)
    loaded = keras_hub.models.Backbone.from_preset(str(tmp_path))
    for weight, expected in zip(loaded.get_weights(), backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)
