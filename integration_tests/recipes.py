"""A recipe's name -> what every row of the matrix trains: loss, optimizer, steps, data types."""

import dataclasses
from collections.abc import Callable

import keras

import keras_lit
from tests import tiny

BATCH_SIZE = 16
# The last batch of an epoch, and of `evaluate`; no number of devices divides it.
LAST_BATCH_SIZE = 11
GROUP_SIZE = 2
REGULARIZATION = 0.01
LEARNING_RATE = 0.1


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One training from shared weights, in a shared order.

    Args:
        make_loss: Function that returns a `keras_lit.losses.ContrastiveLoss`.
        make_optimizer: Function that returns a `keras.optimizers.Optimizer`.
        num_steps: Integer, the last one on a smaller batch.
        bias: Float or `None`, of the similarity head.
        dtype_policy: String.
        jit_compile: Boolean or "auto".
    """

    make_loss: Callable = keras_lit.losses.SoftmaxContrastiveLoss
    # Weights move by the gradient itself, so that they differ by as much as gradients do.
    make_optimizer: Callable = lambda: keras.optimizers.SGD(LEARNING_RATE)
    num_steps: int = 2
    bias: float | None = None
    dtype_policy: str = "float32"
    jit_compile: bool | str = "auto"

    def build(self):
        """Returns the compiled tiny model."""
        keras.config.set_dtype_policy(self.dtype_policy)
        try:
            head = keras_lit.layers.SimilarityHead(bias=self.bias)
            model = tiny.lit_model("Lu", dropout=0.3, head=head)
            # Counted once, however many replicas compute it.
            table = model.text_tower.backbone.token_embedding.embeddings
            table.regularizer = keras.regularizers.L2(REGULARIZATION)
            model.compile(self.make_optimizer(), self.make_loss(), jit_compile=self.jit_compile)
        finally:
            keras.config.set_dtype_policy("float32")
        return model


RECIPES = {
    "softmax": Recipe(make_optimizer=lambda: keras.optimizers.AdamW(1e-3), num_steps=20),
    "adafactor": Recipe(
        # All is clipped, by the norm of the global batch's gradient.
        make_optimizer=lambda: keras_lit.optimizers.LiTAdafactor(
            0.01, global_clipnorm=1e-3, min_dim_size_to_factor=4, momentum_dtype="float32"
        )
    ),
    "sigmoid": Recipe(keras_lit.losses.SigmoidContrastiveLoss, bias=-10.0),
    "local_softmax": Recipe(lambda: keras_lit.losses.LocalSoftmaxContrastiveLoss(GROUP_SIZE)),
    "not_compiled": Recipe(jit_compile=False),
    "mixed_bfloat16": Recipe(dtype_policy="mixed_bfloat16"),
}
