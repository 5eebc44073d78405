"""The log of a training run, a CSV file -> learning curves, and the charts that show them."""

import csv


def curves_of_log(path):
    """Reads the learning curves that `keras.callbacks.CSVLogger` wrote.

    Args:
        path: of the CSV file.

    Returns:
        Dict from each numeric column to `(epochs, values)`.

    Raises:
        ValueError: if the file has no column `epoch` or no rows.
    """
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or "epoch" not in rows[0]:
        raise ValueError(
            f"'{path}' is no log of keras.callbacks.CSVLogger: it has no column 'epoch' or no rows."
        )
    curves = {}
    for name in rows[0]:
        pairs = [(int(row["epoch"]), row[name]) for row in rows if row[name] not in ("", "NA")]
        if name != "epoch" and pairs:
            curves[name] = ([epoch for epoch, _ in pairs], [float(value) for _, value in pairs])
    return curves


def curve_panels(curves):
    """Arranges curves in charts; what was measured while training and validating shares one.

    Args:
        curves: dict of a metric's name to `(epochs, values)`.

    Returns:
        List of panels, as for `report_sections.learning_curve`.
    """
    panels = {}
    for name, curve in curves.items():
        title = name.removeprefix("val_")
        panel = {"title": title, "curves": {}, "x_label": "epoch"}
        panels.setdefault(title, panel)["curves"][name] = curve
    return list(panels.values())
