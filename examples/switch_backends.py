"""One script, every backend: run it once under each, and see the same losses side by side.

```
KERAS_BACKEND=jax python examples/switch_backends.py
KERAS_BACKEND=tensorflow python examples/switch_backends.py
```

More devices, made up from the CPU, by
`XLA_FLAGS=--xla_force_host_platform_device_count=4` in front of the line for JAX.

Each run trains from the start weights that the first one left in --folder, on the same batches of
coloured pictures, adds its losses to the folder, and prints all that are there. Nothing in the
script asks which backend runs, or on how many devices.
"""

import json
import pathlib

import keras
import numpy as np
from absl import app, flags

import keras_lit

FLAGS = flags.FLAGS
flags.DEFINE_string("folder", "runs/switch_backends", "Where start weights and losses are kept.")
flags.DEFINE_integer("num_steps", 20, "Training steps.")
flags.DEFINE_integer("batch_size", 16, "Pairs per step, over all devices.")

IMAGE_SIZE, NUM_TOKENS, NUM_COLOURS = 16, 4, 8


def coloured_pairs(num_pairs):
    """Returns noisy one-coloured pictures, and token ids that name the colour."""
    random = np.random.default_rng(0)
    colours = random.uniform(-0.8, 0.8, (NUM_COLOURS, 3))
    labels = random.integers(0, NUM_COLOURS, num_pairs)
    noise = random.uniform(-0.2, 0.2, (num_pairs, IMAGE_SIZE, IMAGE_SIZE, 3))
    token_ids = random.integers(NUM_COLOURS + 1, 20, (num_pairs, NUM_TOKENS))
    token_ids[:, -1] = labels + 1
    return {
        "images": (colours[labels][:, None, None] + noise).astype("float32"),
        "token_ids": token_ids.astype("int32"),
    }


def start_model(folder):
    """Returns the model that all runs start from; the first run makes it."""
    if not folder.exists():
        size = {"hidden_dim": 32, "num_layers": 1, "num_heads": 2, "mlp_dim": 64}
        image_backbone = keras_lit.backbones.ViTBackbone((IMAGE_SIZE, IMAGE_SIZE, 3), 4, **size)
        text_backbone = keras_lit.backbones.TextTransformerBackbone(20, NUM_TOKENS, **size)
        keras_lit.LiTModel(
            image_tower=keras_lit.Tower(image_backbone, pooling="class_token"),
            text_tower=keras_lit.Tower(text_backbone, pooling="last_token"),
            tuning="Lu",
        ).save_to_preset(folder)
    return keras_lit.LiTModel.from_preset(folder)


class LossOfEachStep(keras.callbacks.Callback):
    """Keeps the loss of each step; Keras logs its mean since the epoch began."""

    def __init__(self):
        super().__init__()
        self.losses = []
        self._sum = 0.0

    def on_train_batch_end(self, batch, logs=None):
        total = float(logs["loss"]) * (batch + 1)
        self.losses.append(total - self._sum)
        self._sum = total


def print_curves(folder):
    """Prints the losses of all runs that the folder holds, and how far they are apart."""
    runs = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    print("step  " + "".join(f"{name:>18s}" for name in runs))
    for step, losses in enumerate(zip(*runs.values(), strict=False)):
        print(f"{step:4d}  " + "".join(f"{loss:18.6f}" for loss in losses))
    curves = np.array([losses for losses in zip(*runs.values(), strict=False)])
    spread = np.max(np.ptp(curves, axis=1) / curves.mean(axis=1))
    print(f"Largest difference between runs: {spread:.1e} of the loss.")


def main(argv):
    del argv
    keras_lit.distribution.data_parallel()
    folder = pathlib.Path(FLAGS.folder)
    model = start_model(folder / "start")
    model.compile(
        optimizer=keras.optimizers.AdamW(1e-3), loss=keras_lit.losses.SoftmaxContrastiveLoss()
    )
    recorder = LossOfEachStep()
    pairs = coloured_pairs(FLAGS.num_steps * FLAGS.batch_size)
    model.fit(pairs, batch_size=FLAGS.batch_size, shuffle=False, callbacks=[recorder], verbose=0)
    run = f"{keras.config.backend()}_{keras_lit.distribution.num_replicas()}"
    (folder / f"{run}.json").write_text(json.dumps(recorder.losses))
    print_curves(folder)


if __name__ == "__main__":
    app.run(main)
