"""Sections of HTML and numbers -> `report.html` (one file, nothing fetched) and `metrics.json`.

```python
from keras_lit.evaluation.report import write_report
from keras_lit.evaluation.report_sections import metrics_table, notes_section

rows = [("Text to image, recall@10", {"this model": 0.31}, 0.04)]
write_report(
    "runs/mine",
    title="My LiT model",
    summary="A text tower tuned on 10,000 captions.",
    sections=[
        metrics_table("What it can do", "In percent.", rows, ["this model"]),
        notes_section("Notes", ["Pictures: my own."]),
    ],
    metrics={"text_to_image_recall@10": 0.31},
    chance={"text_to_image_recall@10": 0.04},
)
```
"""

import html
import json
import math
import os
import pathlib

from keras_lit.evaluation.report_style import STYLE
from keras_lit.whole_files import whole_file

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<header><h1>{title}</h1><p>{summary}</p></header>
{sections}
</main>
</body>
</html>
"""


def write_report(folder, title, summary, sections, metrics, chance):
    """Writes `report.html` and `metrics.json` into a folder.

    Each file is complete or not there: it is written beside its place and then renamed.

    Args:
        folder: path, created if missing.
        title: string.
        summary: string, one or two sentences below the title.
        sections: list of HTML strings from `keras_lit.evaluation.report_sections`.
        metrics: flat dict of finite numbers.
        chance: dict of the chance level of each scored metric, under the metric's name.

    Returns:
        Path of `report.html`.

    Raises:
        ValueError: a metric that is no finite number, is called "chance", or a chance level without
            its metric; nothing is written then.
        OSError: if the folder cannot be written.
    """
    _check_metrics(metrics, chance)
    page = render_page(title, summary, sections)
    numbers = json.dumps({**metrics, "chance": dict(chance)}, indent=2) + "\n"
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "metrics.json", numbers)
    write_whole(folder / "report.html", page)
    return folder / "report.html"


def render_page(title, summary, sections):
    """Returns the HTML of a whole page; arguments are those of `write_report`."""
    return _PAGE.format(
        title=html.escape(title),
        summary=html.escape(summary),
        style=STYLE,
        sections="\n".join(sections),
    )


def _check_metrics(metrics, chance):
    if "chance" in metrics:
        raise ValueError('`metrics` has a "chance"; pass chance levels as `chance`.')
    for argument, numbers in (("metrics", metrics), ("chance", chance)):
        for name, value in numbers.items():
            if not isinstance(value, (int, float)) or not math.isfinite(value):
                raise ValueError(
                    f"`{argument}[{name!r}]` must be a finite Python number; received {value!r}. "
                    "JSON has no NaN: leave out what was not measured."
                )
    unknown = sorted(set(chance) - set(metrics))
    if unknown:
        raise ValueError(f"`chance` has {unknown}, which are not in `metrics`.")


def write_whole(path, text):
    """Writes a text file that is complete or not there."""
    with whole_file(path) as file:
        file.write(text.encode())
        os.chmod(file.fileno(), 0o644)  # for others to read
