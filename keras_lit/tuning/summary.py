"""A LiT model -> what of it trains, what is locked, and the memory and time that this saves."""

import dataclasses
import math

from keras_lit.distribution import num_bytes
from keras_lit.optimizers import num_slot_bytes
from keras_lit.tuning.flops import forward_flops, step_flops

_LENGTH = 16  # Tokens of a text where no preprocessor says how many; as in the paper.


@dataclasses.dataclass(frozen=True)
class PartSummary:
    """One tower, or the head.

    Attributes:
        name: String.
        state: String, what the letter and the lock say.
        num_trained: Integer, parameters that train.
        num_locked: Integer, parameters that do not.
        weight_bytes: Integer, of all weights.
        gradient_bytes: Integer, of the gradients of one step.
        slot_bytes: Integer, of the optimizer's state; 0 if the model is not compiled.
        saved_bytes: Integer, of gradients and optimizer state if the rest trained as well.
        flops: Integer, estimated floating point operations of a training step for one pair.
        saved_flops: Integer, how many more it would be if the rest trained as well.
    """

    name: str
    state: str
    num_trained: int
    num_locked: int
    weight_bytes: int
    gradient_bytes: int
    slot_bytes: int
    saved_bytes: int
    flops: int
    saved_flops: int


@dataclasses.dataclass(frozen=True)
class TuningSummary:
    """What of a model trains; `str()` of it is a table.

    Attributes:
        tuning: String, the two letters.
        parts: List of `PartSummary`.
    """

    tuning: str
    parts: list

    @property
    def num_trained(self):
        """How many parameters train."""
        return sum(part.num_trained for part in self.parts)

    @property
    def slot_bytes(self):
        """Bytes of the optimizer's state; 0 if the model is not compiled."""
        return sum(part.slot_bytes for part in self.parts)

    @property
    def saved_bytes(self):
        """Bytes of gradients and optimizer state that the locks save."""
        return sum(part.saved_bytes for part in self.parts)

    @property
    def saved_compute(self):
        """The share in [0, 1] of a step's floating point operations that the locks save."""
        saved = sum(part.saved_flops for part in self.parts)
        return saved / max(1, saved + sum(part.flops for part in self.parts))

    def __str__(self):
        table = [("part", "state", "trains", "locked", "weights", "gradients", "optimizer")]
        table += [
            (
                part.name,
                part.state,
                f"{part.num_trained:,}",
                f"{part.num_locked:,}",
                *map(_megabytes, (part.weight_bytes, part.gradient_bytes, part.slot_bytes)),
            )
            for part in self.parts
        ]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  ".join(
                f"{cell:{'<' if column < 2 else '>'}{width}}"
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            for row in table
        ]
        lines.append(f"tuning={self.tuning!r}; optimizer state: {_megabytes(self.slot_bytes)}.")
        if self.saved_bytes:
            lines.append(
                f"The locks save {_megabytes(self.saved_bytes)} of gradients and optimizer state, "
                f"and {self.saved_compute:.0%} of the multiplications of a step, an estimate of "
                "its time."
            )
        return "\n".join(lines)


def summarize(model):
    """Summarises what trains.

    Args:
        model: `keras_lit.LiTModel`. Optimizer state is counted if it is compiled.

    Returns:
        `TuningSummary`.

    Example:

    ```python
    import keras
    import keras_lit

    images = keras.Input((8, 8, 3))
    image_backbone = keras.Model(images, keras.layers.Conv2D(8, 4, strides=4)(images))
    token_ids = keras.Input((4,), dtype="int32")
    text_backbone = keras.Model(token_ids, keras.layers.Embedding(20, 8)(token_ids))
    model = keras_lit.LiTModel(
        keras_lit.Tower(image_backbone, pooling="mean"),
        keras_lit.Tower(text_backbone, pooling="mean"),
        tuning="Lu",
    )
    keras_lit.tuning.summarize(model).num_trained  # 161: the embedding and the temperature
    ```
    """
    words = {"U": "trains", "u": "trains, from scratch"}
    states = [
        words[letter] if tower.applied_lock is None else tower.applied_lock.describe()
        for tower, letter in zip((model.image_tower, model.text_tower), model.tuning, strict=True)
    ]
    length = _LENGTH if model.preprocessor is None else model.preprocessor.sequence_length
    flops = [
        (step_flops(tower, length), 3 * forward_flops(tower, length))
        for tower in (model.image_tower, model.text_tower)
    ]
    parts = [
        _summarize_part("image tower", states[0], model.image_tower, model, flops[0]),
        _summarize_part("text tower", states[1], model.text_tower, model, flops[1]),
        _summarize_part("head", "trains", model.head, model, (0, 0)),
    ]
    return TuningSummary(model.tuning, parts)


def _summarize_part(name, state, layer, model, flops):
    trained = layer.trainable_variables
    trained_ids = {id(variable) for variable in trained}
    locked = [variable for variable in layer.weights if id(variable) not in trained_ids]
    optimizer = model.optimizer if model.compiled else None
    slot_bytes = num_slot_bytes(optimizer, trained) if optimizer else 0
    saved = getattr(layer, "locked_variables", [])
    return PartSummary(
        name=name,
        state=state,
        num_trained=_num_values(trained),
        num_locked=_num_values(locked),
        weight_bytes=num_bytes(layer.weights),
        gradient_bytes=num_bytes(trained),
        slot_bytes=slot_bytes,
        saved_bytes=num_bytes(saved) + (num_slot_bytes(optimizer, saved) if optimizer else 0),
        flops=flops[0],
        saved_flops=flops[1] - flops[0],
    )


def _num_values(variables):
    return sum(math.prod(variable.shape) for variable in variables)


def _megabytes(size):
    return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size:,} B"
