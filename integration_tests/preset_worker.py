"""Server folder and cache folder -> a tiny preset loaded by name, in one fresh process.

Usage: python -m integration_tests.preset_worker SERVER [download|conversion]

Prints "loaded" and a number that depends on the weights. With a second argument it stops half-way
through that step, prints "paused" and waits to be killed.
"""

import pathlib
import sys
import time

import keras
import numpy as np

import keras_lit
from keras_lit.presets import registry
from tests.presets import tiny_release


def pause(half_done):
    """Returns a function that does half of something, and then nothing more."""

    def stop(*args, **kwargs):
        half_done(*args, **kwargs)
        print("paused", flush=True)
        time.sleep(600)

    return stop


def write_half_a_download(fname, cache_subdir, **kwargs):
    (pathlib.Path(cache_subdir) / fname).write_bytes(b"half of it")


def write_half_of_the_weights(model, path, **kwargs):
    pathlib.Path(path).write_bytes(b"half of it")


def main():
    server, *step = sys.argv[1:]
    registry.ORIGIN = pathlib.Path(server).as_uri()
    registry.add_presets([tiny_release.LIT])
    if step == ["download"]:
        keras.utils.get_file = pause(write_half_a_download)
    if step == ["conversion"]:
        keras_lit.LiTModel.save_weights = pause(write_half_of_the_weights)
    model = keras_lit.LiTModel.from_preset("lit_tiny")
    embeddings = model.encode_images(np.full((1, 32, 32, 3), 99, "uint8"))
    token_ids = np.array(model.preprocessor.tokenizer(["a dog"]))
    print("loaded", f"{embeddings[0, 0]:.6f}", token_ids.tolist())


if __name__ == "__main__":
    main()
