"""Images and texts -> unit-norm embeddings (batch, dim) in one space: two towers and a head."""

import pathlib
import shutil
import tempfile

import keras
import keras_hub
import numpy as np

import keras_lit.backbones  # noqa: F401  Registers the backbones that a saved model may name.
from keras_lit import distribution, preset_names
from keras_lit.backbones.backbone import with_dtype
from keras_lit.layers import SimilarityHead
from keras_lit.preprocessing import batches as input_batches
from keras_lit.preprocessing import shares
from keras_lit.preprocessing.vocabulary import check_vocabulary_fits
from keras_lit.towers import Tower


class DualEncoder(keras_hub.models.Backbone):
    """The part of `LiTModel` that embeds, saves and loads; training is in `LiTModel`.

    Args:
        image_tower: `keras_lit.Tower`.
        text_tower: `keras_lit.Tower` with embeddings of the same length.
        preprocessor: `keras_lit.LiTPreprocessor` or `None`.
        head: `keras_lit.layers.SimilarityHead`. Defaults to temperature 10 without a bias.
        name: String.
    """

    def __init__(self, image_tower, text_tower, preprocessor=None, head=None, name=None):
        for argument, tower in (("image_tower", image_tower), ("text_tower", text_tower)):
            if not isinstance(tower, Tower):
                raise ValueError(
                    f"`{argument}` must be a `keras_lit.Tower`. Received: {tower!r}. Wrap a "
                    "backbone: `keras_lit.Tower(backbone, pooling='mean')`."
                )
        if image_tower.embedding_dim != text_tower.embedding_dim:
            raise ValueError(
                "Both towers must embed into the same space. Received: image_tower with "
                f"{image_tower.embedding_dim} dimensions, text_tower with "
                f"{text_tower.embedding_dim}. Pass `projection_dim={image_tower.embedding_dim}` to "
                "the text tower."
            )
        inputs = {
            **image_tower.backbone_inputs.symbolic("images"),
            **text_tower.backbone_inputs.symbolic("token_ids"),
        }
        outputs = {
            "image_embeddings": image_tower(inputs),
            "text_embeddings": text_tower(inputs),
        }
        super().__init__(inputs=inputs, outputs=outputs, name=name)
        self.image_tower = image_tower
        self.text_tower = text_tower
        self.preprocessor = preprocessor
        self._check_vocabulary()
        self.head = SimilarityHead() if head is None else head

    def _check_vocabulary(self):
        tokenizer = getattr(self.preprocessor, "tokenizer", None)
        table = getattr(self.text_tower.backbone, "token_embedding", None)
        # A tokenizer that is being loaded gets its vocabulary later.
        is_known = getattr(tokenizer, "vocabulary", None) or getattr(tokenizer, "proto", None)
        if is_known and table is not None:
            check_vocabulary_fits(tokenizer, table.input_dim)

    @property
    def input_spec(self):
        # Any subset of the inputs will do, see `call`.
        return None

    @property
    def temperature(self):
        """The factor that multiplies similarities, as a float."""
        distribution.sync_variables(self)
        return float(np.exp(keras.ops.convert_to_numpy(self.head.log_temperature)))

    def call(self, inputs, training=None):
        outputs = {}
        if "image_embeddings" in inputs:
            if training and not self.image_tower.locked:
                raise ValueError(
                    "Stored `image_embeddings` stand for an image tower that is locked whole, and "
                    f"'{self.image_tower.name}' trains now. Read images instead."
                )
            outputs["image_embeddings"] = keras.ops.cast(inputs["image_embeddings"], "float32")
        elif any(name in inputs for name in ("images", *self.image_tower.backbone_inputs.names)):
            outputs["image_embeddings"] = self.image_tower(inputs, training=training)
        if any(name in inputs for name in ("token_ids", *self.text_tower.backbone_inputs.names)):
            outputs["text_embeddings"] = self.text_tower(inputs, training=training)
        if shares.PAIR_MASK in inputs:
            outputs[shares.PAIR_MASK] = inputs[shares.PAIR_MASK]
        return outputs

    def encode_images(self, images, batch_size=64):
        """Embeds images.

        Args:
            images: uint8 `(batch, height, width, 3)`, or a list of such arrays or of paths. Without
                a preprocessor: float `(batch, height, width, 3)` in [-1, 1].
            batch_size: Integer, the largest number of images that go through the tower at once.

        Returns:
            Float32 NumPy array `(batch, dim)`, rows of length 1.
        """
        return self._encode(self.image_tower, images, self._convert_images, batch_size)

    def encode_texts(self, texts, batch_size=256):
        """Embeds texts.

        Args:
            texts: List of strings. Without a preprocessor: the text tower's inputs.
            batch_size: Integer, the largest number of texts that go through the tower at once.

        Returns:
            Float32 NumPy array `(batch, dim)`, rows of length 1.
        """
        if isinstance(texts, str):
            raise ValueError(f"`texts` must be a list of strings. Received: {texts!r}. Use [text].")
        return self._encode(self.text_tower, texts, self._tokenize, batch_size)

    def _convert_images(self, images):
        if self.preprocessor is not None and self.preprocessor.image_converter is not None:
            return self.preprocessor.convert_images(images)
        return input_batches.check_float_images(np.asarray(images))

    def _tokenize(self, texts):
        if self.preprocessor is not None and self.preprocessor.tokenizer is not None:
            return self.preprocessor.tokenize_captions(texts)
        if isinstance(texts, dict):
            texts = {
                name: texts[name] for name in self.text_tower.backbone_inputs.names if name in texts
            }
        return input_batches.check_token_ids(texts)

    def _encode(self, tower, examples, prepare, batch_size):
        if not batch_size > 0:
            raise ValueError(f"`batch_size` must be > 0. Received: batch_size={batch_size}.")
        distribution.sync_variables(self)
        num_examples = input_batches.num_rows(examples)
        embeddings = [np.zeros((0, tower.embedding_dim), "float32")]
        for start in range(0, num_examples, batch_size):
            chunk = prepare(input_batches.slice_rows(examples, start, start + batch_size))
            embeddings.append(shares.predict_rows(tower, chunk))
        return np.concatenate(embeddings)

    def enable_lora(self, rank, target_layer_names=None):
        """Adds low-rank adapters to the towers that train, in place of their backbones.

        A tower with a lock gets none. Poolings, projections and the temperature train as before.
        Saving adds the adapters to what they adapt. Call `compile` afterwards.

        Args:
            rank: Integer, the rank of the adapters.
            target_layer_names: List of strings, the layers that get one. `None`: each backbone's
                choice, for most the queries and values of its attention.

        Raises:
            ValueError: As `Tower.enable_lora`, or if both towers are locked.

        Reference:
            - [LoRA](https://arxiv.org/abs/2106.09685)
        """
        unlocked = [tower for tower in self._towers if tower.applied_lock is None]
        if not unlocked:
            raise ValueError(
                "Both towers are locked, so adapters would never train. Set `model.tuning = 'LU'` "
                "first to tune the text tower."
            )
        for tower in unlocked:
            tower.enable_lora(rank, target_layer_names)
        # Where `save_lora_weights` of keras-hub looks for them.
        layers = [layer for layer in self._flatten_layers(include_self=False) if layer.weights]
        adapted = [getattr(layer, "lora_enabled", False) for layer in layers]
        self._lora_rank = rank
        self._lora_enabled_layers = [index for index, has_lora in enumerate(adapted) if has_lora]

    def quantize(self, mode=None, config=None, filters=None, **kwargs):
        """Quantises the backbones of both towers; arguments as for `keras.Model.quantize`.

        Of one tower: `model.image_tower.quantize("int8")`. Call `compile` afterwards.
        """
        for tower in self._towers:
            tower.quantize(mode, config=config, filters=filters, **kwargs)
        self.train_function = self.test_function = self.predict_function = None

    @property
    def _towers(self):
        return (self.image_tower, self.text_tower)

    def get_config(self):
        return {
            "image_tower": keras.saving.serialize_keras_object(self.image_tower),
            "text_tower": keras.saving.serialize_keras_object(self.text_tower),
            "preprocessor": keras.saving.serialize_keras_object(self.preprocessor),
            "head": keras.saving.serialize_keras_object(self.head),
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        dtype = config.pop("dtype", None)
        for key in ("image_tower", "text_tower"):
            config[key] = with_dtype(config[key], dtype)  # which the tower passes on
        for key in ("image_tower", "text_tower", "preprocessor", "head"):
            if isinstance(config.get(key), dict):
                config[key] = keras.saving.deserialize_keras_object(config[key])
        return cls(**config)

    @classmethod
    def from_preset(cls, preset, load_weights=True, **kwargs):
        """Loads a model with its tokenizer and image preprocessing.

        Args:
            preset: The name of a published preset (see `keras_lit.list_presets`), which is
                downloaded and converted on first use; a local folder written by `save_to_preset`;
                or a `kaggle://` or `hf://` handle.
            load_weights: Boolean. `False` leaves the weights at their random start, and downloads
                nothing: a published preset then has no tokenizer unless it was loaded before.
            **kwargs: Constructor arguments that replace saved ones, e.g. `tuning="Uu"`; and
                `dtype`, the dtype policy of both backbones, e.g. `"bfloat16"`.

        Returns:
            A `LiTModel`.

        Raises:
            ValueError: If the preset is missing, damaged or of another class.
        """
        folder = preset_names.folder_of(preset, "LiTModel", load_weights)
        try:
            model = super().from_preset(folder, load_weights=load_weights, **kwargs)
            if model.preprocessor is not None:
                model.preprocessor.load_preset_assets(folder)
                model._check_vocabulary()
        except (OSError, KeyError, UnicodeDecodeError, ValueError) as error:
            raise ValueError(
                f"Cannot load the preset '{preset}': {error} If the folder is damaged or was "
                "copied in part, write it again with `model.save_to_preset()`."
            ) from error
        return model

    def save_to_preset(self, preset_dir, max_shard_size=10):
        """Saves architecture, weights, tokenizer and image preprocessing into a folder.

        All files are written beside the folder first, so that a failure leaves an older preset of
        the same name as it was.

        Args:
            preset_dir: Path of a folder.
            max_shard_size: Number, gigabytes per weights file.

        Raises:
            OSError: If the folder cannot be written.
        """
        target = pathlib.Path(preset_dir)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as folder:
            super().save_to_preset(folder, max_shard_size=max_shard_size)
            if self.preprocessor is not None:
                self.preprocessor.save_to_preset(folder)
            target.mkdir(exist_ok=True)
            for stale in target.glob("model*.weights.*"):
                stale.unlink()
            for path in sorted(pathlib.Path(folder).rglob("*")):
                if path.is_file():
                    place = target / path.relative_to(folder)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    shutil.move(path, place)
