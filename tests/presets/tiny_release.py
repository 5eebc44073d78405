"""A release of two tiny models as files in a folder, and their entries in the registry."""

import numpy as np

from keras_lit.checkpoints import export, write_archive
from keras_lit.presets.architectures import build_model
from keras_lit.presets.registry import ImageTower, Preset, RemoteFile, TextTower, Vocabulary

WORDS = ["[PAD]", "[UNK]", "[CLS]", "a", "dog", "cat"]
_IMAGE_TOWER = ImageTower("ViT", "mu/16", resolution=32)

LIT = Preset(
    name="lit_tiny",
    weights=RemoteFile("tiny_models/lit/LiT-tiny.npz"),
    image_tower=_IMAGE_TOWER,
    text_tower=TextTower("text transformer", "mu", len(WORDS), projection_dim=32, max_length=4),
    vocabulary=Vocabulary(RemoteFile("tiny_models/lit/LiT-tiny.txt")),
    num_parameters=51_713,
    embedding_dim=32,
)
VIT = Preset(
    name="vit_tiny",
    weights=RemoteFile("tiny_models/vit.npz"),
    image_tower=_IMAGE_TOWER,
    num_parameters=37_568,
    embedding_dim=32,
)


def arrays(preset, seed=0):
    """Random weights of a preset under the original's names."""
    generator = np.random.default_rng(seed)
    return {
        name: generator.normal(0, 0.3, array.shape).astype("float32")
        for name, array in export(build_model(preset), "vit_jax")
    }


def publish(folder):
    """Writes the files of both presets under `folder`, as their server has them."""
    for preset in (LIT, VIT):
        path = folder / preset.weights.path
        path.parent.mkdir(parents=True, exist_ok=True)
        head = {} if preset.text_tower else {"head/kernel": np.zeros((32, 10), "float32")}
        write_archive(path, (arrays(preset) | head).items())
    (folder / LIT.vocabulary.file.path).write_text("\n".join(WORDS))
