#!/usr/bin/env python3
"""Measures the gateway and prints one table.

Route propagation from rename() of the saved file to the first 200, at 100, 1,000 and 10,000 routes (ten a host, a host a
file); start, memory and CPU of the control plane; CPU of Envoy per request with and without the transformation filter,
and with Envoy's Lua filter doing the same.
"""

import argparse
import pathlib
import shutil
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "tests/e2e")]

import envoys  # noqa: E402
import measure  # noqa: E402
import propagation  # noqa: E402
import transform  # noqa: E402


def say(text):
    print(f"==> {text}", file=sys.stderr, flush=True)


def print_propagation(results):
    print(f"\n{'routes':>8} {'change to 200':>22} {'gloo CPU':>10} {'gloo RSS':>9} {'Envoy RSS':>10} "
          f"{'first start':>12} {'next start':>11}")
    print(f"{'':>8} {'median':>10} {'p99':>11} {'a change':>10}")
    for r in results:
        print(f"{r['routes']:>8,} {r['median_ms']:>7.1f} ms {r['p99_ms']:>8.1f} ms {r['gloo_cpu_ms']:>7.2f} ms "
              f"{r['gloo_rss_mb']:>6.0f} MB {r['envoy_rss_mb']:>7.0f} MB {r['cold_start_s']:>10.2f} s "
              f"{r['second_start_s']:>9.2f} s")


def print_transform(rows):
    print(f"\n{'Envoy CPU per request':<32} {'total':>10} {'added':>10} {'added':>8}")
    for name, total, added, share in rows:
        if added is None:
            print(f"{name:<32} {total:>7.1f} us")
        else:
            print(f"{name:<32} {total:>7.1f} us {added:>7.2f} us {share:>6.1f} %")


def main():
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rounds: shows that it works, not how fast it is")
    parser.add_argument("--only", choices=["propagation", "transform"], help="one part")
    parser.add_argument("--routes", type=int, nargs="+", default=[100, 1000, 10000])
    parser.add_argument("--changes", type=int, default=200, help="changes measured for each number of routes")
    parser.add_argument("--rounds", type=int, default=15, help="interleaved rounds of the transformation part")
    parser.add_argument("--seconds", type=int, default=1, help="length of one run of the transformation part")
    options = parser.parse_args()
    if options.quick:
        options.routes, options.changes, options.rounds, options.seconds = [100], 10, 1, 1
    if not shutil.which("wrk"):
        sys.exit("bench/run: wrk is missing: run tools/setup --test")

    with tempfile.TemporaryDirectory(prefix="gloo-bench-") as name:
        folder = pathlib.Path(name)
        backend = envoys.backend(folder)
        try:
            results, rows = [], []
            if options.only != "transform":
                for routes in options.routes:
                    say(f"propagation at {routes} routes")
                    results.append(propagation.run(folder, routes, options.changes, backend.port, say))
            if options.only != "propagation":
                say("transformations")
                rows = transform.run(folder, options.rounds, options.seconds, backend.port, say)
        finally:
            backend.stop()
    print(f"Machine: {measure.machine()}")
    if options.quick:
        print("Quick run: the figures below say that it works, nothing more.")
    if results:
        print_propagation(results)
    if rows:
        print_transform(rows)


if __name__ == "__main__":
    main()
