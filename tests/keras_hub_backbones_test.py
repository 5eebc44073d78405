"""Backbones of keras-hub go into a tower as they are: forward, lock, preset."""

import keras
import keras_hub
import numpy as np
import pytest

import keras_lit

models = keras_hub.models
SIZE = {"num_layers": 1, "num_heads": 2, "hidden_dim": 8, "intermediate_dim": 16}
IMAGES = {"image_shape": (8, 8, 3), "patch_size": 4}
TEXTS = {"vocabulary_size": 20, **SIZE}
RESNET = {
    "input_conv_filters": [64],
    "input_conv_kernel_sizes": [3],
    "stackwise_num_filters": [64],
    "stackwise_num_blocks": [1],
    "stackwise_num_strides": [1],
    "block_type": "basic_block",
    "image_shape": (8, 8, 3),
}


def vit():
    size = {**SIZE, "patch_size": (4, 4), "mlp_dim": 16}
    del size["intermediate_dim"]
    return models.ViTBackbone(image_shape=(8, 8, 3), **size)


def clip_text():
    return models.CLIPTextEncoder(embedding_dim=8, max_sequence_length=4, **TEXTS)


def siglip_text():
    return models.SigLIPTextEncoder(embedding_dim=8, max_sequence_length=4, **TEXTS)


# name -> (how to build a tiny one, pooling)
BACKBONES = {
    "ViT": (vit, "class_token"),
    "DeiT": (
        lambda: models.DeiTBackbone(**SIZE, image_shape=(8, 8, 3), patch_size=(4, 4)),
        "class_token",
    ),
    "DINOv2": (lambda: models.DINOV2Backbone(**SIZE, **IMAGES), "class_token"),
    "DINOv3": (lambda: models.DINOV3Backbone(**SIZE, **IMAGES), "class_token"),
    "SigLIP images": (lambda: models.SigLIPVisionEncoder(**SIZE, **IMAGES), None),
    "CLIP images": (lambda: models.CLIPVisionEncoder(**SIZE, **IMAGES), "class_token"),
    "ResNet": (lambda: models.ResNetBackbone(**RESNET), "mean"),
    "SigLIP texts": (siglip_text, None),
    "CLIP texts": (clip_text, "last_token"),
    "BERT": (lambda: models.BertBackbone(max_sequence_length=4, **TEXTS), "class_token"),
    "RoBERTa": (lambda: models.RobertaBackbone(max_sequence_length=6, **TEXTS), "class_token"),
    "XLM-R": (lambda: models.XLMRobertaBackbone(max_sequence_length=6, **TEXTS), "class_token"),
    "DistilBERT": (lambda: models.DistilBertBackbone(max_sequence_length=4, **TEXTS), "mean"),
    "T5": (lambda: models.T5Backbone(**TEXTS), "mean"),
    "BART": (lambda: models.BartBackbone(max_sequence_length=4, **TEXTS), "mean"),
}


def batch_for(tower):
    """Random inputs of a tower, as a `LiTModel` would hand them over."""
    random = np.random.default_rng(0)
    if "int" not in tower.backbone.inputs[0].dtype:
        return {"images": random.uniform(-1, 1, (2, 8, 8, 3)).astype("float32")}
    return {
        "token_ids": random.integers(1, 20, (2, 4)).astype("int32"),
        "padding_mask": np.array([[1, 1, 1, 0], [1, 1, 1, 1]], "int32"),
    }


# keras-hub's T5 drops the mask of Keras, and passes its own.
pytestmark = pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask")


@pytest.mark.parametrize("name", BACKBONES)
def test_forward_lock_and_preset(name, tmp_path):
    make, pooling = BACKBONES[name]
    tower = keras_lit.Tower(make(), pooling, projection_dim=6)
    batch = batch_for(tower)
    embeddings = keras.ops.convert_to_numpy(tower(batch))
    assert embeddings.shape == (2, 6) and np.ptp(embeddings, axis=0).max() > 1e-4
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)
    tower.lock()
    assert not [variable for variable in tower.variables if variable.trainable]
    tower.save_to_preset(tmp_path)
    loaded = keras_lit.Tower.from_preset(tmp_path)
    assert type(loaded.backbone) is type(tower.backbone)
    for old, new in zip(tower.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(new, old)


def test_only_the_encoder_of_t5_is_in_the_tower():
    t5 = models.T5Backbone(**TEXTS)
    tower = keras_lit.Tower(t5, "mean")
    assert 0 < tower.count_params() < t5.count_params()
    batch = batch_for(tower)
    inputs = {f"{side}_{name}": batch[name] for side in ("encoder", "decoder") for name in batch}
    features = keras.ops.convert_to_numpy(t5(inputs)["encoder_sequence_output"])
    mask = batch["padding_mask"][:, :, None]
    expected = (features * mask).sum(1) / mask.sum(1)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(tower(batch)), expected, atol=1e-5)
