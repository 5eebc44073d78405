"""Registry -> a table of all presets, as text or Markdown."""

from keras_lit.presets import registry

HEADER = (
    "name",
    "towers",
    "parameters",
    "embedding size",
    "resolution",
    "ImageNet zero-shot",
    "source",
)


def list_presets():
    """Prints a table of the published presets.

    Image towers are for `keras_lit.Tower.from_preset`, the others for
    `keras_lit.LiTModel.from_preset`.

    Returns:
        List of their names.

    Example:

    ```python
    import keras_lit

    keras_lit.list_presets()[0]  # "lit_b16b"
    ```
    """
    table = [HEADER, *rows()]
    widths = [max(len(row[column]) for row in table) for column in range(len(HEADER))]
    for row in table:
        cells = zip(row, widths, strict=True)
        print("  ".join(cell.ljust(width) for cell, width in cells).rstrip())
    return [preset.name for preset in registry.all_presets()]


def rows(presets=None):
    """Returns one row of strings per preset, in the order of `HEADER`."""
    return [
        (
            preset.name,
            " + ".join(str(tower) for tower in (preset.image_tower, preset.text_tower) if tower),
            f"{preset.num_parameters / 1e6:,.1f} M",
            str(preset.embedding_dim),
            str(preset.image_tower.resolution),
            "" if preset.zero_shot is None else f"{preset.zero_shot} %",
            f"gs://{preset.weights.path}",
        )
        for preset in presets or registry.all_presets()
    ]
