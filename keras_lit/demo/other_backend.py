"""A preset and examples with their embeddings -> the largest difference on this backend.

Started as a process of its own, with `KERAS_BACKEND` naming the other backend:

    KERAS_BACKEND=tensorflow python -m keras_lit.demo.other_backend runs/demo/lit_emoji answers.npz
"""

import json
import os
import subprocess
import sys

import numpy as np

from keras_lit import distribution


def check_other_backend(preset, answers):
    """Loads a preset in a fresh process under another backend and compares its answers.

    Args:
        preset: Path of a preset folder.
        answers: Path of an `.npz` file with `images`, `texts`, `image_embeddings` and
            `text_embeddings`.

    Returns:
        Tuple of the other backend's name and the largest absolute difference of an embedding, or
        `None` where no other backend is installed.

    Raises:
        RuntimeError: If the other process fails.
    """
    others = distribution.other_backends()
    if not others:
        return None
    process = subprocess.run(
        [sys.executable, "-m", "keras_lit.demo.other_backend", str(preset), str(answers)],
        env={**os.environ, "KERAS_BACKEND": others[0]},
        capture_output=True,
        text=True,
    )
    if process.returncode:
        raise RuntimeError(f"The preset '{preset}' fails on {others[0]}:\n{process.stderr}")
    return others[0], json.loads(process.stdout.splitlines()[-1])


def main(preset, answers):
    import keras_lit

    model = keras_lit.LiTModel.from_preset(preset)
    with np.load(answers) as expected:
        images = model.encode_images(expected["images"]) - expected["image_embeddings"]
        texts = model.encode_texts(expected["texts"].tolist()) - expected["text_embeddings"]
    print(json.dumps(float(max(np.abs(images).max(), np.abs(texts).max()))))


if __name__ == "__main__":
    main(*sys.argv[1:])
