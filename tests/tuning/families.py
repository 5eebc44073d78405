"""Tiny backbones of every family, images (16, 16, 3), one by one and all side by side."""

import keras
import keras_hub
import numpy as np

import keras_lit
from keras_lit import backbones
from tests import tiny

IMAGE_SHAPE = (16, 16, 3)
# To compile so many layers takes TensorFlow longer than a few steps without.
STEP_OF_ALL = {"run_eagerly": keras.config.backend() == "tensorflow"}
TRANSFORMER = {"hidden_dim": 8, "num_layers": 2, "num_heads": 2, "mlp_dim": 8}


def hybrid():
    resnet = backbones.ResNetBackbone((1,), width_factor=0.5, image_shape=IMAGE_SHAPE)
    vit = backbones.ViTBackbone(tuple(resnet.output.shape[1:]), 2, **TRANSFORMER)
    return backbones.HybridBackbone(resnet, vit)


def batch_norm_resnet():
    return keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64, 64],
        stackwise_num_blocks=[1, 1],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
        image_shape=IMAGE_SHAPE,
    )


def dropout_vit():
    return keras_hub.models.ViTBackbone(
        image_shape=IMAGE_SHAPE,
        patch_size=(8, 8),
        dropout_rate=0.5,
        **TRANSFORMER,
    )


# name -> (how to build one, path of the last of its blocks)
IMAGE_FAMILIES = {
    "ViT": (lambda: backbones.ViTBackbone(IMAGE_SHAPE, 8, **TRANSFORMER), "block_1"),
    "Mixer": (lambda: backbones.MixerBackbone(IMAGE_SHAPE, 8, 8, 2, 4, 8), "block_1"),
    "BiT": (lambda: backbones.BiTBackbone((1, 1), 0.5, IMAGE_SHAPE), "stage_1_unit_0"),
    "ResNet": (lambda: backbones.ResNetBackbone((1, 1), 0.5, IMAGE_SHAPE), "stage_1_unit_0"),
    "hybrid": (hybrid, "block_1"),
    "keras-hub ResNet": (batch_norm_resnet, "stack1_block0"),
    "keras-hub ViT": (dropout_vit, "vit_encoder/transformer_block_2"),
}


def model_of_all_families():
    """A model whose locked image tower holds a backbone of every family side by side."""
    images = keras.Input(IMAGE_SHAPE, name="images")
    features = []
    for make, _ in IMAGE_FAMILIES.values():
        outputs = make()(images)
        axes = tuple(range(1, len(outputs.shape) - 1))
        features.append(keras.ops.mean(outputs, axes))
    backbone = keras.Model(images, keras.layers.Concatenate()(features))
    model = keras_lit.LiTModel(
        keras_lit.Tower(backbone, projection_dim=8, name="image_tower"),
        keras_lit.Tower(tiny.text_backbone(), "last_token", name="text_tower"),
        tuning="Lu",
    )
    tiny.fill(model)
    return model


def moved_by_training(model):
    """Trains one step, and returns the variables of the image tower that are not what they were.

    Among them are the seeds of dropout and the statistics of batch norms.
    """

    def contents():
        return [keras.ops.convert_to_numpy(v).tobytes() for v in model.image_tower.variables]

    images = np.random.default_rng(0).uniform(-1, 1, (4, *IMAGE_SHAPE)).astype("float32")
    before = contents()
    model.fit({**tiny.pairs(4), "images": images}, batch_size=4, verbose=0)
    changes = zip(model.image_tower.variables, before, contents(), strict=True)
    return {id(variable) for variable, old, new in changes if old != new}
