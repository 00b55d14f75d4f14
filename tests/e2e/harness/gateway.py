"""The gateway under test: build/bin/gloo in a folder of its own, and the ways to look at it."""

import json
import os
import pathlib
import signal
import subprocess

from . import http
from .config import Folder
from .metrics import Metrics
from .waiting import wait_for

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = ROOT / (os.environ.get("GLOO_BUILD_DIR") or "build")
GLOO = BUILD / "bin/gloo"
GLOOCTL = BUILD / "bin/glooctl"

# Gateways that live now: their logs are shown when a test fails.
LIVE = []


def find_envoy():
    if "GLOO_ENVOY" in os.environ:
        return os.environ["GLOO_ENVOY"]
    return subprocess.run([str(ROOT / "tools/envoy")], check=True, text=True, stdout=subprocess.PIPE).stdout.strip()


def clean_environment():
    """The environment without what would change the programs under test."""
    return {key: value for key, value in os.environ.items() if not key.startswith("GLOO_")}


def alive(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        return state != "Z"
    except OSError:
        return False


def glooctl(*args, stdin=None, env=None, cwd=None, timeout=60):
    return subprocess.run([str(GLOOCTL), *map(str, args)], text=True, input=stdin, capture_output=True, check=False,
                          env={**clean_environment(), **(env or {})}, cwd=cwd, timeout=timeout)


class Gateway:
    """`gloo up` (or `gloo serve`) on free ports. Starts at once; `stop` ends it."""

    def __init__(self, root, command="up", args=(), env=None, flags=None, ready=True, name="gloo",
                 program=GLOO):
        self.root = pathlib.Path(root)
        self.root.mkdir(parents=True, exist_ok=True)
        self.command = command
        self.program = program
        self.config = Folder(self.root / "config")
        self.secrets = Folder(self.root / "secrets")
        self.artifacts = Folder(self.root / "artifacts")
        self.state = self.root / "state"
        self.ready_file = self.root / "ready.json"
        self.log_path = self.root / f"{name}.log"
        self.args = list(args)
        self.env = env or {}
        self.flags = flags
        self.process = None
        self.ports = {}
        self.started_ready = ready

    def default_flags(self):
        flags = {
            "config-dir": self.config.path,
            "secrets-dir": self.secrets.path,
            "artifacts-dir": self.artifacts.path,
            "state-dir": self.state,
            "xds-port": 0,
            "admin-port": 0,
            "ready-file": self.ready_file,
            "log-level": "debug",
        }
        if self.command == "up":
            flags |= {"bind-address": "127.0.0.1", "http-port": 0, "https-port": 0, "envoy-admin-port": 0,
                      "concurrency": 1, "envoy": find_envoy()}
        return flags

    def start(self, wait=None):
        self.ready_file.unlink(missing_ok=True)
        flags = self.default_flags() if self.flags is None else self.flags
        command = [str(self.program), self.command]
        for key, value in flags.items():
            if value is not None:
                command += [f"--{key}", str(value)]
        command += self.args
        log = open(self.log_path, "ab")
        try:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                            env={**clean_environment(), **self.env}, cwd=self.root,
                                            start_new_session=True)
        finally:
            log.close()
        LIVE.append(self)
        if self.started_ready if wait is None else wait:
            self.wait_ready()
        return self

    def wait_ready(self, timeout=20):
        def ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"gloo ended with status {self.process.returncode}:\n{self.log()[-4000:]}")
            return self.ready_file.exists() and self.ready_file.stat().st_size > 0

        wait_for(ready, "the ready file", timeout)
        self.ports = json.loads(self.ready_file.read_text())
        return self

    def stop(self, sig=signal.SIGTERM, timeout=15, keep_envoy=False):
        """Ends the gateway and returns its exit status; nothing of it is left.

        An Envoy outlives a gateway that is killed, by design; it is ended here too unless `keep_envoy`.
        """
        if self.process is None:
            return None
        try:
            if self.process.poll() is None:
                self.process.send_signal(sig)
            try:
                status = self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"gloo did not end within {timeout} s of signal {sig}") from None
        finally:
            envoy = self.ports.get("envoyPid")
            if envoy and not keep_envoy and alive(envoy):
                os.kill(envoy, signal.SIGKILL)
                wait_for(lambda: not alive(envoy), "the end of Envoy")
            if self in LIVE:
                LIVE.remove(self)
            self.process = None
        return status

    def restart(self, **more):
        self.stop(**more)
        return self.start()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def envoy_log(self):
        path = self.state / "envoy.log"
        return path.read_text(errors="replace") if path.exists() else ""

    # Requests through Envoy.

    @property
    def http_port(self):
        return self.ports["httpPort"]

    @property
    def https_port(self):
        return self.ports["httpsPort"]

    def get(self, host, path="/", **more):
        return http.request(self.http_port, host, path, **more)

    def post(self, host, path="/", body=None, **more):
        return http.request(self.http_port, host, path, method="POST", body=body, **more)

    def wait_status(self, host, path="/", status=200, timeout=10, **more):
        """The response, once a request is answered with the status."""
        def answered():
            response = self.get(host, path, **more)
            assert response.status == status, f"{host}{path}: {response!r}"
            return response

        return wait_for(answered, f"{status} for {host}{path}", timeout)

    def wait_answer(self, host, path="/", what=lambda r: True, timeout=10, **more):
        """The response, once `what` of it is true."""
        def answered():
            response = self.get(host, path, **more)
            assert what(response), f"{host}{path}: {response!r}"
            return response

        return wait_for(answered, f"the answer of {host}{path}", timeout)

    # What the control plane says.

    def admin(self, path, method="GET"):
        return http.request(self.ports["adminPort"], "localhost", path, method=method)

    def envoy_admin(self, path, method="GET"):
        return http.request(self.ports["envoyAdminPort"], "localhost", path, method=method)

    def envoy_stat(self, name):
        for line in self.envoy_admin(f"/stats?filter=^{name}$").text.splitlines():
            key, value = line.rsplit(": ", 1)
            if key == name:
                return int(value)
        return 0

    def metrics(self):
        return Metrics(self.admin("/metrics").text)

    def entries(self, kind):
        """All objects of a kind: {"namespace/name": entry}; an entry has `object` and `status`."""
        found = self.admin(f"/api/v1/objects?kind={kind}").json()["objects"]
        names = {}
        for entry in found:
            metadata = entry["object"]["metadata"]
            names[f"{metadata.get('namespace', 'default')}/{metadata['name']}"] = entry
        return names

    def status(self, kind, name):
        """The status of an object, or None; its state in capitals."""
        entry = self.entries(kind).get(name if "/" in name else f"default/{name}")
        if entry is None:
            return None
        status = dict(entry["status"])
        status["state"] = status.get("state", "PENDING").upper()
        status.setdefault("issues", [])
        status["nodes"] = [{**n, "state": n.get("state", "WAITING").upper()} for n in status.get("nodes", [])]
        return status

    def wait_state(self, kind, name, state, reason=None, timeout=10):
        """The status, once the object is in this state."""
        def there():
            status = self.status(kind, name)
            assert status is not None, f"no {kind} {name}"
            assert status["state"] == state, f"{kind} {name}: {status}"
            if reason is not None:
                assert any(i["reason"] == reason for i in status["issues"]), f"{kind} {name}: {status}"
            return status

        return wait_for(there, f"{kind} {name} to be {state}{f' ({reason})' if reason else ''}", timeout)

    def wait_gone(self, kind, name, timeout=10):
        wait_for(lambda: self.status(kind, name) is None, f"{kind} {name} to go", timeout)

    def info(self):
        return self.admin("/api/v1/info").json()

    def broken_places(self):
        """{place: issues} of what cannot be read now."""
        return {place["place"]: place["issues"] for place in self.info()["brokenPlaces"]}

    def snapshot(self, role="ingress"):
        return self.admin("/snapshot").json()["roles"].get(role)

    def clients(self):
        return self.admin("/api/v1/clients").json()["clients"]

    def ctl(self, *args, **more):
        return glooctl("--admin", f"127.0.0.1:{self.ports['adminPort']}", *args, **more)
