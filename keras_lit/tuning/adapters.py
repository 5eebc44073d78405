"""A backbone -> the same one with low-rank adapters (LoRA) that train in its place."""


def is_adapter(variable):
    """Says whether a variable is half of an adapter."""
    return variable.name.startswith("lora_")


def has_adapters(backbone):
    """Says whether any layer of a backbone has an adapter."""
    return any(map(is_adapter, backbone.variables))


def add_adapters(backbone, rank, target_layer_names, owner):
    """Adds adapters to a backbone; arguments and errors as of `Tower.enable_lora`.

    Args:
        backbone: `keras.Model`.
        rank: Integer.
        target_layer_names: List of strings, or `None`.
        owner: String, what errors call the owner of the backbone.
    """
    if not hasattr(backbone, "enable_lora"):
        raise ValueError(
            f"The backbone of {owner} is no `keras_hub.models.Backbone`, and LoRA comes from "
            "there. Call `enable_lora(rank)` of its layers before `compile`."
        )
    backbone.enable_lora(rank, target_layer_names)
    if not has_adapters(backbone):
        names = target_layer_names or backbone.default_lora_layer_names()
        raise ValueError(
            f"No layer in the backbone of {owner} is named one of {names}, so nothing got an "
            "adapter. Pass `target_layer_names`."
        )


def freeze_adapted(backbone):
    """Lets of a backbone with adapters these alone train; of another, everything."""
    if has_adapters(backbone):
        for variable in backbone.trainable_variables:
            variable.trainable = is_adapter(variable)
