"""Position embeddings of a checkpoint -> those of the model: class token slot and resolution."""

import math

import keras

from keras_lit.backbones import HybridBackbone, ViTBackbone
from keras_lit.checkpoints.tensors import CheckpointError
from keras_lit.layers import resample_positions


def vit_of(backbone):
    """Returns the ViT with learned positions inside `backbone`, or `None`."""
    if isinstance(backbone, HybridBackbone):
        backbone = backbone.vit
    learned = isinstance(backbone, ViTBackbone) and "learned" in backbone.embeddings
    return backbone if learned else None


def fit_positions(tensors, num_positions, num_class_positions):
    """Makes `pos_embedding` (and `cls`) fit a ViT.

    - A slot of the class token that the model lacks is added to `cls`, or dropped without one.
    - A slot that only the model has becomes zeros.
    - Another square grid is resampled, bilinearly with aligned corners.

    Args:
        tensors: mapping name -> `Tensor` of one image tower.
        num_positions: int. Positions of the model, the class token's included.
        num_class_positions: int, 0 or 1. How many of them belong to the class token.

    Returns:
        Dict name -> `Tensor`.

    Raises:
        CheckpointError: the grids differ and one of them is not square.
    """
    tensors = dict(tensors)
    positions = tensors.get("pos_embedding")
    if positions is None or len(positions.shape) != 3 or positions.shape[1] == num_positions:
        return tensors
    num_source = positions.shape[1]
    num_patches = num_positions - num_class_positions
    if num_source in (num_patches, num_patches + 1):
        num_source_class = num_source - num_patches
    else:
        num_source_class = int(not _is_square(num_source) and _is_square(num_source - 1))

    width = positions.shape[2]
    if num_source_class > num_class_positions:
        if "cls" in tensors:
            slot = positions.map((1, 1, width), lambda array: array[:, :1])
            tensors["cls"] = tensors["cls"].plus(slot)
        positions = positions.map((1, num_source - 1, width), lambda array: array[:, 1:])
    elif num_source_class < num_class_positions:
        positions = positions.map((1, num_source + 1, width), _with_zero_slot)
    if positions.shape[1] != num_positions:
        sides = (positions.shape[1] - num_class_positions, num_patches)
        if not all(_is_square(side) for side in sides):
            raise CheckpointError(
                "Position embeddings can be resampled between square grids only. The checkpoint "
                f"has {sides[0]} patches, the model {sides[1]}. Build the model for the "
                "checkpoint's resolution, or for square images."
            )
        positions = positions.map(
            (1, num_positions, width),
            lambda array: keras.ops.convert_to_numpy(
                resample_positions(array, num_positions, num_class_positions)
            ),
        )
    tensors["pos_embedding"] = positions
    return tensors


def _with_zero_slot(array):
    return keras.ops.convert_to_numpy(keras.ops.pad(array, ((0, 0), (1, 0), (0, 0))))


def _is_square(count):
    return count > 0 and math.isqrt(count) ** 2 == count
