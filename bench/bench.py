#!/usr/bin/env python3
"""Measures the gateway and prints a table for each part; see docs/performance.md.

The figures, as CSV and as plots, and facts about the machine go to the folder given by --results.
"""

import argparse
import importlib
import os
import pathlib
import shutil
import sys
import tempfile
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "tests/e2e")]

import envoys  # noqa: E402
import measure  # noqa: E402
import report  # noqa: E402

# In this order; each is a file of bench/parts.
PARTS = ["routes", "services", "endpoints", "start", "envoys", "storm", "bighost", "tls", "stats", "memory", "functions",
         "manyfunctions"]
# Takes minutes and gigabytes: only when it is asked for.
ON_DEMAND = ["million"]


class Context:
    """What every part is given."""

    def __init__(self, folder, options):
        self.folder = folder
        self.quick = options.quick
        self.tiny = options.tiny
        self.go_programs = pathlib.Path(options.peers) if options.peers else None
        self.backend = envoys.backend(folder)

    def say(self, text):
        print(f"==> {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)

    def count(self, full):
        """How many changes: fewer in a quick run."""
        if self.tiny:
            return 2
        return max(10, full // 5) if self.quick else full

    def sizes(self, full, quick):
        if self.tiny:
            return quick[:1]
        return quick if self.quick else full


def arguments():
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer sizes and changes: less than five minutes")
    parser.add_argument("--only", action="append", choices=PARTS + ON_DEMAND, metavar="PART",
                        help=f"this part alone (may be repeated): {', '.join(PARTS + ON_DEMAND)}")
    parser.add_argument("--results", type=pathlib.Path, help="folder for the CSV, the plots and the machine's facts")
    parser.add_argument("--tiny", action="store_true", help="the smallest size, two changes: shows that a part works")
    parser.add_argument("--peers", default=os.environ.get("GLOO_BENCH_PEERS"), help=argparse.SUPPRESS)
    return parser.parse_args()


def save(folder, groups, facts):
    """The results of a run replace those of the run before; parts that did not run keep their CSV and plot."""
    import plots

    folder.mkdir(parents=True, exist_ok=True)
    for group in groups:
        report.write_csv(folder / f"{group.name}.csv", group)
    plots.draw(folder, groups, facts)
    report.write_markdown(folder / "README.md", groups, facts)


def main():
    options = arguments()
    if not shutil.which("h2load"):
        sys.exit("bench/run: h2load is missing: run tools/setup --test")
    facts = measure.machine()
    groups, failed = [], []
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="gloo-bench-") as name:
        context = Context(pathlib.Path(name), options)
        try:
            for part in options.only or PARTS:
                # What went wrong in one part must not cost the figures of the others.
                try:
                    for group in importlib.import_module(f"parts.{part}").run(context):
                        groups.append(group)
                        report.print_group(group)
                except (RuntimeError, AssertionError, OSError):
                    traceback.print_exc()
                    failed.append(part)
        finally:
            context.backend.stop()
    report.print_verdict(groups)
    print("Machine: " + ", ".join(f"{key} {value}" for key, value in facts.items()))
    if context.go_programs is None:
        print("WITHOUT the floor and the peer: Go is missing or too old, see above.")
    if options.quick or options.tiny:
        print("A quick run: p99 is of few changes, and large sizes are left out.")
    print(f"{time.monotonic() - began:.0f} s")
    if options.results:
        save(options.results, groups, facts)
    if failed:
        sys.exit(f"bench/run: FAILED, see above: {', '.join(failed)}")


if __name__ == "__main__":
    main()
