"""Size of a text tower -> bytes of optimizer state per optimizer, against AdamW of Keras.

Usage: python -m benchmarks.optimizer_state [--size Ti] [--vocabulary_size 32000] [--length 16]
"""

import argparse

import keras

import keras_lit
from keras_lit.backbones.sizes import TRANSFORMER_SIZES
from keras_lit.distribution import num_bytes
from keras_lit.optimizers import num_slot_bytes

OPTIMIZERS = {
    "keras.optimizers.AdamW": keras.optimizers.AdamW,
    "keras.optimizers.Adafactor": keras.optimizers.Adafactor,
    "LiTAdamW": keras_lit.optimizers.LiTAdamW,
    "LiTAdafactor, momentum in float32": lambda: keras_lit.optimizers.LiTAdafactor(
        momentum_dtype="float32"
    ),
    "LiTAdafactor": keras_lit.optimizers.LiTAdafactor,
}


def measure(size, vocabulary_size, length):
    """Returns the bytes of the tower's weights, and of its state by name of the optimizer."""
    backbone = keras_lit.backbones.TextTransformerBackbone(
        vocabulary_size, length, **TRANSFORMER_SIZES[size]
    )
    weights = backbone.trainable_variables
    state = {name: num_slot_bytes(make(), weights) for name, make in OPTIMIZERS.items()}
    return num_bytes(weights), state


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="Ti", choices=TRANSFORMER_SIZES)
    parser.add_argument("--vocabulary_size", type=int, default=32_000)
    parser.add_argument("--length", type=int, default=16)
    arguments = parser.parse_args()
    weights, state = measure(**vars(arguments))
    print(f"Text tower {arguments.size}: {weights / 1e6:,.1f} MB of weights")
    baseline = state["keras.optimizers.AdamW"]
    for name, size in state.items():
        print(f"{name:36}{size / 1e6:10,.1f} MB{size / baseline:8.3f} of AdamW")


if __name__ == "__main__":
    main()
