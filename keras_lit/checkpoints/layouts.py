"""Tensors named as in any age of the original code -> tensors named as its last version names them.

Each step is a pure function from a mapping name -> `Tensor` to another; `normalise` runs them all.
The layouts are recognised by their names alone.
"""

import dataclasses
import re

from keras_lit.checkpoints.tensors import CheckpointError, Tensor, as_tensors, subtree

TOWER_PREFIXES = ("img/", "txt/")
_PARAMETER_PREFIXES = ("params/", "opt/target/")


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """Tensors under the original's current names, and how they were found.

    Attributes:
        tensors: dict name -> `Tensor`.
        ignored: dict name in the file -> why it is not used.
        layouts: descriptions of the older layouts that were recognised.
    """

    tensors: dict[str, Tensor]
    ignored: dict[str, str]
    layouts: tuple[str, ...]


def normalise(tensors, part=None):
    """Renames, slices and adds up the tensors of a file until they follow the current layout.

    Position embeddings are all called `pos_embedding`; whether they hold a slot for the class
    token depends on the model and is settled in conversion.

    Args:
        tensors: mapping name -> array or `Tensor`.
        part: string or `None`. A subtree to use alone, such as `"img"`.

    Returns:
        A `Checkpoint`.

    Raises:
        CheckpointError: there is no tensor, or none in `part`.
    """
    tensors, ignored = _without_prefix(as_tensors(tensors))
    layouts = ["training checkpoint, its weights under a prefix"] if ignored else []
    if part is not None:
        for name, tensor in tensors.items():
            if not name.startswith(f"{part}/"):
                ignored[tensor.sources[0]] = f"outside of {part!r}"
        tensors = subtree(tensors, f"{part}/")
    if not tensors:
        raise CheckpointError(
            f"The checkpoint holds no tensors{f' under {part!r}' if part else ''}."
        )

    def apply(steps, tensors):
        for layout, step in steps:
            names, tensors = tensors.keys(), step(tensors)
            if tensors.keys() != names and layout not in layouts:
                layouts.append(layout)
        return tensors

    tensors = apply(_FILE_STEPS, tensors)
    prefixes = [p for p in TOWER_PREFIXES if any(n.startswith(p) for n in tensors)] or [""]
    normalised = {n: t for n, t in tensors.items() if not n.startswith(tuple(prefixes))}
    for prefix in prefixes:
        tower = apply(_TOWER_STEPS, subtree(tensors, prefix))
        normalised |= {prefix + name: tensor for name, tensor in tower.items()}
    return Checkpoint(normalised, ignored, tuple(layouts))


def _without_prefix(tensors):
    for prefix in _PARAMETER_PREFIXES:
        kept = subtree(tensors, prefix)
        if kept:
            others = {n: "training state, no weight" for n in tensors if not n.startswith(prefix)}
            return kept, others
    return tensors, {}


def _bit_from_tensorflow(tensors):
    """`resnet/block1/unit01/a/standardized_conv2d_2/kernel` -> `block1/unit01/conv1/kernel`."""
    if not any(name.startswith("resnet/") for name in tensors):
        return tensors
    index = {"a": "1", "b": "2", "c": "3"}
    rules = (
        (r"(.*unit\d+)/a/proj/standardized_conv2d", lambda m: f"{m[1]}/conv_proj"),
        (r"(.*unit\d+)/([abc])/standardized_conv2d", lambda m: f"{m[1]}/conv{index[m[2]]}"),
        (r"(.*unit\d+)/([abc])/group_norm", lambda m: f"{m[1]}/gn{index[m[2]]}"),
        (r"root_block/standardized_conv2d", lambda m: "root_block/conv_root"),
        (r"group_norm", lambda m: "norm-pre-head"),
        (r"head/conv2d", lambda m: "head"),
    )
    leaves = {"gamma": "scale", "beta": "bias"}

    def rename(name):
        module, _, leaf = name.removeprefix("resnet/").rpartition("/")
        module = re.sub(r"_\d+$", "", module)  # TensorFlow numbers repeated layers
        for pattern, replacement in rules:
            match = re.fullmatch(pattern, module)
            if match:
                return f"{replacement(match)}/{leaves.get(leaf, leaf)}"
        return name

    renamed = {rename(name): tensor for name, tensor in tensors.items()}
    kernel = renamed.get("head/kernel")
    if kernel is not None:
        renamed["head/kernel"] = _squeezed(kernel, rank=2)
    return renamed


def _squeezed(tensor, rank):
    """Drops axes of size 1, the first ones first, down to a rank."""
    ones = [axis for axis, size in enumerate(tensor.shape) if size == 1]
    dropped = ones[: max(0, len(tensor.shape) - rank)]
    shape = tuple(size for axis, size in enumerate(tensor.shape) if axis not in dropped)
    return tensor.map(shape, lambda array: array.reshape(shape)) if dropped else tensor


def _renumbered(tensors):
    """At each level, each `Name_<number>` is numbered per name from 0, in the old order."""
    levels = {}
    for name in tensors:
        parts = name.split("/")
        for depth, part in enumerate(parts):
            match = re.fullmatch(r"(.+)_(\d+)", part)
            if match:
                key = ("/".join(parts[:depth]), match[1])
                levels.setdefault(key, set()).add(int(match[2]))

    def rename(name):
        parts = name.split("/")
        new = list(parts)
        for depth, part in enumerate(parts):
            match = re.fullmatch(r"(.+)_(\d+)", part)
            if match:
                numbers = sorted(levels["/".join(parts[:depth]), match[1]])
                new[depth] = f"{match[1]}_{numbers.index(int(match[2]))}"
        return "/".join(new)

    return {rename(name): tensor for name, tensor in tensors.items()}


def _mixer_renamed(tensors):
    """`Mixer/encoderblock_0/token_mixing_phase_0/kernel1` -> `MixerBlock_0/...`."""
    if not any(name.startswith("Mixer/") for name in tensors):
        return tensors
    renamed = {}
    for name, tensor in tensors.items():
        block = re.fullmatch(r"Mixer/encoderblock_(\d+)/(.+)", name)
        mixing = block and re.fullmatch(
            r"(token|channel)_mixing_phase_0/(kernel|bias)([12])", block[2]
        )
        if mixing:
            name = f"{mixing[1]}_mixing/Dense_{int(mixing[3]) - 1}/{mixing[2]}"
            tensor = _squeezed(tensor, rank=2 if mixing[2] == "kernel" else 1)
        elif block:
            name = block[2]
        elif name.startswith("Mixer/encoder_norm/"):
            name = name.replace("Mixer/encoder_norm", "pre_head_layer_norm")
        elif name.startswith("embedding/"):
            name = name.replace("embedding", "stem")
        renamed[f"MixerBlock_{block[1]}/{name}" if block else name] = tensor
    return renamed


def _with_map_head(tensors):
    """`probe` and the modules beside it -> `MAPHead_0/...`."""
    if "probe" not in tensors:
        return tensors
    modules = ("LayerNorm_0", "MlpBlock_0", "MultiHeadDotProductAttention_0", "probe")
    return {
        f"MAPHead_0/{name}" if name.split("/")[0] in modules else name: tensor
        for name, tensor in tensors.items()
    }


def _unstacked(tensors):
    """`encoderblock/...` with a leading axis of layers -> `encoderblock_<i>/...`."""
    unstacked = {}
    for name, tensor in tensors.items():
        match = re.fullmatch(r"(Transformer|Encoder_0)/encoderblock/(.+)", name)
        if not match or not tensor.shape:
            unstacked[name] = tensor
            continue
        for index in range(tensor.shape[0]):
            unstacked[f"{match[1]}/encoderblock_{index}/{match[2]}"] = tensor.map(
                tensor.shape[1:], lambda array, index=index: array[index]
            )
    return unstacked


def _positions_moved(tensors):
    """`Transformer/posembed_input/pos_embedding` and the like -> `pos_embedding`."""
    tensors = dict(tensors)
    # A text tower that has both adds both.
    inner = tensors.pop("Encoder_0/pos_embedding", None)
    if inner is not None:
        outer = tensors.get("pos_embedding")
        tensors["pos_embedding"] = inner if outer is None else outer.plus(inner)
    for name in ("Transformer/posembed_input/pos_embedding", "Transformer/pos_embedding"):
        if name in tensors and "pos_embedding" not in tensors:
            tensors["pos_embedding"] = tensors.pop(name)
    return tensors


_FILE_STEPS = (
    ("TensorFlow names of BiT", _bit_from_tensorflow),
    ("numbering of old Flax", _renumbered),
)
_TOWER_STEPS = (
    ("older Big Vision names of MLP-Mixer", _mixer_renamed),
    ("attention pooling at the top level", _with_map_head),
    ("blocks stacked along a leading axis", _unstacked),
    ("position embeddings inside the encoder", _positions_moved),
)
