"""The benchmarks work: the smallest size of each part, without a judgement of the figures."""

import csv
import math
import os
import subprocess
import sys

import pytest

from harness.gateway import BUILD, ROOT

PARTS = ["routes", "services", "endpoints", "start", "storm", "bighost", "tls", "stats", "memory", "functions",
         "manyfunctions", "million"]


@pytest.mark.parametrize("part", PARTS)
def test_a_part_measures(part, tmp_path):
    # The programs that are compared with need Go and minutes to be built; the parts work without them.
    environment = {key: value for key, value in os.environ.items() if key != "GLOO_BENCH_PEERS"}
    done = subprocess.run([sys.executable, ROOT / "bench/bench.py", "--tiny", "--only", part, "--results", tmp_path],
                          env={**environment, "GLOO_BUILD_DIR": str(BUILD)}, text=True, capture_output=True,
                          check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    with open(tmp_path / f"{part}.csv", encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    assert rows, "no row"
    for row in rows:
        # What is added may be less than what the machine does meanwhile.
        least = -math.inf if row["unit"] == "%" or row["case"].endswith("added") else 0
        assert float(row["p50"]) >= least, row
    assert f"## {part}\n" in (tmp_path / "README.md").read_text()
