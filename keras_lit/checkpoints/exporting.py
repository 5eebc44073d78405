"""Weights of a model -> tensors under the original's names, and an `.npz` file of them."""

import keras
import numpy as np

from keras_lit.checkpoints.archive import write_archive
from keras_lit.checkpoints.positions import vit_of
from keras_lit.checkpoints.tables import entries_of, towers_of


def export(model, layout="big_vision"):
    """Yields the weights of a model under the original's names.

    Args:
        model: as for `convert`.
        layout: `"big_vision"`, or `"vit_jax"`, which differs in where the position embeddings of
            an image tower stand and in that the class token has a slot in them.

    Yields:
        Pairs (name, float32 NumPy array), for `write_archive` or `dict`.

    Raises:
        ValueError: the layout is unknown, or the original has no counterpart of the model.
    """
    if layout not in ("big_vision", "vit_jax"):
        raise ValueError(f'layout must be "big_vision" or "vit_jax". Received layout={layout!r}.')
    arrays = {entry.source: (lambda entry=entry: _to_source(entry)) for entry in entries_of(model)}
    for prefix, tower in towers_of(model):
        vit = vit_of(getattr(tower, "backbone", tower))
        if vit is not None and layout == "vit_jax":
            arrays |= _positions_in_encoder(arrays, prefix, vit)
            del arrays[f"{prefix}pos_embedding"]
        elif vit is not None:
            arrays |= _positions_at_top(arrays, prefix, vit)
    for name, make_array in arrays.items():
        yield name, make_array()


def export_archive(model, path, layout="big_vision"):
    """Writes the weights of a model as an original `.npz` file; arguments as for `export`."""
    write_archive(path, export(model, layout))


def _to_source(entry):
    # Reshaped first: NumPy would copy a variable of TensorFlow twice, and a tensor once.
    tensor = keras.ops.reshape(entry.variable.value, entry.source_shape)
    return np.asarray(keras.ops.convert_to_numpy(tensor), dtype="float32")


def _positions_in_encoder(arrays, prefix, vit):
    positions = arrays[f"{prefix}pos_embedding"]
    needs_slot = "class_token" in vit.embeddings and not vit.num_class_positions
    slot = ((0, 0), (int(needs_slot), 0), (0, 0))
    name = f"{prefix}Transformer/posembed_input/pos_embedding"
    return {name: lambda: np.pad(positions(), slot)}


def _positions_at_top(arrays, prefix, vit):
    if not vit.num_class_positions:
        return {}
    positions, token = arrays[f"{prefix}pos_embedding"], arrays[f"{prefix}cls"]
    return {
        f"{prefix}pos_embedding": lambda: positions()[:, 1:],
        f"{prefix}cls": lambda: token() + positions()[:, :1],
    }
