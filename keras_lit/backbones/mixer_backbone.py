"""Images (batch, height, width, 3) -> token features (batch, tokens, hidden_dim): MLP-Mixer."""

import keras

from keras_lit.backbones.backbone import ImageBackbone
from keras_lit.backbones.sizes import MIXER_SIZES, patch_variant
from keras_lit.layers import MixerBlock, PatchEmbedding
from keras_lit.layers.patch_embedding import as_pair
from keras_lit.layers.transformer_block import LAYER_NORM_EPSILON


@keras.saving.register_keras_serializable(package="keras_lit")
class MixerBackbone(ImageBackbone):
    """MLP-Mixer; the original averages its tokens (`pooling="mean"`).

    The MLPs over tokens fix the number of patches: a trained Mixer has one resolution.

    Args:
        image_shape: (height, width, channels) of the images.
        patch_size: int or (height, width). Size of a patch in pixels.
        hidden_dim: int. Width of the tokens.
        num_layers: int. Number of Mixer blocks.
        token_mlp_dim: int. Hidden width of the MLPs over the tokens.
        channel_mlp_dim: int. Hidden width of the MLPs over the channels.
        dtype: dtype or dtype policy of the layers.
        **kwargs: arguments of `keras.Model`, such as `name`.

    Call arguments:
        images: float tensor (batch, height, width, channels) in [-1, 1].

    Returns:
        Float tensor (batch, tokens, hidden_dim).

    Raises:
        ValueError: the image holds no patch.

    Example:

    ```python
    import numpy as np
    from keras_lit.backbones import MixerBackbone

    backbone = MixerBackbone(
        image_shape=(32, 32, 3),
        patch_size=16,
        hidden_dim=8,
        num_layers=1,
        token_mlp_dim=4,
        channel_mlp_dim=16,
    )
    backbone(np.zeros((1, 32, 32, 3), "float32"))  # (1, 4, 8)
    ```

    Reference:
        Tolstikhin et al., MLP-Mixer, https://arxiv.org/abs/2105.01601.
    """

    def __init__(
        self,
        image_shape,
        patch_size,
        hidden_dim,
        num_layers,
        token_mlp_dim,
        channel_mlp_dim,
        dtype=None,
        **kwargs,
    ):
        image_shape, patch_size = tuple(image_shape), as_pair(patch_size)
        images = keras.Input(image_shape, name="images")
        x = PatchEmbedding(hidden_dim, patch_size, dtype=dtype, name="patch_embedding")(images)
        for index in range(num_layers):
            x = MixerBlock(token_mlp_dim, channel_mlp_dim, dtype=dtype, name=f"block_{index}")(x)
        x = keras.layers.LayerNormalization(
            epsilon=LAYER_NORM_EPSILON, dtype=dtype, name="encoder_norm"
        )(x)
        super().__init__(inputs=images, outputs=x, dtype=dtype, **kwargs)

        self.image_shape = image_shape
        self.patch_size = patch_size
        self.hidden_dim = hidden_dim
        self.num_layers = num_layers
        self.token_mlp_dim = token_mlp_dim
        self.channel_mlp_dim = channel_mlp_dim

    @classmethod
    def from_variant(cls, variant, image_shape=(224, 224, 3), **kwargs):
        """Returns a backbone of a published size with new weights.

        Args:
            variant: string, `<size>/<patch size>`, such as `"B/16"`; the sizes are S, B, L and H.
            image_shape: (height, width, channels) of the images.
            **kwargs: further arguments of the constructor.

        Raises:
            ValueError: the variant is unknown.
        """
        return cls(image_shape, **patch_variant(variant, MIXER_SIZES), **kwargs)

    def get_config(self):
        return {
            **super().get_config(),
            "image_shape": self.image_shape,
            "patch_size": self.patch_size,
            "hidden_dim": self.hidden_dim,
            "num_layers": self.num_layers,
            "token_mlp_dim": self.token_mlp_dim,
            "channel_mlp_dim": self.channel_mlp_dim,
        }
