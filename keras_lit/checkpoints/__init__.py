"""Checkpoints of the original code: read, convert into models, build models from, and export."""

from keras_lit.checkpoints.architecture import build_lit_model, build_tower
from keras_lit.checkpoints.archive import read_archive, write_archive
from keras_lit.checkpoints.conversion import (
    ConversionReport,
    convert,
    convert_when_saved,
    open_checkpoint,
)
from keras_lit.checkpoints.deferred import build_without_values
from keras_lit.checkpoints.exporting import export, export_archive
from keras_lit.checkpoints.layouts import Checkpoint, normalise
from keras_lit.checkpoints.tensors import CheckpointError, Tensor

__all__ = [
    "Checkpoint",
    "CheckpointError",
    "ConversionReport",
    "Tensor",
    "build_lit_model",
    "build_tower",
    "build_without_values",
    "convert",
    "convert_when_saved",
    "export",
    "export_archive",
    "normalise",
    "open_checkpoint",
    "read_archive",
    "write_archive",
]
