"""Pretraining an image tower and the design study, on few emojis and tiny towers."""

import functools
import json
import sys

import keras
import keras_hub
import numpy as np
import pytest

from keras_lit.data import emoji_examples, emoji_sources
from keras_lit.demo import emoji_scores, emoji_tuning
from tests import tiny
from tests.run_example import EXAMPLES, run_example

# The examples choose TensorFlow themselves.
pytestmark = pytest.mark.any_backend

ALL_EMOJIS = emoji_sources.read_emojis()


@pytest.fixture(scope="module")
def example():
    """The modules that the examples share, with tiny towers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLES))
        import pretrain_image_tower

        patch.setattr(pretrain_image_tower, "IMAGE_SIZE", 8)
        patch.setattr(pretrain_image_tower.pretrain_emoji_tower, "IMAGE_SIZE", 8)
        patch.setattr(pretrain_image_tower, "BACKBONES", {"resnet": tiny.hub_backbone})
        patch.setattr(emoji_tuning, "TEXT_WIDTH", 8)
        one_view = functools.partial(emoji_tuning.pairs_with_views, num_views=1)
        patch.setattr(emoji_tuning, "pairs_with_views", one_view)
        patch.setattr(emoji_scores, "_LEAST_EXAMPLES", 1)
        yield pretrain_image_tower
        for name in (
            "emoji_comparison",
            "emoji_labels",
            "pretrain_image_tower",
            "pretrain_emoji_tower",
        ):
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        few = [
            emoji
            for index, emoji in enumerate(ALL_EMOJIS)
            if index % 12 == 0 or emoji.subgroup == "heart"
        ]
        patch.setattr(emoji_sources, "read_emojis", lambda: tuple(few))
        return emoji_examples.prepare_emojis(data_dir=tmp_path_factory.mktemp("emojis"))


@pytest.fixture(scope="module")
def pictures(example, builder):
    return example.read_pictures(builder)


def test_no_picture_of_a_held_out_concept(example, builder, pictures):
    held_out = example._read_split(builder, "test")
    assert len(held_out) > 20 and len(pictures) > 200
    concepts = {picture.emoji.concept for picture in pictures}
    assert all(emoji_sources.split_of(concept, "f") != "test" for concept in concepts)
    images = {picture.image.tobytes() for picture in held_out}
    assert not images & {picture.image.tobytes() for picture in pictures}
    assert {picture.style for picture in pictures} == {"twemoji", "openmoji_color", "openmoji_line"}


def test_nt_xent_looks_for_the_other_view(example):
    rows = np.random.default_rng(0).normal(size=(6, 4))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    logits = rows @ rows.T / 0.5
    expected = []
    for row in range(6):
        others = [np.exp(logits[row, column]) for column in range(6) if column != row]
        expected.append(np.log(sum(others)) - logits[row, (row + 3) % 6])
    loss = example.nt_xent(keras.ops.convert_to_tensor(rows, "float32"), 0.5)
    assert float(loss) == pytest.approx(np.mean(expected), rel=1e-5)


def test_simclr_gives_a_preset(example, pictures, tmp_path):
    keras.utils.set_random_seed(0)
    before = tiny.hub_backbone().get_weights()
    backbone = example.pretrain("simclr", "resnet", pictures, steps=2, batch_size=4, seed=0)
    backbone.save_to_preset(tmp_path)
    loaded = keras_hub.models.Backbone.from_preset(str(tmp_path)).get_weights()
    for weight, expected in zip(loaded, backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)
    assert any(np.abs(new - old).max() > 0 for new, old in zip(loaded, before, strict=True))


def test_the_study_goes_on_where_it_was(example, builder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(emoji_examples, "prepare_emojis", lambda: builder)
    arguments = ["--pretraining_steps=2", "--num_emojis=32", "--seeds=0", f"--folder={tmp_path}"]
    arguments += ["--num_pairs=256", "--choices=LU,sigmoid"]
    run_example("design_choices", *arguments)
    table = (tmp_path / "table.md").read_text()
    assert table in capsys.readouterr().out
    assert len(table.splitlines()) == 4 and (tmp_path / "plot.png").stat().st_size > 1000
    record = json.loads((tmp_path / "sigmoid_seed_0.json").read_text())
    assert record["configuration"]["loss"] == "sigmoid"

    # Nothing is run again.
    monkeypatch.setattr(emoji_tuning, "build_model", None)
    run_example("design_choices", *arguments)
    assert (tmp_path / "table.md").read_text() == table
    with pytest.raises(ValueError, match="is of a run with"):
        run_example("design_choices", *arguments, "--num_pairs=128")
