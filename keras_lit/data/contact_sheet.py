"""Pictures and captions -> one PNG that shows them in rows."""

import importlib.util
import textwrap

_COLUMNS, _SIDE, _MARGIN, _LINES = 6, 160, 8, 3
_LINE_HEIGHT, _CHARACTERS = 14, 26


def check_installed():
    """Raises an ImportError that names the extra if Pillow is missing."""
    if importlib.util.find_spec("PIL") is None:
        raise ImportError(
            "A contact sheet needs the package 'pillow', which is not installed. Install it with: "
            "pip install 'keras-lit[demo]'"
        )


def draw_contact_sheet(samples, path):
    """Draws pictures, each with its first caption below.

    Args:
        samples: List of pairs of a picture, uint8 `(height, width, 3)`, and its captions.
        path: Path of the PNG file to write.

    Raises:
        ImportError: If Pillow is missing.
        ValueError: If there is no picture.
    """
    check_installed()
    from PIL import Image, ImageDraw, ImageFont

    if not samples:
        raise ValueError("`samples` is empty.")
    columns = min(_COLUMNS, len(samples))
    width, height = _SIDE + _MARGIN, _SIDE + _LINES * _LINE_HEIGHT + 2 * _MARGIN
    rows = -(-len(samples) // columns)
    sheet = Image.new("RGB", (columns * width + _MARGIN, rows * height + _MARGIN), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=11)
    for number, (picture, captions) in enumerate(samples):
        row, column = divmod(number, columns)
        left, top = _MARGIN + column * width, _MARGIN + row * height
        picture = Image.fromarray(picture)
        scale = _SIDE / max(picture.size)
        picture = picture.resize([max(1, round(side * scale)) for side in picture.size])
        sheet.paste(picture, (left, top))
        lines = textwrap.wrap(captions[0], _CHARACTERS, max_lines=_LINES, placeholder=" …")
        for line, text in enumerate(lines):
            draw.text((left, top + _SIDE + line * _LINE_HEIGHT), text, fill="black", font=font)
    sheet.save(path)
