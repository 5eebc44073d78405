"""Plain arrays -> PNG bytes of the report's charts, for light and for dark pages."""

import contextlib
import io

import numpy as np

_LIGHT = {
    "background": "#ffffff",
    "text": "#1c1f24",
    "muted": "#5e6570",
    "line": "#e2e3e0",
    "curves": ["#2a63c9", "#c2571a", "#14713f", "#8b3fa8"],
}
_DARK = {
    "background": "#1c1f25",
    "text": "#e8eaee",
    "muted": "#a0a7b3",
    "line": "#333843",
    "curves": ["#86b0ff", "#f2a065", "#56c98f", "#d296ea"],
}
_FONTS = ("Inter", "Helvetica Neue", "Arial", "Liberation Sans", "Noto Sans", "DejaVu Sans")


def draw_curves(panel, dark=False):
    """Draws curves over training steps, or whatever `x_label` says.

    Args:
        panel: dict of `title`, string; `curves`, dict of name to `(steps, values)`; optionally
            `x_label`, string, and `chance`, a number drawn as a dashed line.
        dark: boolean, light strokes on a dark ground.

    Returns:
        PNG as bytes.

    Raises:
        ImportError: without matplotlib; the message names the extra to install.
    """
    with _style(dark) as (figure_class, palette):
        figure = figure_class(figsize=(4.6, 3.1), layout="constrained")
        axis = figure.subplots()
        for name, (steps, values) in panel["curves"].items():
            axis.plot(steps, values, label=name, marker="o" if len(steps) < 25 else None)
        if "chance" in panel:
            axis.axhline(panel["chance"], color=palette["muted"], ls="--", label="chance")
        axis.set_title(panel["title"], loc="left")
        axis.set_xlabel(panel.get("x_label", "step"))
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.set_ylim(bottom=0)
        axis.margins(x=0.02)
        if len(axis.get_lines()) > 1:
            axis.legend()
        return _to_png(figure)


def draw_confusion_matrix(matrix, class_names, dark=False):
    """Draws how often each class was taken for each, each row in percent of the class.

    Args:
        matrix: integers `(classes, classes)`, rows are labels.
        class_names: list of strings.
        dark: boolean, light strokes on a dark ground.

    Returns:
        PNG as bytes.

    Raises:
        ImportError: without matplotlib; the message names the extra to install.
    """
    matrix = np.asarray(matrix)
    num_pictures = matrix.sum(axis=1)
    shares = matrix / np.maximum(num_pictures, 1)[:, None]
    count = len(class_names)
    width = min(9.4, 2.4 + 0.55 * count)
    with _style(dark) as (figure_class, palette):
        from matplotlib.colors import LinearSegmentedColormap

        figure = figure_class(figsize=(width, 0.84 * width), layout="constrained")
        axis = figure.subplots()
        tones = [palette["background"], palette["curves"][0]]
        colormap = LinearSegmentedColormap.from_list("shares", tones)
        axis.imshow(shares, colormap, vmin=0, vmax=1)
        axis.set_xticks(range(count), class_names, rotation=40, ha="right", rotation_mode="anchor")
        labels = [
            f"{name} ({number})" for name, number in zip(class_names, num_pictures, strict=True)
        ]
        axis.set_yticks(range(count), labels)
        axis.set_xlabel("predicted")
        axis.set_ylabel("true class (number of pictures)")
        axis.spines[:].set_visible(False)
        axis.tick_params(length=0)
        axis.grid(False)
        # Numbers in more cells than that would be too small to read.
        for row, column in np.argwhere(shares >= 0.005) if count <= 20 else ():
            share = shares[row, column]
            brightness = np.dot(colormap(share)[:3], (0.2126, 0.7152, 0.0722))
            color = "black" if brightness > 0.5 else "white"
            axis.text(column, row, f"{100 * share:.0f}", ha="center", va="center", color=color)
        return _to_png(figure)


def encode_png(picture):
    """Turns a picture, uint8 `(height, width, 3)`, into PNG bytes.

    Raises:
        ValueError: for another type or shape.
        ImportError: without Pillow; the message names the extra to install.
    """
    picture = np.asarray(picture)
    if picture.dtype != "uint8" or picture.ndim != 3 or picture.shape[-1] != 3:
        raise ValueError(
            "A picture of the report must be uint8 of shape (height, width, 3); received "
            f"{picture.dtype} of shape {picture.shape}."
        )
    try:
        from PIL import Image
    except ImportError as error:
        raise _missing_extra("Pillow") from error
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def thumbnail(picture, side=152):
    """Shrinks a picture, uint8 `(height, width, 3)`, to at most `side` pixels each way.

    Raises:
        ImportError: without Pillow; the message names the extra to install.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise _missing_extra("Pillow") from error
    image = Image.fromarray(np.asarray(picture))
    image.thumbnail((side, side))
    return np.asarray(image)


def draw_matches(query, pictures, captions):
    """Draws the pictures that were found for a text, best first, four in a row.

    Args:
        query: string.
        pictures: list of uint8 `(height, width, 3)`.
        captions: list of strings, one below each picture.

    Returns:
        PNG as bytes.

    Raises:
        ImportError: without matplotlib; the message names the extra to install.
    """
    num_columns = min(4, len(pictures))
    num_rows = -(-len(pictures) // num_columns)
    with _style(dark=False) as (figure_class, _):
        figure = figure_class(
            figsize=(2.1 * num_columns, 0.5 + 2.4 * num_rows), layout="constrained"
        )
        axes = figure.subplots(num_rows, num_columns, squeeze=False).ravel()
        for axis in axes:
            axis.set_axis_off()
        for axis, picture, caption in zip(axes, pictures, captions, strict=False):
            axis.imshow(picture)
            axis.set_title(caption, fontsize=8, fontweight="normal")
        figure.suptitle(query, fontweight="bold")
        return _to_png(figure)


@contextlib.contextmanager
def _style(dark):
    """Yields matplotlib's Figure class (which needs no display) and the palette in use."""
    try:
        import matplotlib
        from matplotlib import font_manager
        from matplotlib.figure import Figure
    except ImportError as error:
        raise _missing_extra("matplotlib") from error
    palette = _DARK if dark else _LIGHT
    installed = set(font_manager.get_font_names())
    style = {
        "font.family": [name for name in _FONTS if name in installed],
        "font.size": 10,
        "figure.facecolor": palette["background"],
        "axes.facecolor": palette["background"],
        "savefig.facecolor": palette["background"],
        "text.color": palette["text"],
        "axes.labelcolor": palette["muted"],
        "axes.titlecolor": palette["text"],
        "axes.titlesize": 11,
        "axes.titleweight": "bold",
        "axes.prop_cycle": matplotlib.cycler(color=palette["curves"]),
        "axes.edgecolor": palette["line"],
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "xtick.color": palette["muted"],
        "ytick.color": palette["muted"],
        "grid.color": palette["line"],
        "grid.linewidth": 0.8,
        "lines.linewidth": 2,
        "lines.markersize": 4,
        "legend.frameon": False,
        "savefig.dpi": 200,
    }
    with matplotlib.rc_context(style):
        yield Figure, palette


def _to_png(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _missing_extra(package):
    return ImportError(
        f"The report's pictures need {package}, which is not installed. Run "
        "`pip install 'keras-lit[demo]'`."
    )
