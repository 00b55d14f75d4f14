"""Rows of figures, the table that is printed of them, and the CSV."""

import csv
import dataclasses


@dataclasses.dataclass
class Aim:
    """Upper bounds, in the unit of the row."""

    p50: float
    p99: float | None = None

    def text(self, unit):
        return f"{number(self.p50)}{f' / {number(self.p99)}' if self.p99 is not None else ''} {unit}"


@dataclasses.dataclass
class Row:
    case: str
    unit: str
    p50: float
    p99: float | None = None
    size: int | None = None
    aim: Aim | None = None
    # What nothing that sends this change to an Envoy can be better than; the median.
    floor: float | None = None
    # Medians of others doing the same: {name: figure}.
    peers: dict = dataclasses.field(default_factory=dict)

    @property
    def met(self):
        if self.aim is None:
            return None
        return self.p50 <= self.aim.p50 and (self.aim.p99 is None or self.p99 is None or self.p99 <= self.aim.p99)


@dataclasses.dataclass
class Group:
    """What one part has measured."""

    name: str
    title: str
    rows: list
    # A picture for each case tells more than the table.
    plotted: bool = True


def number(value):
    """Three figures are enough."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}"


def _cells(row):
    def with_unit(value):
        return f"{number(value)} {row.unit}" if value is not None else ""

    return [row.case, f"{row.size:,}" if row.size is not None else "", with_unit(row.p50), with_unit(row.p99),
            row.aim.text(row.unit) if row.aim else "", {None: "", True: "yes", False: "NO"}[row.met],
            with_unit(row.floor), ", ".join(f"{name} {number(value)}" for name, value in row.peers.items())]


# Lined up to the left: the first and the last column.
TEXT = (0, 7)
HEADER = ["case", "size", "p50", "p99", "aim", "met", "floor", "peer"]


def _table(group):
    """(lines of cells, the header first; places of the columns that say something)."""
    rows = [HEADER] + [_cells(row) for row in group.rows]
    return rows, [i for i in range(len(HEADER)) if any(row[i] for row in rows[1:])]


def print_group(group):
    rows, used = _table(group)
    widths = {i: max(len(row[i]) for row in rows) for i in used}
    print(f"\n{group.title}", flush=True)
    for row in rows:
        print("  ".join(row[i].ljust(widths[i]) if i in TEXT else row[i].rjust(widths[i]) for i in used).rstrip(),
              flush=True)


def write_markdown(path, groups, facts):
    """All tables on one page; those of groups that were not measured now stay as they are, each with its own date."""
    kept = {}
    if path.exists():
        for section in path.read_text(encoding="utf-8").split("\n## ")[1:]:
            kept[section.split("\n", 1)[0]] = section.strip()
    for group in groups:
        rows, used = _table(group)
        lines = [group.name, "", f"{group.title}.", "",
                 f"{facts['date']}, {facts['cores']} cores, load {facts['load']}; {verdict([group])}.", "",
                 "| " + " | ".join(rows[0][i] for i in used) + " |",
                 "| " + " | ".join("---" if i in TEXT else "---:" for i in used) + " |"]
        kept[group.name] = "\n".join(lines + ["| " + " | ".join(row[i] for i in used) + " |" for row in rows[1:]])
    head = ["# Figures", "",
            "Of the last run of each part. What they mean: [performance](../../docs/performance.md).", "",
            *(f"- {key}: {facts[key]}" for key in ("cpu", "memory", "kernel"))]
    sections = "".join(f"\n\n## {section}" for section in kept.values())
    path.write_text("\n".join(head) + sections + "\n", encoding="utf-8")


def verdict(groups):
    judged = [row for group in groups for row in group.rows if row.met is not None]
    return f"{sum(row.met for row in judged)} of {len(judged)} aims met"


def print_verdict(groups):
    missed = [row for group in groups for row in group.rows if row.met is False]
    print(f"\n{verdict(groups)}" + (":" if missed else ""))
    for row in missed:
        size = f" at {row.size:,}" if row.size is not None else ""
        print(f"  missed: {row.case}{size}: {number(row.p50)} {row.unit}"
              f"{f' (p99 {number(row.p99)})' if row.p99 is not None else ''}, aim {row.aim.text(row.unit)}")


def write_csv(path, group):
    with open(path, "w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["case", "size", "unit", "p50", "p99", "aim_p50", "aim_p99", "met", "floor", "peers"])
        for row in group.rows:
            aims = (row.aim.p50, row.aim.p99) if row.aim else (None, None)
            writer.writerow([
                row.case, row.size if row.size is not None else "", row.unit, *map(_plain, (row.p50, row.p99, *aims)),
                {None: "", True: "yes", False: "no"}[row.met], _plain(row.floor),
                "; ".join(f"{name}={_plain(value)}" for name, value in row.peers.items())])


def by_case(rows):
    """The same case at all sizes stands together."""
    cases = list(dict.fromkeys(row.case for row in rows))
    return sorted(rows, key=lambda row: (cases.index(row.case), row.size))


def _plain(value):
    return "" if value is None else f"{value:.4g}"
