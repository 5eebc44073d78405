"""A tower -> those of its variables that a lock holds: whole, by block, by kind or by pattern."""

import dataclasses
import difflib
import fnmatch
import re

import keras

# What numbers its blocks so: `block_0`, `transformer_layer_11`, `stage_1_unit_0`, `stack0_block1`.
_BLOCK = re.compile(r"(?:(?:stage|stack|group|block|layers?|unit)_?\d+[a-z]?_?)+")

_KINDS = {
    "norms": lambda part: part.in_norm,
    "biases": lambda part: part.variable.name == "bias",
    "head": lambda part: not part.in_backbone,
}


@keras.saving.register_keras_serializable(package="keras_lit")
@dataclasses.dataclass(frozen=True)
class Lock:
    """What of a tower is locked, for `Tower(..., lock=...)`; `tower.lock()` makes one.

    A lock is a sum of plain words, so that it is saved with the tower. A tower under any lock runs
    as in inference, also in the part that trains: without dropout, with its batch statistics at
    rest.

    Args:
        keep_last: Integer, how many of the last blocks train, and with them what follows them: the
            final norm, pooling and projection.
        keep: String or strings, what else trains: `"norms"`, `"biases"`, `"head"` (pooling and
            projection), or patterns of paths such as `"block_11/*"` or `"*/attention/*"`.
        only: String or strings of the same sort, all that is locked. `()`: everything.

    Raises:
        ValueError: If `keep_last` is negative; where it is applied, if the tower has fewer blocks,
            a pattern matches nothing, or nothing is left to lock.

    Example:

    ```python
    from keras_lit.tuning import Lock

    Lock(keep_last=2, keep=["norms", "biases"])  # the last two blocks, and all norms and biases
    Lock(only="token_embedding/*")  # everything trains but the token embedding
    ```
    """

    keep_last: int = 0
    keep: tuple = ()
    only: tuple = ()

    def __post_init__(self):
        if not isinstance(self.keep_last, int) or self.keep_last < 0:
            raise ValueError(
                "`keep_last` must be an integer >= 0, the number of last blocks that train. "
                f"Received: keep_last={self.keep_last!r}."
            )
        for name in ("keep", "only"):
            value = getattr(self, name)
            words = (value,) if isinstance(value, str) else tuple(value)
            object.__setattr__(self, name, words)

    def select(self, tower):
        """Returns the variables of a tower, unlocked now, that the lock holds, as a list."""
        parts = _parts_of(tower)
        held = parts if not self.only else _matching(parts, self.only, tower.name)
        kept = _matching(parts, self.keep, tower.name)
        if self.keep_last:
            kept += _last_blocks(parts, self.keep_last, tower.name)
        kept = {id(part.variable) for part in kept}
        locked = [part.variable for part in held if id(part.variable) not in kept]
        if parts and not locked:
            raise ValueError(f"{self} leaves nothing of tower '{tower.name}' locked. Unlock it.")
        return locked

    def describe(self):
        """Returns the lock in a few words, e.g. `"locked but the last 2 blocks, norms"`."""
        kept = [f"the last {self.keep_last} blocks"] if self.keep_last else []
        kept = ", ".join([*kept, *self.keep])
        return "locked" + f" {', '.join(self.only)}" * bool(self.only) + f" but {kept}" * bool(kept)

    def get_config(self):
        return {"keep_last": self.keep_last, "keep": list(self.keep), "only": list(self.only)}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@dataclasses.dataclass(frozen=True)
class _Part:
    variable: keras.Variable
    in_norm: bool
    in_backbone: bool

    @property
    def block(self):
        """The path of the block that the variable is in, `None` if it is in none."""
        found = _BLOCK.search(self.variable.path)
        return found and self.variable.path[: found.end()].rstrip("_")


def _parts_of(tower):
    layers = tower._flatten_layers()
    norms = [layer for layer in layers if "Norm" in type(layer).__name__]
    in_norms = {id(variable) for layer in norms for variable in layer.variables}
    in_backbone = {id(variable) for variable in tower.backbone.variables}
    return [
        _Part(variable, id(variable) in in_norms, id(variable) in in_backbone)
        for variable in tower.trainable_variables
    ]


def _matching(parts, words, owner):
    """Returns the parts that any of the words names; each must name one at least."""
    found = []
    for word in words:
        matches = _KINDS.get(word, lambda p, word=word: fnmatch.fnmatchcase(p.variable.path, word))
        named = [part for part in parts if matches(part)]
        if not named:
            raise ValueError(
                f"{word!r} names nothing that can train in tower '{owner}'. {_near(word, parts)}"
            )
        found += named
    return found


def _near(word, parts):
    paths = [part.variable.path for part in parts]
    folders = {path.rpartition("/")[0] + "/*" for path in paths}
    folders |= {path.partition("/")[0] + "/*" for path in paths}
    known = [*_KINDS, *sorted(folders), *paths]
    near = difflib.get_close_matches(word, known, n=3, cutoff=0.4) or known[:5]
    return f"Did you mean one of {near}? Known are {list(_KINDS)} and patterns of paths."


def _last_blocks(parts, num_blocks, owner):
    """Returns the parts of the last blocks, and those that come after and are in no block."""
    blocks = list(dict.fromkeys(part.block for part in parts if part.block))
    if num_blocks > len(blocks):
        raise ValueError(
            f"keep_last={num_blocks}, but tower '{owner}' has {len(blocks)} numbered blocks: "
            f"{blocks}. Name what is to train by patterns: `keep=...`."
        )
    last = blocks[-num_blocks:]
    start = next(index for index, part in enumerate(parts) if part.block == last[0])
    return [
        part
        for index, part in enumerate(parts)
        if part.block in last or (part.block is None and index > start)
    ]
