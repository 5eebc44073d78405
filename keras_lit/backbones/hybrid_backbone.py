"""Images (batch, height, width, 3) -> token features: a ResNet whose features a ViT reads."""

import keras

from keras_lit.backbones.backbone import ImageBackbone, with_dtype
from keras_lit.backbones.resnet_backbone import ResNetBackbone
from keras_lit.backbones.vit_backbone import ViTBackbone


@keras.saving.register_keras_serializable(package="keras_lit")
class HybridBackbone(ImageBackbone):
    """The hybrids R+ViT: the ViT's patches are cut from the ResNet's feature map.

    Args:
        resnet: `ResNetBackbone`.
        vit: `ViTBackbone` whose `image_shape` is the shape of the ResNet's feature map.
        dtype: dtype policy that the two backbones were made with; kept for the config.
        **kwargs: arguments of `keras.Model`, such as `name`.

    Call arguments:
        images: float tensor (batch, height, width, channels) in [-1, 1].

    Returns:
        Float tensor (batch, tokens, hidden_dim), the class token, if any, first.

    Raises:
        ValueError: the feature map of `resnet` is not the image of `vit`.

    Example:

    ```python
    import numpy as np
    from keras_lit.backbones import HybridBackbone, ResNetBackbone, ViTBackbone

    resnet = ResNetBackbone(stage_depths=(), width_factor=0.5, image_shape=(32, 32, 3))
    vit = ViTBackbone.from_variant("mu/4", image_shape=(8, 8, 32))
    HybridBackbone(resnet, vit)(np.zeros((1, 32, 32, 3), "float32"))  # (1, 5, 32)
    ```

    Reference:
        Steiner et al., How to train your ViT?, https://arxiv.org/abs/2106.10270.
    """

    def __init__(self, resnet, vit, dtype=None, **kwargs):
        if tuple(resnet.output.shape[1:]) != vit.image_shape:
            raise ValueError(
                "vit must read the feature map of resnet. Received vit.image_shape="
                f"{vit.image_shape} and a feature map {tuple(resnet.output.shape[1:])}. Build vit "
                "with the latter as its image_shape."
            )
        dtype = vit.dtype_policy if dtype is None else dtype
        images = keras.Input(resnet.image_shape, name="images")
        super().__init__(inputs=images, outputs=vit(resnet(images)), dtype=dtype, **kwargs)
        self.resnet = resnet
        self.vit = vit
        self.image_shape = resnet.image_shape

    def at_image_shape(self, image_shape):
        resnet = self.resnet.at_image_shape(image_shape)
        vit = self.vit.at_image_shape(tuple(resnet.output.shape[1:]))
        return type(self)(resnet, vit, name=self.name)

    def get_config(self):
        config = super().get_config()
        for name, part in (("resnet", self.resnet), ("vit", self.vit)):
            serialized = keras.saving.serialize_keras_object(part)
            config[name] = with_dtype(serialized, config["dtype"])
        return config

    @classmethod
    def from_config(cls, config):
        parts = {name: with_dtype(config[name], config.get("dtype")) for name in ("resnet", "vit")}
        parts = {n: keras.saving.deserialize_keras_object(part) for n, part in parts.items()}
        return super().from_config({**config, **parts})


def hybrid(variant, image_shape=(224, 224, 3), **kwargs):
    """Returns a published hybrid with new weights.

    Args:
        variant: string, `R<depth>+<size>/<stride>` such as `"R50+L/32"`, or `"R+Ti/16"`, a ViT on
            the ResNet's root alone.
        image_shape: (height, width, channels) of the images.
        **kwargs: further arguments of both backbones, such as `dtype`.

    Returns:
        A `HybridBackbone`.

    Raises:
        ValueError: the variant is unknown.

    Example:

    ```python
    from keras_lit.backbones import hybrid

    hybrid("R+Ti/16", image_shape=(64, 64, 3)).output_shape  # (None, 5, 192)
    ```

    Reference:
        `models.py` of the configs in https://github.com/google-research/vision_transformer.
    """
    if variant not in _HYBRIDS:
        raise ValueError(
            f"variant must be one of {sorted(_HYBRIDS)}. Received variant={variant!r}."
        )
    stage_depths, vit_variant = _HYBRIDS[variant]
    resnet = ResNetBackbone(stage_depths, image_shape=image_shape, name="resnet", **kwargs)
    features = tuple(resnet.output.shape[1:])
    vit = ViTBackbone.from_variant(vit_variant, image_shape=features, name="vit", **kwargs)
    return HybridBackbone(resnet, vit)


# name -> units per stage, ViT size and patch size on the feature map. The patches of R+Ti/16 are
# 8 x 8 on a map at a quarter of the resolution: a stride of 32, despite its name.
_HYBRIDS = {
    "R+Ti/16": ((), "Ti/8"),
    "R26+S/32": ((2, 2, 2, 2), "S/1"),
    "R26+B/32": ((2, 2, 2, 2), "B/1"),
    "R50+B/16": ((3, 4, 9), "B/1"),
    "R50+L/32": ((3, 4, 6, 3), "L/1"),
}
