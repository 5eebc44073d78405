"""Published presets: what there is, and how a name becomes a folder that `from_preset` loads."""

import keras_lit.presets.published  # noqa: F401  Fills the registry.
from keras_lit.presets.conversion import convert_to_preset
from keras_lit.presets.installation import preset_folder, published_folder
from keras_lit.presets.listing import list_presets
from keras_lit.presets.registry import Preset, all_presets, get_preset
from keras_lit.presets.text_towers import text_tower

__all__ = [
    "Preset",
    "all_presets",
    "convert_to_preset",
    "get_preset",
    "list_presets",
    "preset_folder",
    "published_folder",
    "text_tower",
]
