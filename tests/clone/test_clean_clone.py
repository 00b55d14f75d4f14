"""What somebody has who has just cloned the repository: ./run sets up, builds, and serves the three curl lines."""

import os
import pathlib
import re
import signal
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from harness.gateway import clean_environment  # noqa: E402
from harness.waiting import wait_for  # noqa: E402

# From nothing on two cores, without a cache of compilations.
PATIENCE = 1200
PORTS = ("HTTP_PORT", "HTTPS_PORT", "ADMIN_PORT", "XDS_PORT", "ENVOY_ADMIN_PORT")


@pytest.fixture
def clone(tmp_path):
    folder = tmp_path / "gloo"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(folder)], check=True, timeout=120)
    return folder


def test_run_in_a_clean_clone(clone, tmp_path):
    # The port of the example's service is the one thing that may be taken on this machine.
    service = clone / "examples/petstore/service.py"
    config = clone / "examples/petstore/config/petstore.yaml"
    service.write_text(service.read_text().replace("PORT = 9080\n", "PORT = 19080\n"))
    config.write_text(config.read_text().replace("port: 9080", "port: 19080"))
    log_path = tmp_path / "run.log"
    with open(log_path, "wb") as log:
        process = subprocess.Popen([str(clone / "run")], cwd=clone, stdout=log, stderr=subprocess.STDOUT,
                                   env={**clean_environment(), **{name: "0" for name in PORTS}}, start_new_session=True)

    def output():
        return log_path.read_text(errors="replace")

    def printed():
        if process.poll() is not None:
            raise RuntimeError(output())
        return "Ctrl-C stops" in output()

    try:
        wait_for(printed, "what ./run prints", PATIENCE, every=0.5)
        lines = [line.strip() for line in output().splitlines() if line.strip().startswith("curl ")]
        codes = [subprocess.run(line.replace("curl ", "curl -s -o /dev/null -w '%{http_code}' ", 1), shell=True, text=True,
                                capture_output=True, check=True, timeout=20).stdout for line in lines]
        assert codes == ["200", "200", "201"]
        shown = re.search(r"Status of everything: (.*)", output())[1]
        listed = subprocess.run(shown, shell=True, text=True, cwd=clone, capture_output=True, check=True, timeout=20).stdout
        assert "default/petstore" in listed
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 0, output()
    # Nothing that git would see is left.
    changed = subprocess.run(["git", "status", "--porcelain"], cwd=clone, text=True, capture_output=True, check=True).stdout
    assert changed.split() == ["M", "examples/petstore/config/petstore.yaml", "M", "examples/petstore/service.py"]
