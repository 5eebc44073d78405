"""Locked-image text tuning (LiT) in Keras 3: the public names, each loaded on first use.

`import keras_lit` itself imports neither TensorFlow nor keras-hub nor TFDS (PEP 562).
"""

import importlib

from keras_lit import preset_names

__version__ = "0.1.0"

_OBJECTS = {
    "LiTModel": "keras_lit.lit_model",
    "LiTPreprocessor": "keras_lit.preprocessing",
    "StopOnNaN": "keras_lit.stop_on_nan",
    "Tower": "keras_lit.towers",
    "TrainingBackup": "keras_lit.training_backup",
    "list_presets": "keras_lit.presets",
}
_SUBPACKAGES = (
    "backbones",
    "checkpoints",
    "data",
    "distribution",
    "evaluation",
    "layers",
    "losses",
    "optimizers",
    "preprocessing",
    "presets",
    "tuning",
)

__all__ = ["__version__", *_OBJECTS, *_SUBPACKAGES]


def __getattr__(name):
    if name in _OBJECTS:
        return getattr(importlib.import_module(_OBJECTS[name]), name)
    if name in _SUBPACKAGES:
        return importlib.import_module(f"keras_lit.{name}")
    raise AttributeError(f"module 'keras_lit' has no attribute '{name}'")


def __dir__():
    return sorted(__all__)


def _published_folder(*arguments):
    return importlib.import_module("keras_lit.presets").published_folder(*arguments)


preset_names.register(_published_folder)
