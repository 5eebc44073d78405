"""Sizes of two towers -> our own step, through `LiTModel.fit` with default settings."""

import keras
import numpy as np
import tensorflow as tf

import keras_lit


class _StepDone(keras.callbacks.Callback):
    def __init__(self, step_done):
        super().__init__()
        self._step_done = step_done

    def on_train_batch_end(self, batch, logs=None):
        # Reading the loss waits for the step.
        if not self._step_done(lambda: float(logs["loss"])):
            raise SystemExit


def train(sizes, batches, step_done, micro_batch_size=None):
    """Trains until `step_done(wait)` returns False; arguments as in `jax_step`."""
    transformer = {
        "hidden_dim": sizes.width,
        "num_layers": sizes.num_layers,
        "num_heads": sizes.num_heads,
        "mlp_dim": sizes.mlp_dim,
    }
    image_shape = (sizes.image_size, sizes.image_size, 3)
    image_backbone = keras_lit.backbones.ViTBackbone(image_shape, sizes.patch_size, **transformer)
    text_backbone = keras_lit.backbones.TextTransformerBackbone(
        sizes.vocabulary_size, sizes.num_tokens, **transformer
    )
    model = keras_lit.LiTModel(
        keras_lit.Tower(image_backbone, pooling="class_token"),
        keras_lit.Tower(text_backbone, pooling="last_token"),
    )
    loss = keras_lit.losses.SoftmaxContrastiveLoss()
    model.compile("adam", loss, micro_batch_size=micro_batch_size)
    stacked = {name: np.stack([batch[name] for batch in batches]) for name in batches[0]}
    data = tf.data.Dataset.from_tensor_slices(stacked).repeat().prefetch(1)
    model.fit(data, verbose=0, callbacks=[_StepDone(step_done)])
