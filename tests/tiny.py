"""Tiny towers, models and data that the tests share, filled from a seed alike on every backend."""

import keras
import keras_hub
import numpy as np

import keras_lit

VOCABULARY_SIZE = 50
TOKENS = 4
# Kernels of the text tower: queries, keys, values, output 4 x 8 x 8, and two of 8 x 16.
TEXT_FLOPS = 2 * (4 * 64 + 2 * 128) * TOKENS
# Of the image tower, a convolution of 4 x 4 x 3 to 8 channels at 2 x 2 places.
IMAGE_FLOPS = 2 * 48 * 8 * 4


def image_backbone(dropout=0.0):
    """A small convolutional backbone with batch statistics: (8, 8, 3) -> (2, 2, 8)."""
    images = keras.Input((8, 8, 3), name="images")
    features = keras.layers.Conv2D(8, 4, strides=4, name="conv")(images)
    features = keras.layers.BatchNormalization(name="norm")(features)
    features = keras.layers.Dropout(dropout, name="dropout")(features)
    return keras.Model(images, features, name="image_backbone")


def hub_backbone():
    """A small backbone of keras-hub, which it saves as a preset: (8, 8, 3) -> (8, 8, 64)."""
    return keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64],
        stackwise_num_blocks=[1],
        stackwise_num_strides=[1],
        block_type="basic_block",
        image_shape=(8, 8, 3),
    )


def text_backbone(width=8):
    return keras_lit.backbones.TextTransformerBackbone(
        vocabulary_size=VOCABULARY_SIZE,
        max_length=TOKENS,
        hidden_dim=width,
        num_layers=1,
        num_heads=2,
        mlp_dim=16,
    )


def lit_model(tuning="Lu", dropout=0.0, seed=0, **kwargs):
    """A LiT model whose weights depend on `seed` alone, not on the backend."""
    model = keras_lit.LiTModel(
        image_tower=keras_lit.Tower(image_backbone(dropout), pooling="mean", name="image_tower"),
        text_tower=keras_lit.Tower(text_backbone(), pooling="last_token", name="text_tower"),
        tuning=tuning,
        **kwargs,
    )
    fill(model, seed)
    return model


def fill(model, seed=0):
    """Gives every weight of a model, but those of its head, a value from a seed."""
    random = np.random.default_rng(seed)
    for variable in model.weights:
        if "seed_generator" in variable.path or "temperature" in variable.path:
            continue
        if "variance" in variable.path:
            variable.assign(random.uniform(0.5, 1.5, variable.shape))
        else:
            variable.assign(random.normal(0, 0.3, variable.shape))


def pairs(num_pairs=24, seed=0):
    """Ready-made pairs as a dict of arrays."""
    random = np.random.default_rng(seed)
    return {
        "images": random.uniform(-1, 1, (num_pairs, 8, 8, 3)).astype("float32"),
        "token_ids": random.integers(0, VOCABULARY_SIZE, (num_pairs, TOKENS)).astype("int32"),
    }


def values(variables):
    """Copies variables to NumPy, by path."""
    return {v.path: np.array(keras.ops.convert_to_numpy(v)) for v in variables}
