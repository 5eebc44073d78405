"""Image-text pairs -> two towers tuned contrastively into one space: the LiT model."""

import keras

from keras_lit import distribution, micro_batches, preprocessing
from keras_lit.fit_logs import without_logs
from keras_lit.losses import ContrastiveLoss
from keras_lit.optimizers.checks import check_optimizer
from keras_lit.preprocessing import batches as input_batches
from keras_lit.preprocessing import shares
from keras_lit.tuned_encoder import TunedEncoder, TuningCheck


@keras.saving.register_keras_serializable(package="keras_lit")
class LiTModel(TunedEncoder):
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
            `"U"` unlocked, `"u"` unlocked and from scratch. A letter never changes a weight:
            `reinitialize(seed)` draws those of a tower with `"u"` anew. A tower locked in part,
            `tower.lock(keep_last=2)`, goes by `"L"` as well.
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
        super().__init__(image_tower, text_tower, preprocessor, tuning, head, name)
        self.contrastive_loss = None
        self._micro_batch_size = None
        self._jit_compile_argument = "auto"
        self._loss = keras.metrics.Mean(name="loss")
        self._accuracy = keras.metrics.Mean(name="accuracy")
        self._temperature = keras.metrics.Mean(name="temperature")

    def compile(
        self, optimizer="adam", loss=None, micro_batch_size=None, jit_compile="auto", **kwargs
    ):
        """Configures the model for training.

        Args:
            optimizer: A `keras.optimizers.Optimizer`, or its name.
            loss: `keras_lit.losses.SoftmaxContrastiveLoss` or `SigmoidContrastiveLoss`.
            micro_batch_size: Integer, how many pairs of the global batch go through the towers at
                once. Memory shrinks with it; loss and gradients stay those of the whole batch, with
                all its negatives. It divides the batch, and the number of devices divides it.
                `None`: the whole batch.
            jit_compile: Boolean, or `"auto"`: with XLA wherever the backend can, on TensorFlow also
                on CPUs, which Keras leaves out.
            **kwargs: Other arguments of `keras.Model.compile`.

        Raises:
            ValueError: If `loss` is not contrastive, the learning rate is 0 or NaN, nothing is left
                to train, letters and locks contradict each other, an option does not run on several
                replicas, or the model was built before `data_parallel()`.

        Reference:
            - [GradCache](https://arxiv.org/abs/2101.06983), for micro-batches.
        """
        if not isinstance(loss, ContrastiveLoss):
            raise ValueError(
                "`loss` must be a contrastive loss of `keras_lit.losses`. Received: "
                f"loss={loss!r}. Pass `keras_lit.losses.SoftmaxContrastiveLoss()`."
            )
        self._prepare_to_train()
        optimizer = keras.optimizers.get(optimizer)
        check_optimizer(optimizer)
        distribution.check_placement(self.variables)
        distribution.check_compile_options(optimizer, jit_compile=jit_compile, **kwargs)
        micro_batches.check_micro_batch_size(micro_batch_size)
        optimizer = distribution.with_dense_gradients(optimizer)
        # What was asked for is what is saved; a saved model may meet other devices.
        self._jit_compile_argument = jit_compile
        if jit_compile == "auto" and not kwargs.get("run_eagerly"):
            jit_compile = distribution.choose_jit_compile(self)
        super().compile(optimizer=optimizer, loss=None, jit_compile=jit_compile, **kwargs)
        self.contrastive_loss = loss
        self._compiled_variables = self._describe_variables()
        self._micro_batch_size = micro_batch_size
        for tower in (self.image_tower, self.text_tower):
            tower.micro_batch_size = micro_batch_size

    def get_compile_config(self):
        config = super().get_compile_config()
        if config:
            config["loss"] = keras.saving.serialize_keras_object(self.contrastive_loss)
            config["micro_batch_size"] = self._micro_batch_size
            config["jit_compile"] = self._jit_compile_argument
        return config

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def _purge_model_variables(self, **kinds):
        # Keras on JAX takes the weights off the model before it reads the first batch; a data set
        # that raises there would leave a model without weights. The step donates them anyway.
        pass

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # Keras on TensorFlow would read a batch, and average it over processes, to build a model
        # that is built. Only the optimizer may not be, and could not be within a step.
        if self.compiled:
            self.optimizer.build(self.trainable_variables)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        images, texts = y_pred["image_embeddings"], y_pred["text_embeddings"]
        # 0 for rows that only make the devices divide the batch; see `preprocessing.shares`.
        mask = y_pred.get(shares.PAIR_MASK)
        losses, correct = self.contrastive_loss.pair_losses(images, texts, self.head, mask)
        num_pairs = keras.ops.shape(losses)[0] if mask is None else keras.ops.sum(mask)
        num_pairs = keras.ops.cast(distribution.global_batch_size(num_pairs), losses.dtype)
        loss = keras.ops.sum(losses) / num_pairs
        regularization = sum(keras.ops.sum(value) for value in self.losses)
        global_loss, accuracy = distribution.sum_over_replicas(
            [loss, keras.ops.sum(correct) / num_pairs]
        )
        self._loss.update_state(global_loss + regularization, num_pairs)
        self._accuracy.update_state(accuracy, num_pairs)
        self._temperature.update_state(keras.ops.exp(self.head.log_temperature))
        return loss + distribution.replica_share(regularization)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return distribution.step_logs(super().compute_metrics(x, y, y_pred, sample_weight))

    def get_metrics_result(self):
        # Keras weights the loss of a batch, or of a replica's part of it, by all of its rows.
        return {**super().get_metrics_result(), "loss": self._loss.result()}

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
            **kwargs: Other arguments of `keras.Model.fit`. Of several processes, process 0 alone
                prints and runs the callbacks of Keras that write logs.

        Returns:
            A `keras.callbacks.History`.

        Raises:
            ValueError: If the model is not compiled or older than `data_parallel()`, strings come
                without a preprocessor, a batch holds one pair, or images are not what they must be.
        """
        self._check_compiled("fit")
        self._check_tuning()
        distribution.check_placement(self.variables)
        row_multiple = self.contrastive_loss.row_multiple
        batches = shares.check_divides(self._batches(x, batch_size, shuffle), row_multiple)
        batches = shares.check_chunk_size(batches, self.contrastive_loss.chunk_size)
        if self._micro_batch_size is not None:
            batches = input_batches.check_micro_batches(batches, self._micro_batch_size)
        if validation_data is not None:
            validation_data = shares.share_batches(
                self._batches(validation_data, batch_size, shuffle=False), row_multiple
            )
        callbacks = keras.tree.flatten(kwargs.get("callbacks") or [])
        kwargs["callbacks"] = [*callbacks, TuningCheck()]
        if distribution.process_index() > 0:
            kwargs = without_logs(kwargs)
        with input_batches.clear_errors():
            # A tf.data.Dataset is shuffled where it is made, and Keras warns if asked to.
            return super().fit(
                shares.share_batches(batches, row_multiple),
                validation_data=validation_data,
                shuffle=shuffle and batches is x,
                **kwargs,
            )

    def evaluate(self, x=None, batch_size=None, **kwargs):
        """Returns the contrastive loss and in-batch accuracy; arguments as for `fit`."""
        self._check_compiled("evaluate")
        if kwargs.get("_use_cached_eval_dataset"):
            return super().evaluate(x, **kwargs)
        batches = self._batches(x, batch_size, shuffle=False)
        return super().evaluate(
            shares.share_batches(batches, self.contrastive_loss.row_multiple), **kwargs
        )

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
        return shares.without_padding(super().predict(shares.share_batches(prepared), **kwargs))

    def make_predict_function(self, force=False):
        is_new = self.predict_function is None or force
        super().make_predict_function(force=force)
        if is_new:
            self.predict_function = distribution.gather_predictions(self.predict_function)

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


# So that keras-hub finds what belongs to a preset of this class: `LiTPreprocessor.from_preset`.
for part in (
    preprocessing.LiTPreprocessor,
    preprocessing.ImageConverter,
    preprocessing.SentencePieceTokenizer,
    preprocessing.WordPieceTokenizer,
):
    part.backbone_cls = LiTModel
