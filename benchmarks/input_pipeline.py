"""A folder of JPEGs -> images per second of `training_pairs` over plain tf.data.

Both read, decode, resize and batch the same files; ours also checks, counts, shuffles and chooses
captions. They take turns, so that both meet the same machine; the ratio is that of CPU time.

Usage: python -m benchmarks.input_pipeline [--num_images 2048] [--rounds 5]
"""

import argparse
import pathlib
import statistics
import tempfile
import time

import numpy as np
import tensorflow as tf

import keras_lit

_IMAGE_SIZE = 224
_BATCH_SIZE = 128
_WARM_UP = 6


def write_pictures(folder, num_images):
    """Writes JPEGs of 500 x 375, smooth with a little noise, like photographs."""
    random = np.random.default_rng(0)
    for number in range(num_images):
        coarse = random.integers(0, 256, (6, 8, 3)).astype("float32")
        picture = tf.image.resize(coarse, (375, 500), "bicubic").numpy()
        picture = np.clip(picture + random.normal(0, 6, picture.shape), 0, 255).astype("uint8")
        (folder / f"{number}.jpg").write_bytes(tf.io.encode_jpeg(picture, quality=90).numpy())
        (folder / f"{number}.txt").write_text("a picture\nanother caption\n")


def plain_pipeline(folder):
    def read(path):
        image = tf.io.decode_image(tf.io.read_file(path), channels=3, expand_animations=False)
        image = tf.ensure_shape(image, (None, None, 3))
        return tf.cast(tf.image.resize(image, (_IMAGE_SIZE, _IMAGE_SIZE)), tf.uint8)

    paths = sorted(map(str, folder.glob("*.jpg")))
    return (
        tf.data.Dataset.from_tensor_slices(paths)
        .repeat()
        .map(read, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(_BATCH_SIZE)
        .prefetch(tf.data.AUTOTUNE)
    )


def our_pipeline(folder):
    source = keras_lit.data.ImageFolder(folder)
    return source.training_pairs(_BATCH_SIZE, keras_lit.data.Resize(_IMAGE_SIZE))


def seconds(dataset, num_batches):
    """Returns the CPU and wall seconds of some batches of a pipeline that is running already."""
    iterator = iter(dataset)
    for _ in range(_WARM_UP):
        next(iterator)
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(num_batches):
        next(iterator)
    return time.process_time() - cpu, time.perf_counter() - wall


def compare_pipelines(num_images, rounds):
    num_batches = num_images // _BATCH_SIZE
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_pictures(folder, num_images)
        datasets = plain_pipeline(folder), our_pipeline(folder)
        times = [[seconds(dataset, num_batches) for dataset in datasets] for _ in range(rounds)]
    for kind, name in enumerate(("CPU", "wall")):
        ratios = [plain[kind] / ours[kind] for plain, ours in times]
        rate = num_images / min(ours[kind] for _, ours in times)
        print(
            f"images per {name} second: {rate:,.0f}; ratio to plain tf.data, median of {rounds}: "
            f"{statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num_images", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    compare_pipelines(arguments.num_images, arguments.rounds)


if __name__ == "__main__":
    main()
