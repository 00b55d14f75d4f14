"""Every example runs: its configuration is good, and each request that its README tells of gets an answer of its service."""

import re
import shutil
import subprocess
import sys

import pytest

from harness.gateway import BUILD, GLOO, ROOT, Gateway
from harness.ports import free_port
from harness.waiting import wait_for

# Each with the program that knows its plugins: that of docs/plugin-tutorial.md is in a program of tests.
EXAMPLES = [(path.parent, GLOO) for path in sorted(ROOT.glob("examples/*/config"))] + [
    (ROOT / "tests/plugins/tutorial/examples/webhook", BUILD / "tests/programs/gloo_unchecked")]


def requests_of(example):
    """The requests of its README, each with a pattern of its answer's status: of success, or what is said in brackets ("(404)")."""
    found = re.findall(r"^\| ([^|]*) \| `(curl [^`]*)` \|", (example / "README.md").read_text(), re.M)
    return [(request, (re.search(r"\((\d{3})\)", what) or [0, r"2\d\d"])[1]) for what, request in found]


@pytest.mark.parametrize("example, program", EXAMPLES, ids=lambda path: path.name)
def test_the_requests_of_its_readme_are_answered(example, program, tmp_path):
    copy = tmp_path / example.name
    shutil.copytree(example, copy, ignore=shutil.ignore_patterns(".state"))
    listens = re.search(r"^PORT = (\d+)$", (copy / "service.py").read_text(), re.M)[1]
    port = free_port()
    for file in copy.glob("config/*.yaml"):
        file.write_text(file.read_text().replace(listens, str(port)))
    gateway = Gateway(tmp_path / "gateway", program=program, args=["--filters-dir", str(BUILD / "lib")])
    shutil.copytree(copy / "config", gateway.config.path, dirs_exist_ok=True)
    if (copy / "secrets").exists():
        shutil.copytree(copy / "secrets", gateway.secrets.path, dirs_exist_ok=True)
    log = tmp_path / "service.log"
    with log.open("wb") as out:
        service = subprocess.Popen([sys.executable, copy / "service.py", "--port", str(port)], stdout=out, stderr=out)
    try:
        with gateway:
            requests = requests_of(example)
            assert len(requests) >= 3
            for request, status in requests:
                line = request.replace("localhost:8080", f"127.0.0.1:{gateway.http_port}")
                line = line.replace("curl ", "curl -s -o /dev/null -w '%{http_code}' --max-time 10 ", 1)

                def answered():
                    done = subprocess.run(line, shell=True, capture_output=True, text=True, check=False, timeout=15)
                    assert re.fullmatch(status, done.stdout), done.stdout
                    return True

                wait_for(answered, request)
            for kind in ("Upstream", "VirtualService"):
                for name in gateway.entries(kind):
                    assert gateway.status(kind, name)["state"] == "ACCEPTED", name
    finally:
        service.kill()
        service.wait()
