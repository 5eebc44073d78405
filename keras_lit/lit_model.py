"""Images and captions -> unit-norm embeddings (batch, dim), tuned contrastively: the LiT model."""

import copy
import pathlib
import shutil
import tempfile

import keras
import keras_hub
import numpy as np

import keras_lit.backbones  # noqa: F401  Registers the backbones that a saved model may name.
from keras_lit import distribution, micro_batches, preprocessing
from keras_lit.layers import SimilarityHead
from keras_lit.losses import ContrastiveLoss
from keras_lit.preprocessing import batches as input_batches
from keras_lit.towers import Tower

_LETTERS = {"L": "locked", "U": "unlocked", "u": "unlocked, from scratch"}


def _with_backbone_dtype(tower_config, dtype):
    """Returns a serialized tower whose backbone has another dtype policy."""
    tower_config = copy.deepcopy(tower_config)
    tower_config["config"]["backbone"]["config"]["dtype"] = dtype
    return tower_config


@keras.saving.register_keras_serializable(package="keras_lit")
class LiTModel(keras_hub.models.Backbone):
    """Two towers that embed images and texts into one space, and a head that compares them.

    `fit` trains contrastively over the global batch, on any backend and any number of devices. A
    locked tower keeps every byte: its variables do not train, it runs as in inference, and no
    gradient enters it.

    Args:
        image_tower: `keras_lit.Tower`.
        text_tower: `keras_lit.Tower` with embeddings of the same length.
        preprocessor: `keras_lit.LiTPreprocessor` that turns raw images and strings into the towers'
            inputs. `None`: inputs come ready-made.
        tuning: Two letters, the image tower's and the text tower's, as in the paper: `"L"` locked,
            `"U"` unlocked, `"u"` unlocked and from scratch. `"U"` and `"u"` train alike: a letter
            never changes a weight, it records where the weights came from.
        head: `keras_lit.layers.SimilarityHead`. Defaults to temperature 10 without a bias.
        name: String.

    Call arguments:
        inputs: Dict of `images`, float `(batch, height, width, 3)` in [-1, 1], or
            `image_embeddings`, unit-norm `(batch, dim)` as read from a cache; and of the text
            tower's inputs, e.g. `token_ids` and `padding_mask`, int `(batch, length)`.
        training: Boolean.

    Returns:
        Dict of `image_embeddings` and `text_embeddings`, float32 `(batch, dim)`, whichever of the
        two the inputs allow.

    Raises:
        ValueError: On unknown letters, or towers whose embeddings differ in length.

    Example:

    ```python
    import keras
    import numpy as np
    import keras_lit

    images = keras.Input((32, 32, 3))
    image_backbone = keras.Model(images, keras.layers.Conv2D(8, 4, strides=4)(images))
    text_backbone = keras_lit.backbones.TextTransformerBackbone(
        vocabulary_size=50, max_length=4, hidden_dim=8, num_layers=1, num_heads=2, mlp_dim=16
    )
    model = keras_lit.LiTModel(
        image_tower=keras_lit.Tower(image_backbone, pooling="mean"),
        text_tower=keras_lit.Tower(text_backbone, pooling="last_token"),
        tuning="Lu",
    )
    model.compile(optimizer="adam", loss=keras_lit.losses.SoftmaxContrastiveLoss())
    pairs = {
        "images": np.random.uniform(-1, 1, (8, 32, 32, 3)).astype("float32"),
        "token_ids": np.random.randint(0, 50, (8, 4)),
    }
    model.fit(pairs, batch_size=4, verbose=0)
    ```

    Reference:
        - [LiT: Zero-Shot Transfer with Locked-image text Tuning](https://arxiv.org/abs/2111.07991)
    """

    def __init__(
        self, image_tower, text_tower, preprocessor=None, tuning="Lu", head=None, name=None
    ):
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
            **image_tower.symbolic_inputs("images"),
            **text_tower.symbolic_inputs("token_ids"),
        }
        outputs = {
            "image_embeddings": image_tower(inputs),
            "text_embeddings": text_tower(inputs),
        }
        super().__init__(inputs=inputs, outputs=outputs, name=name)
        self.image_tower = image_tower
        self.text_tower = text_tower
        self.preprocessor = preprocessor
        self.head = SimilarityHead() if head is None else head
        self.tuning = tuning
        self.contrastive_loss = None
        self._micro_batch_size = None
        self._accuracy = keras.metrics.Mean(name="accuracy")
        self._temperature = keras.metrics.Mean(name="temperature")

    @property
    def input_spec(self):
        # Any subset of the inputs will do, see `call`.
        return None

    @property
    def tuning(self):
        """The two letters of the paper; set them before `compile`."""
        return self._tuning

    @tuning.setter
    def tuning(self, value):
        if not isinstance(value, str) or len(value) != 2 or not set(value) <= set(_LETTERS):
            raise ValueError(
                f"`tuning` must be two letters, the image tower's and the text tower's, out of "
                f"{_LETTERS}. Received: tuning={value!r}. The paper's choice is 'Lu'."
            )
        self._tuning = value
        self._apply_tuning()

    def _apply_tuning(self):
        for tower, letter in zip((self.image_tower, self.text_tower), self._tuning, strict=True):
            tower.lock() if letter == "L" else tower.unlock()

    def _check_tuning(self):
        """Raises if a locked tower has a variable that would train."""
        for tower, letter in zip((self.image_tower, self.text_tower), self._tuning, strict=True):
            moving = tower.trainable_variables if letter == "L" else []
            if moving or tower.locked != (letter == "L"):
                raise ValueError(
                    f"tuning={self._tuning!r} locks the tower '{tower.name}', but it was unlocked "
                    f"afterwards ({len(moving)} variables would train). Set `model.tuning`, which "
                    "says what trains, and call `compile` again."
                )

    @property
    def temperature(self):
        """The factor that multiplies similarities, as a float."""
        distribution.sync_variables(self)
        return float(np.exp(keras.ops.convert_to_numpy(self.head.log_temperature)))

    def call(self, inputs, training=None):
        outputs = {}
        if "image_embeddings" in inputs:
            outputs["image_embeddings"] = keras.ops.cast(inputs["image_embeddings"], "float32")
        elif any(name in inputs for name in ("images", *self.image_tower.input_names)):
            outputs["image_embeddings"] = self.image_tower(inputs, training=training)
        if any(name in inputs for name in ("token_ids", *self.text_tower.input_names)):
            outputs["text_embeddings"] = self.text_tower(inputs, training=training)
        return outputs

    def compile(self, optimizer="adam", loss=None, micro_batch_size=None, **kwargs):
        """Configures the model for training.

        Args:
            optimizer: A `keras.optimizers.Optimizer`, or its name.
            loss: `keras_lit.losses.SoftmaxContrastiveLoss` or `SigmoidContrastiveLoss`.
            micro_batch_size: Integer, how many pairs of the global batch go through the towers at
                once. Memory shrinks with it; loss and gradients stay those of the whole batch, with
                all its negatives. It divides the batch, and the number of devices divides it.
                `None`: the whole batch.
            **kwargs: Other arguments of `keras.Model.compile`.

        Raises:
            ValueError: If `loss` is not contrastive, nothing is left to train, an option does not
                run on several replicas, or the model was built before `data_parallel()`.

        Reference:
            - [GradCache](https://arxiv.org/abs/2101.06983), for micro-batches.
        """
        if not isinstance(loss, ContrastiveLoss):
            raise ValueError(
                "`loss` must be a contrastive loss of `keras_lit.losses`. Received: "
                f"loss={loss!r}. Pass `keras_lit.losses.SoftmaxContrastiveLoss()`."
            )
        if self._tuning == "LL":
            raise ValueError(
                "tuning='LL' locks both towers and leaves nothing to train. Set "
                "`model.tuning = 'Lu'` to train the text tower."
            )
        self._apply_tuning()
        optimizer = keras.optimizers.get(optimizer)
        distribution.check_placement(self.variables)
        distribution.check_compile_options(optimizer, **kwargs)
        micro_batches.check_micro_batch_size(micro_batch_size)
        optimizer = distribution.with_dense_gradients(optimizer)
        super().compile(optimizer=optimizer, loss=None, **kwargs)
        self.contrastive_loss = loss
        self._micro_batch_size = micro_batch_size
        for tower in (self.image_tower, self.text_tower):
            tower.micro_batch_size = micro_batch_size

    def get_compile_config(self):
        config = super().get_compile_config()
        if config:
            config["loss"] = keras.saving.serialize_keras_object(self.contrastive_loss)
            config["micro_batch_size"] = self._micro_batch_size
        return config

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def _purge_model_variables(self, **kinds):
        # Keras on JAX takes the weights off the model before it reads the first batch; a data set
        # that raises there would leave a model without weights. The step donates them anyway.
        pass

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        images, texts = y_pred["image_embeddings"], y_pred["text_embeddings"]
        losses, correct = self.contrastive_loss.pair_losses(images, texts, self.head)
        self._accuracy.update_state(correct)
        self._temperature.update_state(keras.ops.exp(self.head.log_temperature))
        # The number of pairs of the global batch, which replicas may share unequally.
        num_pairs = keras.ops.shape(distribution.gather_batch(losses))[0]
        loss = keras.ops.sum(losses) / keras.ops.cast(num_pairs, losses.dtype)
        for regularization in self.losses:
            loss += distribution.replica_share(keras.ops.sum(regularization))
        return loss

    def fit(self, x=None, batch_size=None, validation_data=None, shuffle=True, **kwargs):
        """Trains on image-text pairs.

        Args:
            x: `tf.data.Dataset` (or another Keras data source) of batches, or a dict of arrays.
                Each batch is raw, `{"images": uint8, "captions": strings}`, or ready-made,
                `{"images": float, "token_ids": ..., "padding_mask": ...}`, where
                `image_embeddings` may stand for the images of a locked tower.
            batch_size: Integer, where `x` is a dict of arrays.
            validation_data: Like `x`.
            shuffle: Boolean, whether to shuffle a dict of arrays before each epoch.
            **kwargs: Other arguments of `keras.Model.fit`.

        Returns:
            A `keras.callbacks.History`.

        Raises:
            ValueError: If the model is not compiled, strings come without a preprocessor, a batch
                holds a single pair, or images are not what they must be.
        """
        self._check_compiled("fit")
        self._check_tuning()
        batches = self._batches(x, batch_size, shuffle)
        if self._micro_batch_size is not None:
            batches = input_batches.check_micro_batches(batches, self._micro_batch_size)
        if validation_data is not None:
            validation_data = self._batches(validation_data, batch_size, shuffle=False)
        with input_batches.clear_errors():
            # A tf.data.Dataset is shuffled where it is made, and Keras warns if asked to.
            return super().fit(
                batches, validation_data=validation_data, shuffle=shuffle and batches is x, **kwargs
            )

    def evaluate(self, x=None, batch_size=None, **kwargs):
        """Returns the contrastive loss and in-batch accuracy; arguments as for `fit`."""
        self._check_compiled("evaluate")
        if kwargs.get("_use_cached_eval_dataset"):
            return super().evaluate(x, **kwargs)
        return super().evaluate(self._batches(x, batch_size, shuffle=False), **kwargs)

    def predict(self, x, batch_size=None, **kwargs):
        """Returns a dict of unit-norm `image_embeddings` and `text_embeddings`, as NumPy arrays.

        Args:
            x: As for `fit`; images or captions may be left out.
            batch_size: Integer, where `x` is a dict of arrays.
            **kwargs: Other arguments of `keras.Model.predict`.
        """
        prepared = input_batches.prepare_batches(
            x, self.preprocessor, batch_size=batch_size, shuffle=False
        )
        return super().predict(prepared, **kwargs)

    def _check_compiled(self, method):
        if self.contrastive_loss is None:
            raise ValueError(
                f"Call `model.compile(optimizer='adam', "
                f"loss=keras_lit.losses.SoftmaxContrastiveLoss())` before `{method}`."
            )

    def _batches(self, x, batch_size, shuffle):
        prepared = input_batches.prepare_batches(
            x, self.preprocessor, batch_size=batch_size, shuffle=shuffle
        )
        return input_batches.check_pairs(prepared, image_tower_locked=self.image_tower.locked)

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
            texts = {name: texts[name] for name in self.text_tower.input_names if name in texts}
        return input_batches.check_token_ids(texts)

    def _encode(self, tower, examples, prepare, batch_size):
        if not batch_size > 0:
            raise ValueError(f"`batch_size` must be > 0. Received: batch_size={batch_size}.")
        distribution.sync_variables(self)
        num_examples = input_batches.num_rows(examples)
        embeddings = [np.zeros((0, tower.embedding_dim), "float32")]
        for start in range(0, num_examples, batch_size):
            chunk = prepare(input_batches.slice_rows(examples, start, start + batch_size))
            embeddings.append(
                input_batches.predict_padded(tower, chunk, distribution.num_replicas())
            )
        return np.concatenate(embeddings)

    def get_config(self):
        return {
            "image_tower": keras.saving.serialize_keras_object(self.image_tower),
            "text_tower": keras.saving.serialize_keras_object(self.text_tower),
            "preprocessor": keras.saving.serialize_keras_object(self.preprocessor),
            "tuning": self.tuning,
            "head": keras.saving.serialize_keras_object(self.head),
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        dtype = config.pop("dtype", None)
        if dtype is not None:
            for key in ("image_tower", "text_tower"):
                config[key] = _with_backbone_dtype(config[key], dtype)
        for key in ("image_tower", "text_tower", "preprocessor", "head"):
            if isinstance(config.get(key), dict):
                config[key] = keras.saving.deserialize_keras_object(config[key])
        return cls(**config)

    @classmethod
    def from_preset(cls, preset, load_weights=True, **kwargs):
        """Loads a model with its tokenizer and image preprocessing.

        Args:
            preset: A local folder written by `save_to_preset`, or a `kaggle://` or `hf://` handle.
            load_weights: Boolean. `False` leaves the weights at their random start.
            **kwargs: Constructor arguments that replace saved ones, e.g. `tuning="Uu"`; and
                `dtype`, the dtype policy of both backbones, e.g. `"bfloat16"`.

        Returns:
            A `LiTModel`.

        Raises:
            ValueError: If the preset is missing, damaged or of another class.
        """
        try:
            model = super().from_preset(str(preset), load_weights=load_weights, **kwargs)
            if model.preprocessor is not None:
                model.preprocessor.load_preset_assets(str(preset))
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


# So that keras-hub finds what belongs to a preset of this class: `LiTPreprocessor.from_preset`.
for part in (
    preprocessing.LiTPreprocessor,
    preprocessing.ImageConverter,
    preprocessing.SentencePieceTokenizer,
    preprocessing.WordPieceTokenizer,
):
    part.backbone_cls = LiTModel
