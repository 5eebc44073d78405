"""Plain arrays and dicts -> sections of the report: strings of HTML with their pictures inside."""

import base64
import html

from keras_lit.evaluation.report_figures import draw_confusion_matrix, draw_curves, encode_png


def key_figures(figures):
    """The three or four numbers to remember.

    Args:
        figures: list of `(number, what, comparison)` strings, e.g.
            `("65 %", "of unseen line drawings put into the right group", "chance 12.5 %")`.

    Returns:
        HTML string.
    """
    cells = [
        f"<div><strong>{_text(number)}</strong><span>{_text(what)}</span>"
        f"<small>{_text(comparison)}</small></div>"
        for number, what, comparison in figures
    ]
    return f'<section><div class="figures">{"".join(cells)}</div></section>'


def metrics_table(title, explanation, rows, columns):
    """A table of shares with chance level and comparisons; the first column is the model's own.

    Args:
        title: string.
        explanation: string below the title.
        rows: list of `(label, values, chance)`: string; dict of column to number in `[0, 1]`,
            which may lack columns; number in `[0, 1]` or `None`.
        columns: list of strings: the model's own, then what it is compared with.

    Returns:
        HTML string. Shares are printed in percent.
    """
    own, *others = columns
    head = "".join(f'<th scope="col">{_text(name)}</th>' for name in (own, "chance", *others))
    body = []
    for label, values, chance in rows:
        cells = [
            f'<td class="own">{_bar(values[own], chance)}{_percent(values[own])}</td>',
            f'<td class="chance">{_percent(chance)}</td>',
            *(f"<td>{_percent(values.get(name))}</td>" for name in others),
        ]
        body.append(f'<tr><th scope="row">{_text(label)}</th>{"".join(cells)}</tr>')
    return _section(
        title,
        explanation,
        '<div class="scroll"><table><thead><tr><th scope="col"></th>'
        f"{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>",
    )


def learning_curve(title, explanation, panels):
    """Curves of a training run, one chart per panel.

    Args:
        title: string.
        explanation: string below the title.
        panels: list of dicts, each as for `report_figures.draw_curves`: `title`, string; `curves`,
            dict of name to `(steps, values)`; optionally `x_label`, string, and `chance`, number.

    Returns:
        HTML string.
    """
    charts = []
    for panel in panels:
        ends = [f"{name} ends at {values[-1]:.3g}" for name, (_, values) in panel["curves"].items()]
        charts.append(_chart(draw_curves, (panel,), f"{panel['title']}: {', '.join(ends)}"))
    return _section(title, explanation, f'<div class="charts">{"".join(charts)}</div>')


def confusion_section(title, explanation, matrix, class_names):
    """How often each class was taken for each.

    Args:
        title: string.
        explanation: string below the title.
        matrix: integers `(classes, classes)`, rows are labels.
        class_names: list of strings.

    Returns:
        HTML string.
    """
    shares = [
        f"{name}: {row[index]} of {sum(row)}"
        for index, (name, row) in enumerate(zip(class_names, matrix, strict=True))
    ]
    alt = "Confusion matrix. Right answers: " + "; ".join(shares)
    chart = _chart(draw_confusion_matrix, (matrix, class_names), alt)
    return _section(title, explanation, f'<div class="charts">{chart}</div>')


def zero_shot_gallery(title, explanation, examples):
    """Pictures beside the classes that the model gives them.

    Args:
        title: string.
        explanation: string below the title.
        examples: list of dicts: `picture`, uint8 `(height, width, 3)`; `name`, string; `label`,
            string; `guesses`, list of `(class name, probability)`, most probable first.

    Returns:
        HTML string. The right class is printed in green with a check mark.
    """
    cards = []
    for example in examples:
        guesses = []
        for class_name, probability in example["guesses"]:
            right = class_name == example["label"]
            guesses.append(
                f'<div class="guess{" right" if right else ""}">'
                f'<i style="width:{100 * probability:.1f}%"></i>'
                f"<span>{_text(class_name)}{' ✓' if right else ''}</span>"
                f"<span>{_percent(probability, digits=0)}</span></div>"
            )
        cards.append(
            f'<div class="example">{_picture(example["picture"], example["name"])}<div>'
            f"<p>{_text(example['name'])}<small>belongs to: {_text(example['label'])}</small></p>"
            f"{''.join(guesses)}</div></div>"
        )
    return _section(title, explanation, f'<div class="examples">{"".join(cards)}</div>')


def text_query_gallery(title, explanation, queries):
    """Texts beside the pictures that the model finds for them.

    Args:
        title: string.
        explanation: string below the title.
        queries: list of dicts: `text`, string; `pictures`, list of uint8 `(height, width, 3)`,
            best first; `names`, list of strings; `correct`, list of booleans.

    Returns:
        HTML string. Correct pictures have a green frame and a check mark.
    """
    rows = []
    for query in queries:
        matches = []
        for picture, name, correct in zip(
            query["pictures"], query["names"], query["correct"], strict=True
        ):
            alt = f"{name} ({'correct' if correct else 'not what was asked for'})"
            matches.append(
                f'<figure class="match{" right" if correct else ""}">{_picture(picture, alt)}'
                "</figure>"
            )
        num_correct = sum(map(bool, query["correct"]))
        rows.append(
            f'<div class="query"><p>“{_text(query["text"])}”'
            f"<small>{num_correct} of {len(matches)} correct</small></p>"
            f'<div class="matches">{"".join(matches)}</div></div>'
        )
    return _section(title, explanation, "".join(rows))


def notes_section(title, notes):
    """A list of remarks: data, licences of the pictures, versions, how to repeat the run.

    Args:
        title: string.
        notes: list of strings, or of `(string, link)`.

    Returns:
        HTML string.
    """
    items = []
    for note in notes:
        text, link = (note, None) if isinstance(note, str) else note
        linked = f'<a href="{_text(link)}">{_text(text)}</a>' if link else _text(text)
        items.append(f"<li>{linked}</li>")
    return _section(title, "", f"<ul>{''.join(items)}</ul>")


def _section(title, explanation, body):
    explanation = f"<p>{_text(explanation)}</p>" if explanation else ""
    return f"<section><h2>{_text(title)}</h2>{explanation}{body}</section>"


def _chart(draw, arguments, alt):
    """Draws a chart twice; the browser shows the one that fits the page's colors."""
    light, dark = (draw(*arguments, dark=dark) for dark in (False, True))
    # The file has two dots per pixel of the page, for sharp screens; its width is in its header.
    width = int.from_bytes(light[16:20], "big") // 2
    return (
        '<picture><source media="(prefers-color-scheme: dark)" '
        f'srcset="{_data_uri(dark)}"><img src="{_data_uri(light)}" width="{width}" '
        f'alt="{_text(alt)}"></picture>'
    )


def _picture(array, alt):
    alt = _text(alt)
    uri = _data_uri(encode_png(array))
    return f'<img class="picture" src="{uri}" alt="{alt}" title="{alt}">'


def _data_uri(png):
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _bar(share, chance):
    filled = f'<i style="width:{100 * share:.1f}%"></i>'
    mark = "" if chance is None else f'<b style="left:{100 * chance:.1f}%"></b>'
    return f'<span class="bar" aria-hidden="true">{filled}{mark}</span>'


def _percent(share, digits=1):
    return "–" if share is None else f"{100 * share:.{digits}f}&nbsp;%"


def _text(value):
    return html.escape(str(value))
