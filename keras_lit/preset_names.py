"""Name of a published preset -> the local folder that it is loaded from.

The models ask here; `keras_lit.presets`, which knows all of them and how to get their weights,
answers. So no model imports the presets.
"""

_resolvers = []


def register(resolver):
    """Adds what answers to `folder_of`.

    Args:
        resolver: function of the arguments of `folder_of` that returns a path, or `None` for a
            name that it does not know.
    """
    _resolvers.append(resolver)


def folder_of(preset, model_class, load_weights=True):
    """Returns where keras-hub finds a preset, downloading and converting it where needed.

    Args:
        preset: name of a published preset, path of a folder, or another handle of keras-hub.
        model_class: string, `"LiTModel"` or `"Tower"`: what the caller wants to load.
        load_weights: bool. `False`: the folder need not hold weights, and nothing is downloaded.

    Returns:
        String. Path of a folder, or `preset` itself where it is no published name.

    Raises:
        ValueError: the preset is of another class, or its files cannot be had.
    """
    for resolver in _resolvers:
        folder = resolver(str(preset), model_class, load_weights)
        if folder is not None:
            return str(folder)
    return str(preset)
