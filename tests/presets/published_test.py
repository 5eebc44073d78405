"""Every published preset constructs, with the number of parameters that the original has."""

import json
import pathlib

import pytest

from keras_lit.backbones.sizes import RESNET_DEPTHS, TRANSFORMER_SIZES
from keras_lit.checkpoints import build_without_values
from keras_lit.presets import all_presets, get_preset
from keras_lit.presets.architectures import build_model
from tests import reference

pytestmark = pytest.mark.any_backend

FOLDER = pathlib.Path(reference.__file__).parent / "fixtures" / "reference" / "trees"
TREES = json.loads((FOLDER / "param_trees.json").read_text())
# The original counts a head of 1,000 classes with its image towers.
WITH_HEAD = {
    "vit_ti16_augreg_i21k": "ViT-Ti_16",
    "vit_s32_augreg_i21k": "ViT-S_32",
    "vit_s16_augreg_i21k": "ViT-S_16",
    "vit_b32_augreg_i21k": "ViT-B_32",
    "vit_b16_augreg_i21k": "ViT-B_16",
    "vit_b8_augreg_i21k": "ViT-B_8",
    "vit_l16_augreg_i21k": "ViT-L_16",
    "vit_r_ti16_augreg_i21k": "R+ViT-Ti_16",
    "vit_r26_s32_augreg_i21k": "R26+ViT-S_32",
    "vit_r50_l32_augreg_i21k": "R50+ViT-L_32",
    "mixer_b16_i21k": "Mixer-B_16",
    "mixer_b16_i1k": "Mixer-B_16",
    "mixer_l16_i21k": "Mixer-L_16",
    "mixer_l16_i1k": "Mixer-L_16",
    "bit_m_r50x1": "bv:bit_paper R50x1 1000cls",
    "bit_s_r50x1": "bv:bit_paper R50x1 1000cls",
    "bit_m_r50x1_i1k": "bv:bit_paper R50x1 1000cls",
}
WITHOUT_HEAD = {
    "lit_b16b": "LiT-B16B",
    "lit_b16b_2": "LiT-B16B_2",
    "lit_l16l": "LiT-L16L",
    "lit_l16s": "LiT-L16S",
    "lit_l16ti": "LiT-L16Ti",
    "siglip_b16_224": "bv:SigLIP B/16 224",
}


def transformer(size):
    """Parameters of a stack of blocks and the LayerNorm after it."""
    width, depth, mlp = size["hidden_dim"], size["num_layers"], size["mlp_dim"]
    attention = 4 * (width * width + width)
    return depth * (attention + 2 * width * mlp + mlp + width + 4 * width) + 2 * width


def siglip(preset):
    image_size, _, patch_size = preset.image_tower.variant.partition("/")
    image, patch_size = TRANSFORMER_SIZES[image_size], int(patch_size)
    width, mlp = image["hidden_dim"], image["mlp_dim"]
    num_patches = (preset.image_tower.resolution // patch_size) ** 2
    embedding = (3 * patch_size**2 + 1) * width + num_patches * width
    pooling = width + 4 * (width * width + width) + 2 * width * mlp + mlp + width + 2 * width
    spec = preset.text_tower
    text = TRANSFORMER_SIZES[spec.variant]
    text_width = text["hidden_dim"]
    tokens = (spec.vocabulary_size + spec.max_length) * text_width
    projection = (text_width + 1) * preset.embedding_dim
    towers = embedding + transformer(image) + pooling + tokens + transformer(text) + projection
    return towers + 2  # temperature and bias


def bit(preset):
    depth, _, factor = preset.image_tower.variant[1:].partition("x")
    width = 64 * int(factor)
    count, channels = 7 * 7 * 3 * width, width
    for stage, num_units in enumerate(RESNET_DEPTHS[int(depth)]):
        inner = width * 2**stage
        for unit in range(num_units):
            count += channels * inner + 9 * inner * inner + 4 * inner * inner
            count += 2 * channels + 4 * inner
            count += channels * 4 * inner if unit == 0 else 0
            channels = 4 * inner
    return count + 2 * channels


@pytest.mark.parametrize("name", [preset.name for preset in all_presets()])
def test_every_preset_constructs(name):
    preset = get_preset(name)
    model = build_without_values(build_model, preset)
    assert type(model).__name__ == preset.model_class
    assert model.count_params() == preset.num_parameters
    tower = model if preset.text_tower is None else model.image_tower
    assert tower.embedding_dim == preset.embedding_dim
    assert tower.backbone.image_shape == (*(preset.image_tower.resolution,) * 2, 3)


def test_parameters_equal_the_original():
    for name, tree in WITHOUT_HEAD.items():
        assert get_preset(name).num_parameters == TREES[tree]["params"], name
    for name, tree in WITH_HEAD.items():
        preset = get_preset(name)
        head = (preset.embedding_dim + 1) * 1000
        assert preset.num_parameters == TREES[tree]["params"] - head, name


def test_parameters_equal_a_formula_where_the_original_has_no_tree():
    names = [preset.name for preset in all_presets()]
    checked = set(WITH_HEAD) | set(WITHOUT_HEAD)
    for name in names:
        preset = get_preset(name)
        if name.startswith("siglip"):
            assert preset.num_parameters == siglip(preset), name
        elif name.startswith("bit"):
            assert preset.num_parameters == bit(preset), name
        elif name.endswith("_384"):
            base = get_preset(name.removesuffix("_i1k_384"))
            stride = 32 if "+" in base.image_tower.variant else None
            stride = stride or int(base.image_tower.variant.partition("/")[2])
            more_positions = (384 // stride) ** 2 - (224 // stride) ** 2
            assert preset.num_parameters - base.num_parameters == (
                more_positions * preset.embedding_dim
            )
        else:
            assert name in checked, name


def test_files_of_different_presets_differ():
    files = [preset.weights.path for preset in all_presets()]
    assert len(set(files)) == len(files)
    assert get_preset("lit_b16b_2").weights.url == (
        "https://storage.googleapis.com/vit_models/lit/LiT-B16B_2.npz"
    )
    assert get_preset("vit_b16_augreg_i21k_i1k_384").weights.name == (
        "B_16-i21k-300ep-lr_0.001-aug_medium1-wd_0.1-do_0.0-sd_0.0"
        "--imagenet2012-steps_20k-lr_0.03-res_384.npz"
    )
    assert get_preset("siglip2_gopt16_256").weights.path == (
        "big_vision/siglip2/siglip2_g-opt16_256.npz"
    )


def test_unknown_names_are_refused_with_suggestions():
    with pytest.raises(ValueError, match="no published preset 'lit_b16'. Did you mean 'lit_b16b'"):
        get_preset("lit_b16")
