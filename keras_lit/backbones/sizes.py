"""Names of the published sizes -> constructor arguments of the backbones."""

TRANSFORMER_SIZES = {
    name: dict(zip(("hidden_dim", "num_layers", "mlp_dim", "num_heads"), numbers, strict=True))
    for name, numbers in {
        "mu": (32, 1, 128, 2),
        "Ti": (192, 12, 768, 3),
        "S": (384, 12, 1536, 6),
        "M": (512, 12, 2048, 8),
        "B": (768, 12, 3072, 12),
        "L": (1024, 24, 4096, 16),
        "So400m": (1152, 27, 4304, 16),
        "H": (1280, 32, 5120, 16),
        "g": (1408, 40, 6144, 16),
        "g-opt": (1536, 40, 6144, 16),
        "G": (1664, 48, 8192, 16),
        "G-opt": (1536, 48, 8192, 16),
        "e": (1792, 56, 15360, 16),
    }.items()
}

MIXER_SIZES = {
    name: dict(
        zip(("hidden_dim", "num_layers", "token_mlp_dim", "channel_mlp_dim"), numbers, strict=True)
    )
    for name, numbers in {
        "S": (512, 8, 256, 2048),
        "B": (768, 12, 384, 3072),
        "L": (1024, 24, 512, 4096),
        "H": (1280, 32, 640, 5120),
    }.items()
}

RESNET_DEPTHS = {
    26: (2, 2, 2, 2),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
    200: (3, 24, 36, 3),
}


def patch_variant(variant, sizes):
    """`"B/16"` -> constructor arguments of size `"B"` with `patch_size=16`.

    Args:
        variant: string, `<size>/<patch size>`.
        sizes: `TRANSFORMER_SIZES` or `MIXER_SIZES`.

    Returns:
        Dict of constructor arguments.

    Raises:
        ValueError: the size is unknown or the patch size is no number.
    """
    size, _, patch_size = variant.partition("/")
    if size not in sizes or not patch_size.isdigit():
        raise ValueError(
            f'variant must be "<size>/<patch size>", such as "B/16", with a size of '
            f"{sorted(sizes)}. Received variant={variant!r}."
        )
    return {**sizes[size], "patch_size": int(patch_size)}


def resnet_variant(variant):
    """`"R50x1"` -> `stage_depths` and `width_factor`.

    Args:
        variant: string, `R<depth>x<width factor>`.

    Returns:
        Dict of constructor arguments.

    Raises:
        ValueError: the depth is unknown or the width is no number.
    """
    depth, _, width = variant.removeprefix("R").partition("x")
    if not (depth.isdigit() and int(depth) in RESNET_DEPTHS and width.isdigit()):
        raise ValueError(
            f'variant must be "R<depth>x<width factor>", such as "R50x1", with a depth of '
            f"{sorted(RESNET_DEPTHS)}. Received variant={variant!r}."
        )
    return {"stage_depths": RESNET_DEPTHS[int(depth)], "width_factor": int(width)}
