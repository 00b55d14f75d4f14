"""Pictures of the figures: a file a part, a plot a case that was measured at several sizes or beside others."""

import math

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot  # noqa: E402

COLUMNS = 3


def draw(folder, groups, facts):
    """Writes a PNG for each group that has something to show."""
    for group in groups:
        cases = {}
        for row in group.rows:
            cases.setdefault(row.case, []).append(row)
        cases = {case: rows for case, rows in cases.items() if len(rows) > 1 or rows[0].floor is not None or rows[0].peers}
        if cases and group.plotted:
            _draw_group(folder / f"{group.name}.png", group.title, cases, facts)


def _draw_group(path, title, cases, facts):
    columns = min(COLUMNS, len(cases))
    lines = math.ceil(len(cases) / columns)
    figure, axes = pyplot.subplots(lines, columns, figsize=(4.6 * columns, 3.4 * lines + 0.6), squeeze=False)
    for axis in axes.flat[len(cases):]:
        axis.set_visible(False)
    for axis, (case, rows) in zip(axes.flat, cases.items()):
        _draw_case(axis, case, rows)
    figure.suptitle(title, fontsize=10)
    figure.text(0.995, 0.005, f"{facts['cores']} cores, {facts['cpu']}, {facts['date']}", ha="right", fontsize=6)
    figure.tight_layout(rect=(0, 0.015, 1, 0.98))
    figure.savefig(path, dpi=80)
    pyplot.close(figure)


def _series(rows):
    """{name: [(size, figure)]}, the gateway first."""
    out = {"gloo": [(row.size, row.p50) for row in rows]}
    if any(row.p99 is not None for row in rows):
        out["gloo, p99"] = [(row.size, row.p99) for row in rows if row.p99 is not None]
    out["floor"] = [(row.size, row.floor) for row in rows if row.floor is not None]
    for name in dict.fromkeys(name for row in rows for name in row.peers):
        out[name] = [(row.size, row.peers[name]) for row in rows if name in row.peers]
    out["aim"] = [(row.size, row.aim.p50) for row in rows if row.aim is not None]
    return {name: points for name, points in out.items() if points}


STYLES = {"gloo": "o-C0", "gloo, p99": "^:C0", "floor": "s--C2", "aim": "_-C7"}


def _draw_case(axis, case, rows):
    series = _series(rows)
    if len(rows) > 1 and rows[0].size is not None:
        others = iter(("v-C1", "d-C3", "x-C4"))
        for name, points in series.items():
            axis.plot(*zip(*points), STYLES.get(name) or next(others), label=name, markersize=4, linewidth=1)
        axis.set_xscale("log")
        axis.set_xlabel("size", fontsize=7)
    else:
        names = [f"{row.size:,}" if row.size is not None and len(rows) > 1 else "" for row in rows]
        for i, (name, points) in enumerate(series.items()):
            axis.bar([f"{name} {n}".strip() for n, _ in zip(names, points)], [value for _, value in points], color=f"C{i}")
        axis.tick_params(axis="x", rotation=20)
    values = [value for points in series.values() for _, value in points if value > 0]
    if values and max(values) > 20 * min(values):
        axis.set_yscale("log")
    else:
        axis.set_ylim(bottom=0)
    axis.set_title(case, fontsize=8)
    axis.set_ylabel(rows[0].unit, fontsize=7)
    axis.tick_params(labelsize=6)
    axis.grid(True, linewidth=0.3)
    if len(rows) > 1:
        axis.legend(fontsize=6)
