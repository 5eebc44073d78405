"""Unit-norm embeddings (rows, dim) and (columns, dim) -> logits (rows, columns), in float32."""

import math

import keras
from keras import ops

from keras_lit import distribution


@keras.saving.register_keras_serializable(package="keras_lit")
class SimilarityHead(keras.layers.Layer):
    """Scales the inner products of embeddings by a learned temperature, plus an optional bias.

    `logits = exp(log_temperature) * <row, column> + bias`, in float32 under every dtype policy.

    Args:
        temperature: Positive float, the factor that training starts from.
        bias: Float that training starts from, or `None` for no bias. A softmax loss is blind to a
            bias; a sigmoid loss wants one, -10.0 in SigLIP.
        name: String.

    Call arguments:
        rows: Float tensor `(rows, dim)`.
        columns: Float tensor `(columns, dim)`.

    Returns:
        Float32 tensor `(rows, columns)`.

    Raises:
        ValueError: If `temperature` is not positive.

    Example:

    ```python
    import numpy as np
    import keras_lit

    head = keras_lit.layers.SimilarityHead(temperature=2.0)
    head(np.eye(2, 3, dtype="float32"), np.eye(4, 3, dtype="float32")).shape  # (2, 4)
    ```

    Reference:
        - [LiT, section 3.1](https://arxiv.org/abs/2111.07991)
        - [SigLIP, section 3.2](https://arxiv.org/abs/2303.15343)
    """

    def __init__(self, temperature=10.0, bias=None, name="head"):
        super().__init__(name=name, dtype="float32", autocast=False)
        if not temperature > 0:
            raise ValueError(
                f"`temperature` multiplies the similarities and must be > 0. Received: "
                f"temperature={temperature}. CLIP and LiT start from 10 to 14."
            )
        self.temperature = temperature
        self.bias = bias
        self.build()

    def build(self, *input_shapes):
        if self.built:
            return
        self.log_temperature = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(math.log(self.temperature)),
            name="log_temperature",
        )
        self.logit_bias = None
        if self.bias is not None:
            self.logit_bias = self.add_weight(
                shape=(), initializer=keras.initializers.Constant(self.bias), name="bias"
            )
        self.built = True

    def call(self, rows, columns):
        # float32 here matters: a bfloat16 product of unit vectors keeps 2 to 3 digits.
        rows, columns = ops.cast(rows, "float32"), ops.cast(columns, "float32")
        logits = ops.exp(self.log_temperature) * distribution.float32_matmul(
            rows, ops.transpose(columns)
        )
        return logits if self.logit_bias is None else logits + self.logit_bias

    def compute_output_shape(self, rows_shape, columns_shape):
        return (rows_shape[0], columns_shape[0])

    def get_config(self):
        return {"temperature": self.temperature, "bias": self.bias, "name": self.name}
