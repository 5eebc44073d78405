"""What a tower is called with, a tensor or a dict -> the inputs that its backbone declares."""

import keras
from keras import ops


class BackboneInputs:
    """Picks the inputs of a backbone out of a batch.

    A backbone with one input gets it under its own name, or as `images` or `token_ids`. Segment
    ids are zeros where none are given.

    Args:
        backbone: A functional `keras.Model`.
        owner: String, what errors call the owner of the backbone.
    """

    def __init__(self, backbone, owner):
        self._backbone = backbone
        self._owner = owner
        self._declared = backbone.input
        is_dict = isinstance(self._declared, dict)
        self.names = list(self._declared) if is_dict else [x.name for x in backbone.inputs]

    def symbolic(self, single_name):
        """Returns a dict of `keras.Input` that the backbone can be called with.

        Args:
            single_name: String, the name of the one input where the backbone takes but one.
        """
        names = [single_name] if len(self.names) == 1 else self.names
        return {
            name: keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=name)
            for name, tensor in zip(names, self._backbone.inputs, strict=True)
            if name != "segment_ids"
        }

    def select(self, inputs):
        """Picks what the backbone takes.

        Args:
            inputs: A tensor, or a dict of tensors by input name.

        Returns:
            The backbone's input: a tensor, a list or a dict, as the backbone declares it.

        Raises:
            ValueError: If an input is missing.
        """
        takes_dict = isinstance(self._declared, dict)
        if not isinstance(inputs, dict):
            return {self.names[0]: inputs} if takes_dict else inputs
        if len(self.names) == 1:
            name = self.names[0]
            is_text = "int" in self._backbone.inputs[0].dtype
            usual_name = "token_ids" if is_text else "images"
            value = inputs.get(name, inputs.get(usual_name))
            if value is None:
                raise self._missing(name if name in inputs else usual_name, inputs)
            return {name: value} if takes_dict else value
        selected = {}
        for name in self.names:
            if name in inputs:
                selected[name] = inputs[name]
            elif name == "segment_ids":
                selected[name] = ops.zeros_like(inputs["token_ids"])
            else:
                raise self._missing(name, inputs)
        return selected if takes_dict else list(selected.values())

    def _missing(self, name, inputs):
        return ValueError(
            f"The backbone of {self._owner} takes the inputs {self.names}, and '{name}' is "
            f"missing. Received: {sorted(inputs)}."
        )
