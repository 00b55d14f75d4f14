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


HEADER = ["case", "size", "p50", "p99", "aim", "met", "floor", "peer"]


def print_group(group):
    rows = [HEADER] + [_cells(row) for row in group.rows]
    # A column that is empty everywhere says nothing.
    used = [i for i in range(len(HEADER)) if any(row[i] for row in rows[1:])]
    widths = {i: max(len(row[i]) for row in rows) for i in used}
    print(f"\n{group.title}", flush=True)
    for row in rows:
        print("  ".join(row[i].ljust(widths[i]) if i in (0, 7) else row[i].rjust(widths[i]) for i in used).rstrip(),
              flush=True)


def print_verdict(groups):
    judged = [row for group in groups for row in group.rows if row.met is not None]
    missed = [row for row in judged if not row.met]
    print(f"\n{len(judged) - len(missed)} of {len(judged)} aims met" + (":" if missed else ""))
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
