"""Number of devices -> weights after three updates, in an .npz file: one process per number.

Usage: python -m tests.optimizers.replicas_worker DEVICES OUT.npz
"""

import os
import sys

num_devices, out = int(sys.argv[1]), sys.argv[2]
os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={num_devices}"

import keras  # noqa: E402
import numpy as np  # noqa: E402

import keras_lit  # noqa: E402
from keras_lit.optimizers import LiTAdafactor, LiTAdamW  # noqa: E402
from tests import tiny  # noqa: E402

# Gradients are clipped in every step, so that the norm of one replica alone would show.
OPTIMIZERS = {
    "adam": lambda: LiTAdamW(0.01, global_clipnorm=1e-3, epsilon=1e-4),
    "adafactor": lambda: LiTAdafactor(
        0.01, global_clipnorm=1e-3, min_dim_size_to_factor=4, momentum_dtype="float32"
    ),
}


def main():
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        cpu = tf.config.list_physical_devices("CPU")[0]
        parts = [tf.config.LogicalDeviceConfiguration()] * num_devices
        tf.config.set_logical_device_configuration(cpu, parts)
    keras_lit.distribution.data_parallel()
    assert keras_lit.distribution.num_replicas() == num_devices
    weights = {}
    model = tiny.lit_model("Lu")
    for name, make_optimizer in OPTIMIZERS.items():
        tiny.fill(model)
        model.compile(make_optimizer(), loss=keras_lit.losses.SoftmaxContrastiveLoss())
        model.fit(tiny.pairs(), batch_size=8, shuffle=False, verbose=0)
        for path, value in tiny.values(model.trainable_variables).items():
            weights[f"{name}/{path}"] = value
    np.savez(out, **weights)


if __name__ == "__main__":
    main()
