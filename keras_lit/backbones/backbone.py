"""What the backbones of this package share: presets, and images of another size."""

import keras_hub
from keras_hub.src.utils import preset_utils


def with_dtype(serialized, dtype):
    """Returns the serialized form of a backbone with another dtype policy; `None`: as it is."""
    if dtype is None:
        return serialized
    return {**serialized, "config": {**serialized["config"], "dtype": dtype}}


class Backbone(keras_hub.models.Backbone):
    """A `keras_hub.models.Backbone` whose presets keep their dtypes, quantised ones too."""

    @classmethod
    def from_preset(cls, preset, load_weights=True, **kwargs):
        """Loads what `save_to_preset` wrote; arguments as for `keras_hub.models.Backbone`."""
        config = preset_utils.get_preset_loader(str(preset)).config
        # keras-hub puts `None` in its place, and then cannot load int8 into float32.
        kwargs.setdefault("dtype", config.get("config", {}).get("dtype"))
        return super().from_preset(str(preset), load_weights=load_weights, **kwargs)


class ImageBackbone(Backbone):
    """A backbone of images, whose constructor takes their `image_shape`."""

    def at_image_shape(self, image_shape):
        """Returns a copy for images of another size, learned positions resampled.

        Args:
            image_shape: (height, width, channels) of the new images.

        Raises:
            ValueError: the weights fit one size alone, as those of MLP-Mixer; or positions are
                learned and one of the two grids is not square.
        """
        resized = type(self).from_config({**self.get_config(), "image_shape": image_shape})
        for old, new in zip(self.weights, resized.weights, strict=True):
            new.assign(old if old.shape == new.shape else self._resized(old, new.shape))
        return resized

    def _resized(self, variable, shape):
        raise ValueError(
            f"The variable {variable.path!r} fits images of {self.image_shape} alone: its shape is "
            f"{tuple(variable.shape)}, and the new images need {tuple(shape)}. Resize the images, "
            "or take another backbone."
        )
