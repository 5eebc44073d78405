"""Hugging Face folders of DINOv2 and DINOv3 -> image towers, by keras-hub's own converters."""

import json

import keras
import keras_hub
import numpy as np
import pytest
import safetensors.numpy

import keras_lit

WIDTH, MLP, PATCH, SIDE = 8, 16, 4, 8
COMMON = {
    "hidden_size": WIDTH,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": SIDE,
    "patch_size": PATCH,
    "layerscale_value": 1.0,
    "drop_path_rate": 0.0,
}
DINOV2 = {
    **COMMON,
    "model_type": "dinov2",
    "mlp_ratio": MLP / WIDTH,
    "use_swiglu_ffn": False,
    "hidden_dropout_prob": 0.0,
}
BIASES = ("query_bias", "key_bias", "value_bias", "proj_bias", "mlp_bias")
DINOV3 = {
    **COMMON,
    "model_type": "dinov3_vit",
    "intermediate_size": MLP,
    "num_register_tokens": 2,
    "hidden_act": "gelu",
    "use_gated_mlp": False,
    **dict.fromkeys(BIASES, True),
    "attention_dropout": 0.0,
    "layer_norm_eps": 1e-6,
    "rope_theta": 100.0,
}


def dense(name, inputs, outputs):
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def norm(name):
    return {f"{name}.weight": (WIDTH,), f"{name}.bias": (WIDTH,)}


def block(prefix, attention):
    """Names and shapes of a block, as both models of transformers have them."""
    shapes = norm(f"{prefix}.norm1") | norm(f"{prefix}.norm2")
    for name in attention:
        shapes |= dense(f"{prefix}.attention.{name}", WIDTH, WIDTH)
    return shapes | {f"{prefix}.layer_scale{i}.lambda1": (WIDTH,) for i in (1, 2)}


TOKENS = {f"embeddings.{name}": (1, 1, WIDTH) for name in ("cls_token", "mask_token")}
KERNEL = (WIDTH, 3, PATCH, PATCH)
SHAPES = {
    "dinov2": {
        **TOKENS,
        "embeddings.mask_token": (1, WIDTH),
        "embeddings.position_embeddings": (1, 1 + (SIDE // PATCH) ** 2, WIDTH),
        "embeddings.patch_embeddings.projection.weight": KERNEL,
        "embeddings.patch_embeddings.projection.bias": (WIDTH,),
        **block(
            "encoder.layer.0",
            [*(f"attention.{name}" for name in ("query", "key", "value")), "output.dense"],
        ),
        **dense("encoder.layer.0.mlp.fc1", WIDTH, MLP),
        **dense("encoder.layer.0.mlp.fc2", MLP, WIDTH),
        **norm("layernorm"),
    },
    "dinov3_vit": {
        **TOKENS,
        "embeddings.register_tokens": (1, 2, WIDTH),
        "embeddings.patch_embeddings.weight": KERNEL,
        "embeddings.patch_embeddings.bias": (WIDTH,),
        **block("layer.0", ("q_proj", "k_proj", "v_proj", "o_proj")),
        **dense("layer.0.mlp.up_proj", WIDTH, MLP),
        **dense("layer.0.mlp.down_proj", MLP, WIDTH),
        **norm("norm"),
    },
}


def write(folder, config):
    """Writes a model with random weights as `save_pretrained` does; returns its tensors."""
    random = np.random.default_rng(0)
    tensors = {
        name: random.normal(0, 0.3, shape).astype("float32")
        for name, shape in SHAPES[config["model_type"]].items()
    }
    (folder / "config.json").write_text(json.dumps(config))
    safetensors.numpy.save_file(tensors, folder / "model.safetensors")
    return tensors


@pytest.mark.parametrize("config", [DINOV2, DINOV3], ids=lambda config: config["model_type"])
def test_every_tensor_lands_in_the_tower(config, tmp_path):
    tensors = write(tmp_path, config)
    backbone = keras_hub.models.Backbone.from_preset(str(tmp_path))
    tower = keras_lit.Tower(backbone, "class_token")
    values = [np.sort(np.array(w), axis=None) for w in tower.weights]
    for name, tensor in tensors.items():  # each is transposed somehow
        wanted = np.sort(tensor, axis=None)
        assert any(np.array_equal(wanted, value) for value in values), name
    images = np.random.default_rng(1).uniform(-1, 1, (2, SIDE, SIDE, 3)).astype("float32")
    embeddings = keras.ops.convert_to_numpy(tower(images))
    features = keras.ops.convert_to_numpy(backbone(tower.backbone_inputs.select(images)))[:, 0]
    expected = features / np.linalg.norm(features, axis=1, keepdims=True)
    np.testing.assert_allclose(embeddings, expected, atol=1e-5)


def test_errors_say_what_to_do(tmp_path):
    write(tmp_path, DINOV2)
    with pytest.raises(ValueError, match="DINOV2Backbone, not a Tower. Wrap a backbone: `Tower"):
        keras_lit.Tower.from_preset(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"\x10")
    with pytest.raises(safetensors.SafetensorError):
        keras_hub.models.Backbone.from_preset(str(tmp_path))
