"""Images (batch, height, width, 3) -> token features (batch, tokens, hidden_dim): the ViT."""

import keras

from keras_lit.backbones.backbone import ImageBackbone
from keras_lit.backbones.sizes import TRANSFORMER_SIZES, patch_variant
from keras_lit.layers import (
    ClassToken,
    LearnedPositions,
    PatchEmbedding,
    SinCosPositions,
    TransformerBlock,
    resample_positions,
)
from keras_lit.layers.patch_embedding import as_pair, patch_grid
from keras_lit.layers.transformer_block import LAYER_NORM_EPSILON


@keras.saving.register_keras_serializable(package="keras_lit")
class ViTBackbone(ImageBackbone):
    """Vision Transformer with the original's numbers: tanh GELU, LayerNorm epsilon 1e-6.

    The output is the token sequence after the final LayerNorm; pooling is the `Tower`'s.

    `embeddings` lists what is added to the patch tokens, in this order:

    - `("class_token", "learned")`: ViT, AugReg and LiT; the class token has a position, too.
    - `("learned", "class_token")`: Big Vision with a class token, which has no position.
    - `("learned",)`: without class token, for mean, attention or first-token pooling.
    - `("sincos2d",)`: fixed positions without weights.

    Args:
        image_shape: (height, width, channels) of the images.
        patch_size: int or (height, width). Size of a patch in pixels.
        hidden_dim: int. Width of the tokens; a multiple of `num_heads`.
        num_layers: int. Number of transformer blocks.
        num_heads: int. Number of attention heads.
        mlp_dim: int. Hidden width of the MLPs.
        embeddings: sequence of `"class_token"` and at most one of `"learned"` and `"sincos2d"`.
        dtype: dtype or dtype policy of the layers.
        **kwargs: arguments of `keras.Model`, such as `name`.

    Call arguments:
        images: float tensor (batch, height, width, channels) in [-1, 1].

    Returns:
        Float tensor (batch, tokens, hidden_dim), the class token, if any, first.

    Raises:
        ValueError: `embeddings` holds unknown or repeated names, or the image no patch.

    Example:

    ```python
    import numpy as np
    from keras_lit.backbones import ViTBackbone

    backbone = ViTBackbone.from_variant("mu/16", image_shape=(32, 32, 3))
    backbone(np.zeros((1, 32, 32, 3), "float32"))  # (1, 5, 32)
    ```

    Reference:
        Dosovitskiy et al., https://arxiv.org/abs/2010.11929;
        https://github.com/google-research/vision_transformer.
    """

    def __init__(
        self,
        image_shape,
        patch_size,
        hidden_dim,
        num_layers,
        num_heads,
        mlp_dim,
        embeddings=("class_token", "learned"),
        dtype=None,
        **kwargs,
    ):
        image_shape, patch_size = tuple(image_shape), as_pair(patch_size)
        embeddings = tuple(embeddings)
        _check_embeddings(embeddings)
        grid = patch_grid(image_shape[:2], patch_size)
        make_layer = {
            "class_token": lambda: ClassToken(dtype=dtype, name="class_token"),
            "learned": lambda: LearnedPositions(dtype=dtype, name="positions"),
            "sincos2d": lambda: SinCosPositions(grid, dtype=dtype, name="positions"),
        }

        images = keras.Input(image_shape, name="images")
        x = PatchEmbedding(hidden_dim, patch_size, dtype=dtype, name="patch_embedding")(images)
        for name in embeddings:
            x = make_layer[name]()(x)
        for index in range(num_layers):
            x = TransformerBlock(num_heads, mlp_dim, dtype=dtype, name=f"block_{index}")(x)
        x = keras.layers.LayerNormalization(
            epsilon=LAYER_NORM_EPSILON, dtype=dtype, name="encoder_norm"
        )(x)
        super().__init__(inputs=images, outputs=x, dtype=dtype, **kwargs)

        self.image_shape = image_shape
        self.patch_size = patch_size
        self.hidden_dim = hidden_dim
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.mlp_dim = mlp_dim
        self.embeddings = embeddings

    @classmethod
    def from_variant(cls, variant, image_shape=(224, 224, 3), **kwargs):
        """Returns a backbone of a published size with new weights.

        Args:
            variant: string, `<size>/<patch size>`, such as `"B/16"`; the sizes are mu, Ti, S, M,
                B, L, So400m, H, g, g-opt, G, G-opt and e.
            image_shape: (height, width, channels) of the images.
            **kwargs: further arguments of the constructor, such as `embeddings`.

        Raises:
            ValueError: the variant is unknown.
        """
        return cls(image_shape, **patch_variant(variant, TRANSFORMER_SIZES), **kwargs)

    def _resized(self, variable, shape):
        if variable.name != "positions":
            return super()._resized(variable, shape)
        return resample_positions(variable, shape[1], self.num_class_positions)

    @property
    def num_class_positions(self):
        """How many learned positions belong to the class token rather than to a patch."""
        steps = self.embeddings
        return int(steps[:1] == ("class_token",) and "learned" in steps)

    def get_config(self):
        return {
            **super().get_config(),
            "image_shape": self.image_shape,
            "patch_size": self.patch_size,
            "hidden_dim": self.hidden_dim,
            "num_layers": self.num_layers,
            "num_heads": self.num_heads,
            "mlp_dim": self.mlp_dim,
            "embeddings": self.embeddings,
        }


def _check_embeddings(embeddings):
    names = ("class_token", "learned", "sincos2d")
    both_positions = {"learned", "sincos2d"} <= set(embeddings)
    repeated = len(set(embeddings)) < len(embeddings)
    if not set(embeddings) <= set(names) or repeated or both_positions:
        raise ValueError(
            'embeddings must hold "class_token" and at most one of "learned" and "sincos2d", each '
            f"once, in the order in which they are added. Received embeddings={embeddings!r}."
        )
    if embeddings[:1] == ("class_token",) and "sincos2d" in embeddings:
        raise ValueError(
            "sincos2d positions belong to patches only. Received "
            f'embeddings={embeddings!r}. Put "class_token" after "sincos2d".'
        )
