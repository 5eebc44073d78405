"""Locks: what they hold, that they are saved, what they refuse."""

import itertools

import keras
import numpy as np
import pytest

import keras_lit
from keras_lit.tuning import Lock
from tests import tiny


@pytest.fixture(scope="module")
def tower():
    backbone = keras_lit.backbones.TextTransformerBackbone(
        tiny.VOCABULARY_SIZE, tiny.TOKENS, hidden_dim=8, num_layers=3, num_heads=2, mlp_dim=8
    )
    return keras_lit.Tower(backbone, "attention", projection_dim=4, name="text_tower")


def trained(tower, **lock):
    tower.lock(**lock)
    return {variable.path for variable in tower.trainable_variables}


def test_blocks_kinds_and_patterns_add_up(tower):
    tower.unlock()
    everything = {v.path for v in tower.trainable_variables}
    head = {path for path in everything if path.startswith(("pooling", "projection"))}
    last = {path for path in everything if path.startswith(("block_2", "encoder_norm"))}
    norms = {path for path in everything if "norm" in path}
    assert head and last and norms
    assert trained(tower, keep_last=1) == last | head
    assert trained(tower, keep="head") == head
    assert trained(tower, keep="norms") == norms
    assert trained(tower, keep=["biases"]) == {p for p in everything if p.endswith("/bias")}
    assert trained(tower, keep_last=1, keep=("norms", "positions/*")) == (
        last | head | norms | {"positions/positions"}
    )
    assert trained(tower, only="token_embedding/*") == everything - {"token_embedding/embeddings"}
    assert trained(tower, only=["block_?/*"], keep="norms") == {
        path for path in everything if not path.startswith("block_") or path in norms
    }
    assert trained(tower) == set() and tower.locked
    tower.unlock()
    assert {v.path for v in tower.trainable_variables} == everything


@pytest.mark.parametrize(
    "lock, message",
    [
        ({"keep": "nroms"}, "'nroms' names nothing that can train.*'norms'"),
        ({"keep": "blok_2/*"}, r"Did you mean.*'block_2/\*'"),
        ({"only": "image_tower/*"}, "names nothing.*Known are"),
        ({"keep_last": 4}, r"has 3 numbered blocks: \['block_0', 'block_1', 'block_2'\]"),
        ({"keep": "*"}, "leaves nothing of tower 'text_tower' locked"),
        ({"keep_last": -1}, "`keep_last` must be an integer >= 0"),
    ],
)
def test_locks_that_fit_nothing_leave_the_tower_as_it_was(tower, lock, message):
    before = trained(tower, keep="norms")
    with pytest.raises(ValueError, match=message):
        tower.lock(**lock)
    assert {v.path for v in tower.trainable_variables} == before
    assert tower.applied_lock == Lock(keep="norms")


def test_a_backbone_without_numbered_blocks_wants_patterns():
    tower = keras_lit.Tower(tiny.image_backbone(), "mean")
    with pytest.raises(ValueError, match="has 0 numbered blocks.*`keep=...`"):
        tower.lock(keep_last=1)
    assert trained(tower, keep="norm/*") == {"norm/gamma", "norm/beta"}


def test_a_lock_is_saved_with_the_model(tmp_path):
    model = tiny.lit_model("LL")
    model.text_tower.lock(keep=["norms", "block_0/attention/*"])
    expected = {v.path for v in model.trainable_variables}
    assert any("attention/query" in path for path in expected)
    assert not any(path.startswith("conv") for path in expected)
    model.save(tmp_path / "model.keras")
    model.save_to_preset(tmp_path / "preset")
    model.text_tower.save_to_preset(tmp_path / "tower")
    loaded = [
        keras.models.load_model(tmp_path / "model.keras"),
        keras_lit.LiTModel.from_preset(tmp_path / "preset"),
    ]
    for other in loaded:
        assert {v.path for v in other.trainable_variables} == expected
        assert other.text_tower.applied_lock == model.text_tower.applied_lock
        assert other.tuning == "LL" and other.image_tower.locked
    tower = keras_lit.Tower.from_preset(tmp_path / "tower")
    assert {v.path for v in tower.trainable_variables} == expected - {"head/log_temperature"}
    unlocked = keras_lit.LiTModel.from_preset(tmp_path / "preset", tuning="UU")
    assert len(unlocked.trainable_variables) == len(tiny.lit_model("UU").trainable_variables)


def test_adapters_and_locks():
    tower = keras_lit.Tower(tiny.text_backbone(), "last_token", projection_dim=4)
    tower.lock(keep="norms")
    with pytest.raises(ValueError, match="is locked, so adapters would never train"):
        tower.enable_lora(2)
    tower.unlock()
    tower.enable_lora(2)
    assert all("lora" in path for path in trained(tower, only="head"))


def test_letters_and_locks_must_agree():
    model = tiny.lit_model("Lu")
    loss = keras_lit.losses.SoftmaxContrastiveLoss()
    model.text_tower.lock(keep="norms")
    with pytest.raises(ValueError, match="tuning='Lu' says 'u'.*'text_tower', which has the lock"):
        model.compile(loss=loss)
    model.tuning = "LL"
    model.compile(loss=loss)
    assert len(model.trainable_variables) == 6 + 1
    model.text_tower.lock()
    with pytest.raises(ValueError, match="nothing to train.*keep_last"):
        model.compile(loss=loss)
    model.tuning = "Uu"
    assert not model.image_tower.locked and model.text_tower.applied_lock is None
    with pytest.raises(ValueError, match="first"):
        tiny.lit_model("Lu").recompile()


def test_all_nine_pairs_of_letters():
    model, loss = tiny.lit_model(), keras_lit.losses.SoftmaxContrastiveLoss()
    names = ("image_tower", "text_tower")
    everything = {name: len(getattr(tiny.lit_model("UU"), name).weights) for name in names}
    everything["image_tower"] -= 2  # moving statistics
    for letters in itertools.product("LUu", repeat=2):
        model.tuning = "".join(letters)
        for name, letter in zip(names, letters, strict=True):
            expected = 0 if letter == "L" else everything[name]
            assert len(getattr(model, name).trainable_variables) == expected
        if letters == ("L", "L"):
            with pytest.raises(ValueError, match="nothing to train"):
                model.compile(loss=loss)
            continue
        model.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss)
        model.optimizer.build(model.trainable_variables)
        assert len(model.optimizer.variables) == 2 + len(model.trainable_variables)


def test_from_scratch_is_drawn_from_the_seed_and_for_the_letter_u_alone():
    model = tiny.lit_model("Lu", dropout=0.1)
    first = tiny.values(model.weights)

    def drawn(seed):
        return tiny.values(model.reinitialize(seed).weights)

    one, other, again = drawn(1), drawn(2), drawn(1)
    image_paths = {v.path for v in model.image_tower.weights}
    for path, value in one.items():
        if path in image_paths or "temperature" in path:
            np.testing.assert_array_equal(value, first[path])
        else:
            assert not np.array_equal(value, first[path])
        np.testing.assert_array_equal(value, again[path])
    assert np.any(one["token_embedding/embeddings"] != other["token_embedding/embeddings"])
    assert not one["encoder_norm/beta"].any()

    with pytest.raises(ValueError, match="'U', pretrained, of the tower 'text_tower'.*reinit"):
        model.tuning = "LU"
    with pytest.raises(ValueError, match="'L', pretrained"):
        model.tuning = "UL"
    assert model.tuning == "Lu"
    tiny.fill(model)
    model.tuning = "LU"
    with pytest.raises(ValueError, match="both towers are pretrained.*'Lu'"):
        model.reinitialize(0)
    with pytest.raises(ValueError, match="'image_tower' is locked"):
        model.image_tower.reinitialize(0)


def test_summary():
    model = tiny.lit_model("Lu")
    model.image_tower.lock(keep="norms")
    model.compile(keras_lit.optimizers.LiTAdamW(), keras_lit.losses.SoftmaxContrastiveLoss())
    summary = keras_lit.tuning.summarize(model)
    image, text, head = summary.parts
    num_kernel = 4 * 4 * 3 * 8 + 8
    assert (image.num_trained, image.num_locked) == (2 * 8, num_kernel + 2 * 8)
    assert image.slot_bytes == (2 * 4 * 16) + 2 * 4
    assert image.saved_bytes == 3 * 4 * num_kernel + 2 * 4
    assert image.gradient_bytes == 4 * 16 and image.weight_bytes == 4 * (num_kernel + 4 * 8)
    assert (text.num_locked, text.saved_bytes, head.num_trained) == (0, 0, 1)
    # The convolution stands before the norms that train: its forward pass is all that is left.
    assert (image.saved_flops, text.saved_flops) == (2 * tiny.IMAGE_FLOPS, 0)
    assert summary.saved_compute == 2 * tiny.IMAGE_FLOPS / (
        3 * tiny.IMAGE_FLOPS + 3 * tiny.TEXT_FLOPS
    )
    model.optimizer.build(model.trainable_variables)
    slots = sum(keras.ops.convert_to_numpy(v).nbytes for v in model.optimizer.variables[2:])
    assert abs(summary.slot_bytes - slots) <= 8  # of three lists of multipliers instead of one
    printed = []
    model.tuning_summary(printed.append)
    assert "locked but norms" in printed[0] and "from scratch" in printed[0]
    assert f"{text.num_trained:,}" in printed[0] and "save 4,7" in printed[0]
    assert f"and {summary.saved_compute:.0%} of the multiplications" in printed[0]
    assert "optimizer state: 0 B" in str(keras_lit.tuning.summarize(tiny.lit_model("uu")))
