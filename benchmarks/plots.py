"""Numbers in `results/` -> pictures beside them: cost of the losses by batch, speed of the step.

Usage: python -m benchmarks.plots
"""

import json

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot  # noqa: E402  The backend is chosen first.

from benchmarks.measure import RESULTS  # noqa: E402

_COLORS = {"dense": "tab:orange", "chunked": "tab:blue", "open_clip": "tab:gray"}


def plot_losses(records):
    """Plots time and memory of the softmax loss over the batch size, one line per path."""
    figure, axes = pyplot.subplots(1, 2, figsize=(10, 3.8))
    lines = {}
    for record in records:
        if record["loss"] != "softmax":
            continue
        for kind, numbers in record["kinds"].items():
            backend = "torch" if kind == "open_clip" else record["backend"]
            values = numbers["cpu"]["median"], numbers["megabytes"]["median"]
            lines.setdefault((kind, backend), {})[record["batch_size"]] = values
    for (kind, backend), points in sorted(lines.items()):
        style = "--" if backend == "tensorflow" else "-"
        for axis, index in zip(axes, (0, 1), strict=True):
            values = [points[batch_size][index] for batch_size in sorted(points)]
            label = f"{kind}, {backend}"
            axis.plot(sorted(points), values, style, marker="o", color=_COLORS[kind], label=label)
    for axis, title in zip(axes, ("CPU seconds", "peak memory, MB"), strict=True):
        axis.set(xscale="log", yscale="log", xlabel="batch", title=title)
        axis.set_xticks(sorted({record["batch_size"] for record in records}))
        axis.get_xaxis().set_major_formatter(
            matplotlib.ticker.FuncFormatter(lambda x, _: f"{x:,.0f}")
        )
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=8)
    figure.suptitle("Softmax contrastive loss, forward and backward, dim 512, one core")
    return figure


def plot_steps(records):
    """Plots CPU milliseconds per step as bars, one panel per step and number of cores."""
    figure, axes = pyplot.subplots(1, len(records), figsize=(4 * len(records), 3), sharey=True)
    for axis, record in zip(axes if len(records) > 1 else [axes], records, strict=True):
        names = list(record["contenders"])
        values = [1000 * record["contenders"][name]["cpu"]["median"] for name in names]
        bars = axis.barh(
            names, values, color=["tab:blue" if "lit" in n else "tab:gray" for n in names]
        )
        axis.bar_label(bars, fmt="%.0f", padding=2, fontsize=8)
        axis.set_xlim(0, 1.15 * max(values))
        axis.set_title(f"{record['step']} step, {record['num_cores']} core(s), CPU ms", fontsize=10)
    figure.axes[0].invert_yaxis()  # For all panels, which share it.
    return figure


def main():
    for name, plot in (("losses", plot_losses), ("step", plot_steps)):
        results = RESULTS / f"{name}.json"
        if not results.exists():
            print(f"{name}: left out, `python -m benchmarks.{name}` has not run.")
            continue
        figure = plot(json.loads(results.read_text())["numbers"])
        figure.tight_layout()
        figure.savefig(RESULTS / f"{name}.png", dpi=120)
        print(f"{RESULTS / name}.png")


if __name__ == "__main__":
    main()
