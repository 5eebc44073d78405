"""Older layouts -> current names: each step alone, and what must be left as it is."""

import numpy as np
import pytest

from keras_lit.checkpoints import CheckpointError, normalise


def names_after(*names):
    return sorted(normalise({name: np.zeros(1) for name in names}).tensors)


def test_current_names_stay():
    names = ["Transformer/encoderblock_0/LayerNorm_0/scale", "block1/unit01/gn1/scale", "cls"]
    checkpoint = normalise({name: np.zeros(1) for name in names})
    assert sorted(checkpoint.tensors) == sorted(names)
    assert checkpoint.layouts == ()


def test_numbers_are_counted_per_name_and_level():
    assert names_after(
        "Transformer/encoderblock_10/LayerNorm_2/scale",
        "Transformer/encoderblock_9/LayerNorm_0/scale",
        "Transformer/encoderblock_10/LayerNorm_10/scale",
        "Transformer/encoderblock_10/MlpBlock_3/Dense_0/kernel",
    ) == [
        "Transformer/encoderblock_0/LayerNorm_0/scale",
        "Transformer/encoderblock_1/LayerNorm_0/scale",
        "Transformer/encoderblock_1/LayerNorm_1/scale",
        "Transformer/encoderblock_1/MlpBlock_0/Dense_0/kernel",
    ]


@pytest.mark.parametrize("prefix", ["params/", "opt/target/"])
def test_prefixes_of_training_checkpoints(prefix):
    checkpoint = normalise({f"{prefix}img/cls": np.zeros(1), "chrono/steps": np.zeros(())})
    assert list(checkpoint.tensors) == ["img/cls"]
    assert list(checkpoint.ignored) == ["chrono/steps"]


def test_one_part_of_a_file():
    arrays = {"params/img/cls": np.zeros(1), "params/txt/head/bias": np.zeros(1)}
    checkpoint = normalise(arrays, "img")
    assert list(checkpoint.tensors) == ["cls"]
    assert checkpoint.ignored == {"params/txt/head/bias": "outside of 'img'"}
    with pytest.raises(CheckpointError, match="no tensors under 'video'"):
        normalise(arrays, "video")


def test_stacked_blocks_are_sliced_in_each_tower():
    stack = np.arange(6.0).reshape(3, 2)
    tensors = normalise(
        {
            "img/Transformer/encoderblock/LayerNorm_0/scale": stack,
            "txt/Encoder_0/encoderblock/LayerNorm_0/scale": stack,
        }
    ).tensors
    assert len(tensors) == 6
    for index in range(3):
        for prefix in ("img/Transformer", "txt/Encoder_0"):
            tensor = tensors[f"{prefix}/encoderblock_{index}/LayerNorm_0/scale"]
            assert tensor.shape == (2,)
            np.testing.assert_array_equal(tensor.read(), stack[index])


def test_position_embeddings():
    one, two = np.full((1, 4, 2), 1.0), np.full((1, 4, 2), 2.0)
    for name in ("Transformer/posembed_input/pos_embedding", "Transformer/pos_embedding"):
        assert names_after(name) == ["pos_embedding"]
    both = normalise({"txt/pos_embedding": one, "txt/Encoder_0/pos_embedding": two}).tensors
    np.testing.assert_array_equal(both["txt/pos_embedding"].read(), 3.0)
    assert both["txt/pos_embedding"].sources == ("txt/pos_embedding", "txt/Encoder_0/pos_embedding")


def test_attention_pooling_at_the_top_level():
    assert names_after("img/probe", "img/MlpBlock_0/Dense_0/bias", "img/head/bias") == [
        "img/MAPHead_0/MlpBlock_0/Dense_0/bias",
        "img/MAPHead_0/probe",
        "img/head/bias",
    ]


@pytest.mark.parametrize("suffix", ["", "_1", "_17"])
def test_numbered_layers_of_tensorflow(suffix):
    conv = f"standardized_conv2d{suffix}"
    assert names_after(
        f"resnet/block2/unit03/a/proj/{conv}/kernel",
        f"resnet/block2/unit03/b/{conv}/kernel",
        "resnet/block2/unit03/c/group_norm/gamma",
        f"resnet/root_block/{conv}/kernel",
        "resnet/group_norm/beta",
        "resnet/head/conv2d/bias",
    ) == [
        "block2/unit03/conv2/kernel",
        "block2/unit03/conv_proj/kernel",
        "block2/unit03/gn3/scale",
        "head/bias",
        "norm-pre-head/bias",
        "root_block/conv_root/kernel",
    ]


def test_empty_checkpoints_are_refused():
    with pytest.raises(CheckpointError, match="holds no tensors"):
        normalise({})
