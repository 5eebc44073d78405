"""A folder of small image backbones -> one backbone: their feature maps side by side."""

import pathlib

import keras
import keras_hub

import keras_lit

SHIPPED_TOWER = pathlib.Path(keras_lit.__file__).parent / "presets" / "emoji_tower"


def load_image_backbone(folder=SHIPPED_TOWER, load_weights=True):
    """Loads the image backbone of the demo.

    Backbones that were trained apart make different mistakes, so together they tell more about
    unseen pictures than one of twice the size.

    Args:
        folder: Path of a folder that holds one keras-hub preset per backbone, all of one image
            size: what `examples/pretrain_emoji_tower.py` wrote.
        load_weights: Whether to load the trained weights; they are random otherwise.

    Returns:
        `keras.Model`, images `(batch, height, width, 3)` in `[-1, 1]` -> feature map
        `(batch, map height, map width, dim)`.

    Raises:
        ValueError: If there is no such preset.
    """
    presets = sorted(path.parent for path in pathlib.Path(folder).glob("*/config.json"))
    if not presets:
        raise ValueError(f"`folder` holds no folder with a preset. Received: folder='{folder}'")
    backbones = [
        keras_hub.models.Backbone.from_preset(
            # The weights are shipped as float16, for room; they are computed with as float32.
            str(preset),
            load_weights=load_weights,
            dtype="float32",
            name=f"backbone_{preset.name}",
        )
        for preset in presets
    ]
    images = keras.Input(backbones[0].input.shape[1:], name="images")
    features = keras.layers.Concatenate(name="features")([model(images) for model in backbones])
    return keras.Model(images, features, name="emoji_tower")
