"""./run as a new user starts it: the example, its three curl lines, live edits, and no process left."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

from harness import gateway as gateways
from harness import http
from harness.gateway import ROOT
from harness.ports import free_port
from harness.waiting import wait_for


def group_members(pgid):
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                    fields = file.read().rsplit(")", 1)[1].split()
                if int(fields[2]) == pgid and fields[0] != "Z":
                    found.append(int(entry))
            except (OSError, IndexError):
                continue
    return found


class Run:
    """./run on a copy of the example, with free ports."""

    def __init__(self, folder, *args):
        self.example = folder / "petstore"
        if not self.example.exists():
            shutil.copytree(ROOT / "examples/petstore", self.example, ignore=shutil.ignore_patterns(".state"))
            self.service_port = free_port()
            config = self.example / "config/petstore.yaml"
            # The first port written is that of something else, and in a comment.
            config.write_text("# port: 1\n" + config.read_text().replace("port: 9080", f"port: {self.service_port}"))
            service = self.example / "service.py"
            service.write_text(service.read_text().replace("PORT = 9080\n", f"PORT = {self.service_port}\n"))
        self.log_path = folder / "run.log"
        self.log = open(self.log_path, "wb")
        self.started = time.monotonic()
        environment = {**gateways.clean_environment(), "GLOO_BUILD_DIR": str(gateways.BUILD),
                       "HTTP_PORT": "0", "HTTPS_PORT": "0", "ADMIN_PORT": "0", "XDS_PORT": "0", "ENVOY_ADMIN_PORT": "0"}
        self.process = subprocess.Popen([str(ROOT / "run"), *args, str(self.example)], stdout=self.log,
                                        stderr=subprocess.STDOUT, env=environment, start_new_session=True)

    def output(self):
        return self.log_path.read_text(errors="replace")

    def wait_ready(self):
        def printed():
            assert self.process.poll() is None, self.output()
            return "Ctrl-C" in self.output()

        wait_for(printed, "what ./run prints", 60)
        return time.monotonic() - self.started

    def curl_lines(self):
        return [line.strip() for line in self.output().splitlines() if line.strip().startswith("curl ")]

    def stop(self, sig=signal.SIGINT):
        """Sends the signal to the whole group, as a terminal does; gives the exit status."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, sig)
        status = self.process.wait(30)
        self.log.close()
        return status


@pytest.fixture
def run(tmp_path):
    made = []

    def start(*args):
        made.append(Run(tmp_path, *args))
        return made[-1]

    yield start
    for one in made:
        if one.process.poll() is None:
            one.stop()
        for pid in group_members(one.process.pid):
            os.kill(pid, signal.SIGKILL)


def curl(line):
    done = subprocess.run(line.replace("curl ", "curl -s -w '\\n%{http_code}' ", 1), shell=True, text=True,
                          capture_output=True, check=True, timeout=20)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def test_the_example_its_curl_lines_live_edits_and_the_end(run):
    one = run()
    one.wait_ready()
    lines = one.curl_lines()
    assert len(lines) == 3
    answers = [curl(line) for line in lines]
    assert [status for status, _ in answers] == [200, 200, 201]
    assert "fido" in answers[0][1]
    assert '"pet": "fido"' in answers[1][1]
    assert "rex" in answers[2][1]

    # The line that shows the state of things, as it is printed.
    shown = subprocess.run(re.search(r"Status of everything: (.*)", one.output())[1], shell=True, text=True, cwd=ROOT,
                           capture_output=True, check=True, timeout=20)
    assert re.search(r"default/petstore +\* +3 +Accepted", shown.stdout), shown.stdout

    # So do those of the first page that a new user reads.
    page = (ROOT / "docs/getting-started.md").read_text()
    shown = [line.strip() for line in page.splitlines() if line.startswith("build/bin/glooctl ")]
    assert len(shown) >= 2
    admin = json.loads((one.example / ".state/ready.json").read_text())["adminPort"]
    for line in shown:
        words = line.split()[1:]
        done = gateways.glooctl("--admin", f"127.0.0.1:{admin}", *words, cwd=ROOT)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"

    port = int(re.search(r"http://127\.0\.0\.1:(\d+)", one.output())[1])
    ports = re.search(r"Ports: HTTP (\d+), HTTPS (\d+), admin (\d+), xDS (\d+), Envoy's admin (\d+), the service (\d+)\.",
                      one.output())
    assert int(ports[1]) == port and int(ports[6]) == one.service_port
    for number in ports.groups():
        socket.create_connection(("127.0.0.1", int(number)), timeout=5).close()
    # Edit a file and see the route change.
    routes = one.example / "config/routes.yaml"
    good = routes.read_text()
    routes.write_text(good.replace("/pets/", "/animals/"))
    moved = wait_for(lambda: (r := http.request(port, "x", "/animals/1")).status == 200 and r, "the edited route")
    assert moved.json()["pet"] == "fido"
    # Break it and read the error.
    routes.write_text(good.replace("pathPrefix: /api/pets", "pathPrefx: /api/pets"))
    wait_for(lambda: "pathPrefx" in one.output() and "pathPrefix" in one.output(), "the error")
    assert "routes.yaml:" in one.output()
    assert http.request(port, "x", "/animals/1").status == 200
    routes.write_text(good)
    wait_for(lambda: http.request(port, "x", "/pets/1").status == 200, "the repaired route")

    members = group_members(one.process.pid)
    assert len(members) >= 3  # the script, the service, gloo; Envoy has a session of its own
    envoy = int((one.example / ".state/envoy.pid").read_text().split()[0])
    assert os.path.exists(f"/proc/{envoy}")
    assert one.stop() == 0
    assert group_members(one.process.pid) == []
    assert not os.path.exists(f"/proc/{envoy}")

    # A second start takes under three seconds.
    two = run()
    assert two.wait_ready() < 3
    assert two.stop(signal.SIGTERM) in (0, -signal.SIGTERM, 143)
    assert group_members(two.process.pid) == []


def test_sigterm_to_the_script_alone_stops_everything(run):
    one = run()
    one.wait_ready()
    one.process.terminate()
    assert one.process.wait(30) == 0
    wait_for(lambda: group_members(one.process.pid) == [], "the end of all processes")


def script(*args, **env):
    return subprocess.run([str(ROOT / "run"), *args], text=True, capture_output=True, check=False, timeout=60,
                          env={**gateways.clean_environment(), "GLOO_BUILD_DIR": str(gateways.BUILD), **env})


@pytest.mark.parametrize("name", ["HTTP_PORT", "HTTPS_PORT", "ADMIN_PORT", "XDS_PORT", "ENVOY_ADMIN_PORT"])
def test_a_busy_port_is_one_clear_line(name):
    free = {key: "0" for key in ("HTTP_PORT", "HTTPS_PORT", "ADMIN_PORT", "XDS_PORT", "ENVOY_ADMIN_PORT")}
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])
        done = script(**free | {name: port})
    assert done.returncode == 1
    assert done.stderr == f"run: port {port} is in use: free it, or choose another with {name}=N ./run\n"


def test_a_busy_port_of_the_service_is_one_clear_line(tmp_path):
    example = tmp_path / "shop"
    (example / "config").mkdir(parents=True)
    free = {key: "0" for key in ("HTTP_PORT", "HTTPS_PORT", "ADMIN_PORT", "XDS_PORT", "ENVOY_ADMIN_PORT")}
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        (example / "service.py").write_text(f"PORT = {port}\n")
        done = script(str(example), **free)
    assert done.returncode == 1
    assert done.stderr == (f"run: port {port}, where the example's service listens, is in use: free it, or change PORT in "
                           f"{example}/service.py and the port in its config\n")
    (example / "service.py").write_text("print()\n")
    done = script(str(example), **free)
    assert done.stderr == f"run: {example}/service.py has no line PORT = N, which says where the service listens\n"


def test_a_second_run_leaves_the_first_alone(run):
    one = run()
    one.wait_ready()
    envoy = int((one.example / ".state/envoy.pid").read_text().split()[0])
    gateway = json.loads((one.example / ".state/ready.json").read_text())
    two = script(str(one.example))
    assert two.returncode == 1
    assert two.stderr == f"run: already running (pid {gateway['pid']}): stop it first\n"
    assert gateways.alive(envoy)
    assert http.request(gateway["httpPort"], "x", "/pets/1").status == 200


def test_an_envoy_that_outlived_a_run_is_taken_over(run):
    one = run()
    one.wait_ready()
    ready = json.loads((one.example / ".state/ready.json").read_text())
    os.killpg(one.process.pid, signal.SIGKILL)
    one.process.wait(10)
    wait_for(lambda: group_members(one.process.pid) == [], "the end of the run")
    assert gateways.alive(ready["envoyPid"])
    # The ports that it holds are no reason to refuse.
    two = run("--http-port", str(ready["httpPort"]), "--https-port", str(ready["httpsPort"]))
    two.wait_ready()
    again = json.loads((one.example / ".state/ready.json").read_text())
    assert (again["envoyPid"], again["httpPort"]) == (ready["envoyPid"], ready["httpPort"])
    assert two.stop() == 0
    assert not gateways.alive(ready["envoyPid"])


def test_help_and_wrong_arguments():
    done = script("--help")
    assert done.returncode == 0 and "--http-port" in done.stdout and "HTTP_PORT" in done.stdout
    for args in (["--http-port", "x"], ["--nonsense"], ["/no/such/example"]):
        done = script(*args)
        assert done.returncode != 0
        assert args[-1] in done.stderr or "port" in done.stderr


def test_a_service_that_ends_is_said_so(run, tmp_path):
    one = run()
    one.wait_ready()
    service = [pid for pid in group_members(one.process.pid)
               if b"service.py" in open(f"/proc/{pid}/cmdline", "rb").read() and pid != one.process.pid]
    os.kill(service[0], signal.SIGKILL)
    assert one.process.wait(30) != 0
    assert "service" in one.output()
    wait_for(lambda: group_members(one.process.pid) == [], "the end of all processes")


def test_the_service_of_the_example(tmp_path):
    """The pet store works by itself, too."""
    port_file = tmp_path / "port"
    service = subprocess.Popen([sys.executable, str(ROOT / "examples/petstore/service.py"), "--port", "0",
                                "--port-file", str(port_file)])
    try:
        port = int(wait_for(lambda: port_file.exists() and port_file.read_text(), "the port"))
        assert len(http.request(port, "x", "/api/pets").json()) == 3
        added = http.request(port, "x", "/api/pets", "POST", body={"name": "rex"})
        assert (added.status, added.json()["tag"]) == (201, "pet")
        pet = added.json()["id"]
        assert http.request(port, "x", f"/api/pets/{pet}").json()["name"] == "rex"
        assert http.request(port, "x", f"/api/pets/{pet}", "DELETE").status == 204
        assert http.request(port, "x", f"/api/pets/{pet}").status == 404
        assert http.request(port, "x", "/api/pets", "POST", body="nonsense").status == 400
        assert [p["name"] for p in http.request(port, "x", "/api/pets?tag=cat").json()] == ["tom"]
    finally:
        service.terminate()
        assert service.wait(10) == 0
