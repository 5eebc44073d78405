"""Folder written on another backend -> loads every file in it; then writes one of its own.

Usage: python -m integration_tests.round_trips_worker FOLDER_TO_CHECK FOLDER_TO_WRITE

The models hold every registered class of keras_lit between them.
"""

import json
import pathlib
import sys
import warnings

import keras
import keras_hub
import numpy as np

import keras_lit
from keras_lit import backbones, layers, losses, optimizers, preprocessing
from keras_lit.data import fingerprints
from tests import reference, tiny

SIZE = {"hidden_dim": 8, "num_layers": 1, "num_heads": 2, "mlp_dim": 16}
IMAGE_SHAPE = (32, 32, 3)
PIECES = ["[PAD]", "[UNK]", "[CLS]", "a", "dog"]


def text_backbone(vocabulary_size=50):
    return backbones.TextTransformerBackbone(vocabulary_size, max_length=4, **SIZE)


def lit_model(image_tower, text_tower, preprocessor=None, **head):
    """A model of two towers, given as (backbone, pooling)."""
    towers = [
        keras_lit.Tower(*tower, projection_dim=6, name=name)
        for tower, name in ((image_tower, "image_tower"), (text_tower, "text_tower"))
    ]
    model = keras_lit.LiTModel(*towers, preprocessor, head=layers.SimilarityHead(**head))
    tiny.fill(model)
    return model


def int8_vit_and_bert():
    model = lit_model(
        (backbones.ViTBackbone(IMAGE_SHAPE, 16, **SIZE), "class_token"),
        (backbones.BertTextBackbone(50, max_length=4, **SIZE), "class_token"),
        keras_lit.LiTPreprocessor(
            preprocessing.ImageConverter(32), preprocessing.WordPieceTokenizer(PIECES, 4)
        ),
    )
    model.image_tower.quantize("int8")
    schedule = optimizers.CosineSchedule(0.1, 9, warmup_steps=2)
    model.compile(optimizers.LiTAdamW(schedule, 0.2), losses.SoftmaxContrastiveLoss(chunk_size=4))
    return model


def mixer_and_text_with_lora():
    sentence_piece = (reference.reference_root() / "sentencepiece" / "sp.model").read_bytes()
    tokenizer = preprocessing.SentencePieceTokenizer(sentence_piece, sequence_length=4)
    resize = preprocessing.SmallerSideResize(40)
    model = lit_model(
        (backbones.MixerBackbone(IMAGE_SHAPE, 16, 8, 1, 4, 16), "mean"),
        (text_backbone(tokenizer.vocabulary_size()), "last_token"),
        keras_lit.LiTPreprocessor(preprocessing.ImageConverter(32, resize), tokenizer),
        bias=-10.0,
    )
    model.enable_lora(2)
    tiny.fill(model.text_tower, seed=1)
    return model


def hybrid_and_text():
    resnet = backbones.ResNetBackbone((1,), 0.5, IMAGE_SHAPE)
    vit = backbones.ViTBackbone((8, 8, 128), 4, **SIZE)
    model = lit_model(
        (backbones.HybridBackbone(resnet, vit), "class_token"), (text_backbone(), "last_token")
    )
    schedule = optimizers.LinearSchedule(0.1, 9, cooldown_steps=3)
    model.compile(optimizers.LiTAdafactor(schedule, 0.2), losses.SigmoidContrastiveLoss())
    return model


def bit_and_t5():
    size = {"num_layers": 1, "num_heads": 2, "hidden_dim": 8, "intermediate_dim": 16}
    model = lit_model(
        (backbones.BiTBackbone((1,), 0.5, IMAGE_SHAPE), "max"),
        (keras_hub.models.T5Backbone(vocabulary_size=50, **size), "mean"),
    )
    schedule = optimizers.RsqrtSchedule(0.1, 9, 2, timescale=4)
    model.compile(keras.optimizers.Adam(schedule), losses.LocalSoftmaxContrastiveLoss(4))
    return model


def sincos_vit():
    backbone = backbones.ViTBackbone(IMAGE_SHAPE, 16, embeddings=("sincos2d",), **SIZE)
    pooling = layers.TanhRepresentation("attention", 5)
    tower = keras_lit.Tower(backbone, pooling, name="image_tower")
    tiny.fill(tower)
    return tower


MODELS = (int8_vit_and_bert, mixer_and_text_with_lora, hybrid_and_text, bit_and_t5, sincos_vit)


def weights_of(model):
    return [np.array(keras.ops.convert_to_numpy(weight)) for weight in model.weights]


def config_of(model):
    return json.dumps(model.get_config(), sort_keys=True, default=str)


def fingerprint_of(model):
    tower = getattr(model, "image_tower", model)
    parts = (fingerprints.weights_fingerprint, fingerprints.architecture_fingerprint)
    return " ".join(part(tower) for part in parts)


def load(folder, name, model_class):
    """Returns what a `.keras` file and a preset folder hold."""
    from_file = keras.saving.load_model(folder / f"{name}.keras")
    return from_file, model_class.from_preset(folder / name)


def write(folder):
    """Writes each model as both kinds of files, with the weights that must come out of them.

    Returns the names of the classes of all layers.
    """
    folder.mkdir()
    classes = set()
    for build in MODELS:
        model, name = build(), build.__name__
        if getattr(model, "optimizer", None):
            model.optimizer.build(model.trainable_variables)  # as after the first step
        model.save(folder / f"{name}.keras")
        model.save_to_preset(folder / name)
        classes |= {type(layer).__name__ for layer in model._flatten_layers()}
        # Loaded: files hold the sum of kernels and adapters.
        loaded, _ = load(folder, name, type(model))
        np.savez(folder / f"{name}.npz", *weights_of(loaded))
        (folder / f"{name}.json").write_text(config_of(loaded))
        (folder / f"{name}.txt").write_text(fingerprint_of(loaded))
    return classes


def check(folder):
    """Compares all files of a folder with the weights and configs beside them."""
    for build in MODELS:
        name = build.__name__
        model_class = keras_lit.Tower if build is sincos_vit else keras_lit.LiTModel
        config = (folder / f"{name}.json").read_text()
        fingerprint = (folder / f"{name}.txt").read_text()
        with np.load(folder / f"{name}.npz") as expected:
            for model in load(folder, name, model_class):
                assert config_of(model) == config, name
                # So an embedding cache may move from one backend to another.
                assert fingerprint_of(model) == fingerprint, name
                found = weights_of(model)
                assert len(found) == len(expected.files), name
                for array, key in zip(found, expected.files, strict=True):
                    np.testing.assert_array_equal(array, expected[key], strict=True)
                if model_class is keras_lit.LiTModel:  # which keeps what is locked
                    assert not model.image_tower.trainable_variables, name


if __name__ == "__main__":
    warnings.filterwarnings("ignore", "Layer .* was passed an input with a mask")
    to_check, to_write = map(pathlib.Path, sys.argv[1:])
    check(to_check)
    write(to_write)
