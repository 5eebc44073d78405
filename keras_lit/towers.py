"""Images or token ids -> unit-norm embeddings (batch, dim): backbone, pooling, projection, norm."""

import keras
from keras import ops
from keras_hub.src.utils import preset_utils

from keras_lit import distribution, micro_batches, preset_names
from keras_lit.backbone_inputs import BackboneInputs
from keras_lit.backbones import EncoderBackbone
from keras_lit.backbones.backbone import with_dtype
from keras_lit.layers import pooling as pooling_layers
from keras_lit.layers.unit_norm import unit_norm
from keras_lit.tuning.lockable_model import LockableModel


@keras.saving.register_keras_serializable(package="keras_lit")
class Tower(LockableModel):
    """Half of a LiT model: backbone, pooling, optional projection -> unit-norm embeddings.

    A backbone with one input is called with it. A backbone with a dict of inputs is called with
    those it names out of `token_ids`, `padding_mask` and `segment_ids` (zeros where not given).
    Pooling is told about padding exactly when the backbone is, that is when it has an input
    `padding_mask`: a backbone that attends to padding is pooled over it too.

    Args:
        backbone: A functional `keras.Model`, e.g. any `keras_hub.models.Backbone` or
            `keras_lit.backbones` class.
        pooling: How the backbone's output becomes one vector: `"class_token"`, `"last_token"`,
            `"mean"`, `"max"`, `"attention"`, a `keras.layers.Layer`, or `None` where the backbone
            returns `(batch, dim)` itself.
        projection_dim: Integer, size of a linear projection after pooling. `None`: no projection.
        name: String.
        lock: `keras_lit.tuning.Lock`, what of the tower is locked. `None`: nothing.

    Call arguments:
        inputs: The backbone's input, or a dict that contains its inputs.
        training: Boolean. A tower under a lock always runs as in inference.

    Returns:
        Float32 tensor `(batch, dim)`, rows of length 1.

    Raises:
        ValueError: If the backbone is not built, an input is missing, `pooling` does not fit the
            backbone's output, or `lock` does not fit the tower.

    Example:

    ```python
    import keras
    import keras_lit

    images = keras.Input((32, 32, 3))
    backbone = keras.Model(images, keras.layers.Conv2D(8, 4, strides=4)(images))
    tower = keras_lit.Tower(backbone, pooling="mean", projection_dim=16)
    tower(keras.random.uniform((2, 32, 32, 3), -1, 1)).shape  # (2, 16)
    ```

    Reference:
        - [LiT, section 3](https://arxiv.org/abs/2111.07991)
    """

    def __init__(self, backbone, pooling=None, projection_dim=None, name=None, lock=None):
        super().__init__(name=name)
        if not getattr(backbone, "inputs", None):
            raise ValueError(
                "`backbone` must be a functional keras.Model, whose inputs are known. Received: "
                f"backbone={backbone!r}. Wrap a subclassed one: `keras.Model(inputs, net(inputs))` "
                "with `inputs = keras.Input(...)`."
            )
        if projection_dim is not None and not projection_dim > 0:
            raise ValueError(f"`projection_dim` must be > 0. Received: {projection_dim}.")
        if isinstance(backbone.input, dict) and "encoder_token_ids" in backbone.input:
            backbone = EncoderBackbone(backbone)
        self.backbone = backbone
        self.pooling = pooling_layers.get_pooling(pooling)
        self.projection_dim = projection_dim
        self.projection = None
        if projection_dim is not None:
            self.projection = keras.layers.Dense(
                projection_dim, dtype=backbone.dtype_policy, name="projection"
            )
        self._pooling_config = pooling
        self.micro_batch_size = None  # Set by `LiTModel.compile`.
        self.backbone_inputs = BackboneInputs(backbone, f"tower '{self.name}'")
        # On symbolic features, so that pooling and projection are built and fit the backbone.
        self._embedding_dim = self._embed(backbone.output, backbone.input).shape[-1]
        self.built = True
        if lock is not None:
            self.apply_lock(lock)

    def build(self, input_shape=None):
        self.built = True

    @property
    def embedding_dim(self):
        """Length of the embeddings."""
        return self._embedding_dim

    def at_image_shape(self, image_shape):
        """Returns a copy for images of another size, learned positions resampled.

        Args:
            image_shape: (height, width, channels) of the new images.

        Raises:
            ValueError: If the backbone is none of `keras_lit.backbones`, or fits one size alone.
        """
        if not hasattr(self.backbone, "at_image_shape"):
            raise ValueError(
                f"The backbone of tower '{self.name}' has no `at_image_shape`; those of keras-hub "
                "take the size when they load: `from_preset(name, image_shape=...)`."
            )
        resized = {**self.get_config(), "backbone": self.backbone.at_image_shape(image_shape)}
        tower = type(self).from_config(resized)
        for part in ("pooling", "projection"):
            if getattr(self, part) is not None:
                getattr(tower, part).set_weights(getattr(self, part).get_weights())
        return tower

    def call(self, inputs, training=None):
        selected = self.backbone_inputs.select(inputs)
        # Dropout and batch statistics would otherwise follow the outer model into training.
        mode = training if self._applied_lock is None else False

        def embed(selected):
            return self._embed(self.backbone(selected, training=mode), selected)

        if self.micro_batch_size is None:
            embeddings = embed(selected)
        else:
            embeddings = micro_batches.map_layer(
                self, embed, selected, self.micro_batch_size, training
            )
        return ops.stop_gradient(embeddings) if self.locked else embeddings

    def make_predict_function(self, force=False):
        is_new = self.predict_function is None or force
        super().make_predict_function(force=force)
        if is_new:
            self.predict_function = distribution.gather_predictions(self.predict_function)

    def compute_output_spec(self, inputs, training=None):
        batch = keras.tree.flatten(self.backbone_inputs.select(inputs))[0].shape[0]
        return keras.KerasTensor((batch, self._embedding_dim), dtype="float32")

    def _embed(self, outputs, selected):
        """Returns the embeddings of what the backbone made of the selected inputs."""
        features = self._features(outputs)
        if self.pooling is not None:
            mask = selected.get("padding_mask") if isinstance(selected, dict) else None
            masked = {} if mask is None else {"padding_mask": mask}
            features = self.pooling(features, **masked)
        if len(features.shape) != 2:
            raise ValueError(
                f"`pooling={self._pooling_config!r}` leaves the output of tower '{self.name}' with "
                f"shape {tuple(features.shape)}, expected (batch, dim). Pass a pooling such as "
                "'class_token', 'mean' or 'last_token'."
            )
        if self.projection is not None:
            features = self.projection(features)
        return unit_norm(features)

    def _features(self, outputs):
        """Returns the one tensor to pool out of what the backbone returns."""
        if not isinstance(outputs, dict):
            return outputs
        wanted = "pooled_output" if self.pooling is None else "sequence_output"
        if wanted not in outputs:
            raise ValueError(
                f"With pooling={self._pooling_config!r}, tower '{self.name}' reads '{wanted}' of "
                f"its backbone, which returns {sorted(outputs)}. Wrap the backbone in a "
                "keras.Model that returns the one tensor to read."
            )
        return outputs[wanted]

    def get_config(self):
        pooling = self._pooling_config
        if isinstance(pooling, keras.layers.Layer):
            pooling = keras.saving.serialize_keras_object(pooling)
        return {
            "backbone": keras.saving.serialize_keras_object(self.backbone),
            "pooling": pooling,
            "projection_dim": self.projection_dim,
            "name": self.name,
            "lock": keras.saving.serialize_keras_object(self._applied_lock),
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        config["backbone"] = with_dtype(config["backbone"], config.pop("dtype", None))
        for key in ("backbone", "pooling", "lock"):
            if isinstance(config.get(key), dict):
                config[key] = keras.saving.deserialize_keras_object(config[key])
        return cls(**config)

    @classmethod
    def from_preset(cls, preset, load_weights=True, dtype=None):
        """Loads a published image tower, or a tower written by `save_to_preset`.

        A backbone's preset, or a Hugging Face model for which keras-hub has a converter, goes
        through the backbone: `Tower(keras_hub.models.Backbone.from_preset(...), pooling=...)`.

        Args:
            preset: The name of a published preset (see `keras_lit.list_presets`), which is
                downloaded and converted on first use; or a local folder.
            load_weights: Boolean. `False` leaves the weights at their random start, and downloads
                nothing.
            dtype: The dtype policy of the backbone. `None`: as saved.

        Returns:
            A `Tower`.

        Raises:
            ValueError: If the preset is missing, damaged or of another class.
        """
        folder = preset_names.folder_of(preset, "Tower", load_weights)
        try:
            loader = preset_utils.get_preset_loader(folder)
            tower_class = loader.check_backbone_class()
            if not issubclass(tower_class, cls):
                raise ValueError(
                    f"it holds a {tower_class.__name__}, not a Tower. Wrap a backbone: "
                    f"`Tower(keras_hub.models.Backbone.from_preset({str(preset)!r}), pooling=...)`."
                )
            return loader.load_backbone(tower_class, load_weights, dtype=dtype)
        except (OSError, KeyError, UnicodeDecodeError, ValueError) as error:
            raise ValueError(f"Cannot load the preset '{preset}' as a Tower: {error}") from error

    def save_to_preset(self, preset_dir, max_shard_size=10):
        """Saves architecture and weights into a folder, for `from_preset`.

        Args:
            preset_dir: Path of a folder.
            max_shard_size: Number, gigabytes per weights file.
        """
        saver = preset_utils.get_preset_saver(str(preset_dir))
        saver.save_backbone(self, max_shard_size=max_shard_size)
