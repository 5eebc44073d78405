"""Two devices -> weights after three updates of each optimizer, in an .npz file.

Usage: python -m tests.optimizers.replicas_worker OUT.npz
"""

import os
import sys

import keras
import numpy as np

import keras_lit
from keras_lit.optimizers import LiTAdafactor, LiTAdamW
from tests import tiny

# Gradients are clipped in every step, so that the norm of one replica alone would show.
OPTIMIZERS = {
    "adam": lambda: LiTAdamW(0.01, global_clipnorm=1e-3, epsilon=1e-4),
    "adafactor": lambda: LiTAdafactor(
        0.01, global_clipnorm=1e-3, min_dim_size_to_factor=4, momentum_dtype="float32"
    ),
}


def train():
    """Returns the trained weights by the optimizer's name and their path."""
    weights = {}
    model = tiny.lit_model("Lu")
    for name, make_optimizer in OPTIMIZERS.items():
        tiny.fill(model)
        model.compile(make_optimizer(), loss=keras_lit.losses.SoftmaxContrastiveLoss())
        model.fit(tiny.pairs(), batch_size=8, shuffle=False, verbose=0)
        for path, value in tiny.values(model.trainable_variables).items():
            weights[f"{name}/{path}"] = value
    return weights


def main(out):
    os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        cpu = tf.config.list_physical_devices("CPU")[0]
        parts = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, parts)
    keras_lit.distribution.data_parallel()
    assert keras_lit.distribution.num_replicas() == 2
    np.savez(out, **train())


if __name__ == "__main__":
    main(sys.argv[1])
