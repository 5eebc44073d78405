"""Checkpoint of the original code -> weights of a model, total in both directions."""

import dataclasses
import functools
import re

import numpy as np

from keras_lit.checkpoints.archive import (
    read_archive,
    split_source,
    verify_archive,
)
from keras_lit.checkpoints.deferred import fill, fill_when_read
from keras_lit.checkpoints.layouts import TOWER_PREFIXES, normalise
from keras_lit.checkpoints.positions import fit_positions, vit_of
from keras_lit.checkpoints.tables import entries_of, towers_of
from keras_lit.checkpoints.tensors import CheckpointError, subtree
from keras_lit.lit_model import LiTModel
from keras_lit.towers import Tower

_MAX_LISTED = 8


@dataclasses.dataclass(frozen=True)
class ConversionReport:
    """What a conversion did with each tensor of the file.

    Attributes:
        matched: list of (names in the file, path of the variable, shape of the variable).
        ignored: dict name in the file -> why it was not used.
        layouts: descriptions of the older layouts that were recognised.
        num_parameters: int. Number of values written.
    """

    matched: list[tuple[tuple[str, ...], str, tuple[int, ...]]]
    ignored: dict[str, str]
    layouts: tuple[str, ...]
    num_parameters: int

    def __str__(self):
        lines = [f"{' + '.join(names)} -> {path} {shape}" for names, path, shape in self.matched]
        lines += [f"ignored {name}: {reason}" for name, reason in self.ignored.items()]
        lines += [f"layout: {layout}" for layout in self.layouts]
        lines.append(
            f"{len(self.matched)} variables filled with {self.num_parameters:,} parameters, "
            f"{len(self.ignored)} tensors ignored."
        )
        return "\n".join(lines)


def convert(source, model, ignore=(), on_tensor=None):
    """Fills a model with the weights of an original checkpoint.

    Every tensor of the file is used or reported as ignored, and every variable is filled once;
    otherwise nothing is written. All layouts that the original's loaders accept are recognised.
    Positions of another resolution are resampled. One tensor at a time is held in memory.

    Args:
        source: path of an `.npz` file, `"file.npz:img"` for one tower of it, or a mapping from
            names to arrays.
        model: `LiTModel` for a checkpoint of two towers; a `Tower` or a backbone of
            `keras_lit.backbones` for one.
        ignore: regular expressions of names that need not be used. The classification head
            (`head/`) of a single tower is ignored where the model has no projection.
        on_tensor: function (path of the variable, number of its parameters), called after each.

    Returns:
        A `ConversionReport`.

    Raises:
        CheckpointError: the file is unreadable, or its tensors are not the model's.

    Example:

    ```python
    from keras_lit.backbones import TextTransformerBackbone
    from keras_lit.checkpoints import convert, export

    backbone = TextTransformerBackbone(
        vocabulary_size=50, max_length=4, hidden_dim=8, num_layers=1, num_heads=2, mlp_dim=16
    )
    print(convert(dict(export(backbone)), backbone))
    ```

    Reference:
        `load_pretrained` of https://github.com/google-research/vision_transformer and the `load`
        functions of the models of https://github.com/google-research/big_vision.
    """
    plan, report = _plan(source, model, ignore)
    for entry, tensor in plan:
        fill(entry.variable, _read(entry, tensor))
        if on_tensor is not None:
            on_tensor(entry.variable.path, int(np.prod(entry.variable.shape)))
    return report


def convert_when_saved(source, model, ignore=(), on_tensor=None):
    """Like `convert`, but reads each tensor only when the model is saved or exported.

    So the weights are never in memory together. The model cannot be called.

    Args:
        source: as for `convert`.
        model: as for `convert`, of `build_without_values`.
        ignore: as for `convert`.
        on_tensor: as for `convert`; called each time that a tensor is read.

    Returns:
        A `ConversionReport`.

    Raises:
        CheckpointError: as for `convert`; nothing can fail for these reasons later.

    Example:

    ```python
    from keras_lit.backbones import ViTBackbone
    from keras_lit.checkpoints import build_without_values, convert_when_saved, export

    arrays = dict(export(ViTBackbone.from_variant("mu/16")))
    backbone = build_without_values(ViTBackbone.from_variant, "mu/16")
    print(convert_when_saved(arrays, backbone))
    ```
    """
    plan, report = _plan(source, model, ignore)

    def read(entry, tensor):
        array = _read(entry, tensor)
        if on_tensor is not None:
            on_tensor(entry.variable.path, array.size)
        return array

    for entry, tensor in plan:
        fill_when_read(entry.variable, functools.partial(read, entry, tensor))
    return report


def _plan(source, model, ignore):
    """Returns (row of the table, its tensor) for each variable, and the report."""
    checkpoint = open_checkpoint(source)
    if isinstance(source, str) or hasattr(source, "__fspath__"):
        verify_archive(split_source(source)[0])
    _check_kind(checkpoint.tensors, model)
    tensors = _fitted(checkpoint.tensors, model)
    plan, surplus = match_tensors(tensors, entries_of(model), [*_ignorable(model), *ignore])
    # The largest first, while the model is still empty; slices of one stacked tensor together.
    plan.sort(key=lambda row: (-np.prod(row[1].shape), row[1].sources))
    report = ConversionReport(
        matched=[
            (tensor.sources, entry.variable.path, tuple(entry.variable.shape))
            for entry, tensor in plan
        ],
        ignored=checkpoint.ignored | {name: "not part of the model" for name in surplus},
        layouts=checkpoint.layouts,
        num_parameters=sum(int(np.prod(entry.variable.shape)) for entry, _ in plan),
    )
    return plan, report


def _read(entry, tensor):
    return np.array(tensor.read(), dtype="float32").reshape(entry.variable.shape)


def open_checkpoint(source):
    """Lists the tensors of a checkpoint under the original's current names; reads no values.

    Args:
        source: as for `convert`.

    Returns:
        A `Checkpoint`.

    Raises:
        CheckpointError: the file is unreadable.
    """
    if isinstance(source, str) or hasattr(source, "__fspath__"):
        path, part = split_source(source)
        return normalise(read_archive(path), part)
    return normalise(source)


def _fitted(tensors, model):
    fitted = dict(tensors)
    for prefix, tower in towers_of(model):
        vit = vit_of(getattr(tower, "backbone", tower))
        if vit is not None:
            num_positions = vit.get_layer("positions").positions.shape[1]
            tower_tensors = fit_positions(
                subtree(tensors, prefix), num_positions, vit.num_class_positions
            )
            fitted |= {prefix + name: tensor for name, tensor in tower_tensors.items()}
    return fitted


def _ignorable(model):
    if isinstance(model, LiTModel) or getattr(model, "projection", None) is not None:
        return []
    if isinstance(model, Tower):
        return ["head/.*"]
    return ["head/.*", "pre_logits/.*", "MAPHead_0/.*"]  # what stands after a bare backbone


def _check_kind(tensors, model):
    has_two_towers = any(name.startswith(TOWER_PREFIXES) for name in tensors)
    if has_two_towers and not isinstance(model, LiTModel):
        raise CheckpointError(
            "The checkpoint holds two towers (img/, txt/), as LiT and SigLIP files do, but the "
            f"model is a single {type(model).__name__}. Convert it into a LiTModel, or name one "
            "tower of the file: 'file.npz:img'."
        )
    if not has_two_towers and isinstance(model, LiTModel):
        examples = ", ".join(sorted(tensors)[:3])
        raise CheckpointError(
            "The checkpoint holds a single tower (no names under img/ and txt/, but for example "
            f"{examples}), but the model is a LiTModel. Convert it into `model.image_tower` or "
            "`model.text_tower`."
        )


def match_tensors(tensors, entries, ignore):
    """Pairs each row of the table with its tensor; raises unless all of them fit."""
    problems, plan = [], []
    missing = [entry for entry in entries if entry.source not in tensors]
    for entry in entries:
        tensor = tensors.get(entry.source)
        if tensor is None:
            continue
        if _without_ones(tensor.shape) == _without_ones(entry.source_shape):
            plan.append((entry, tensor))
        else:
            problems.append(
                f"{' + '.join(tensor.sources)}: expected shape {entry.source_shape}, found "
                f"{tensor.shape} ({_likely_cause(entry)})"
            )
    if missing:
        names = [f"{entry.source} for the variable {entry.variable.path}" for entry in missing]
        problems.append(f"{len(missing)} tensors are missing: {_listed(names)}")
    known = {entry.source for entry in entries}
    unknown = [name for name in tensors if name not in known]
    surplus = [n for n in unknown if any(re.fullmatch(pattern, n) for pattern in ignore)]
    strange = [name for name in unknown if name not in surplus]
    if strange:
        problems.append(f"{len(strange)} tensors have no place in the model: {_listed(strange)}")
    if problems:
        raise CheckpointError(
            "The checkpoint does not fit the model:\n- "
            + "\n- ".join(problems[: _MAX_LISTED + 2])
            + "\nBuild the model with the sizes of the file, as `build_tower` and "
            "`build_lit_model` of keras_lit.checkpoints do, or pass `ignore` for tensors that are "
            "not wanted."
        )
    return plan, [source for name in surplus for source in tensors[name].sources]


def _without_ones(shape):
    return tuple(size for size in shape if size != 1)


def _listed(names):
    more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return ", ".join(names[:_MAX_LISTED]) + more


def _likely_cause(entry):
    causes = {
        "embedding/kernel": "another patch size or width",
        "stem/kernel": "another patch size or width",
        "Embed_0/embedding": "a vocabulary of another size, or another width",
        "token_ids/embedding": "a vocabulary of another size, or another width",
        "pos_embedding": "another sequence length or width",
        "position_ids/embedding": "another sequence length or width",
        "query/kernel": "another width or number of heads",
        "Dense_0/kernel": "another width, MLP size or image resolution",
        "head/kernel": "another width or projection_dim",
    }
    return next(
        (cause for end, cause in causes.items() if entry.source.endswith(end)),
        "another model size",
    )
