"""Load of several clients at once, and what became of each request at both ends."""

import pathlib
import re
import signal
import subprocess
import threading

from . import http
from .traffic import Traffic

# Far above what any test takes: the tools end when they are told to.
SECONDS = 36000


class _H2load:
    """Kept connections at a fixed rate; h2load writes down each request."""

    def __init__(self, load, protocol):
        self.log = load.folder / f"h2load-{protocol}.log"
        self.log.unlink(missing_ok=True)
        command = ["h2load", "-t1", f"-c{load.connections}", f"--rps={load.rate}", f"-D{SECONDS}",
                   f"--log-file={self.log}", f"--connect-to=127.0.0.1:{load.port}",
                   f"{load.scheme}://{load.host}:{load.port}/", "-H", f":authority: {load.host}"]
        self.process = subprocess.Popen(command + (["--h1"] if protocol == "h1" else []), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self):
        """(requests that were answered, what went wrong)"""
        assert self.process.poll() is None, f"h2load ended by itself with {self.process.returncode}"
        self.process.terminate()
        self.process.wait(15)
        # Whole lines: when it began, its status (-1: none), how long it took.
        statuses = [line.split("\t")[1] for line in self.log.read_text().split("\n")[:-1]]
        return len(statuses), [(self.log.stem, status) for status in statuses if status != "200"]


class _Wrk:
    """Kept connections that ask, wait a while and ask again."""

    def __init__(self, load):
        script = load.folder / "wrk.lua"
        script.write_text(f"function delay() return {1000 // load.rate} end\n")
        # Over TLS the name asked for is that of the URL.
        where = load.host if load.scheme == "https" else "127.0.0.1"
        self.process = subprocess.Popen(
            ["wrk", "-t1", f"-c{load.connections}", f"-d{SECONDS}s", "-H", f"Host: {load.host}", "-s", str(script),
             f"{load.scheme}://{where}:{load.port}/"],
            text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        text = self.process.communicate(timeout=15)[0]
        bad = re.findall(r"Non-2xx or 3xx responses: .*|Socket errors: .*", text)
        return int(re.search(r"(\d+) requests in", text)[1]), [("wrk", line) for line in bad]


class _Fresh:
    """A new connection for each request, which the client closes; over TLS the certificate is verified."""

    def __init__(self, load):
        self.count, self.failures = 0, []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(load,), daemon=True)
        self._thread.start()

    def _run(self, load):
        while not self._end.wait(1 / load.rate):
            try:
                status = http.request(load.port, load.host, tls=load.tls).status
            except OSError as error:
                status = repr(error)
            self.count += 1
            if status != 200:
                self.failures.append(("new connection", status))

    def stop(self):
        self._end.set()
        self._thread.join()
        return self.count, self.failures


class _Kept:
    """The clients of Traffic, which ask without a pause."""

    def __init__(self, load):
        self.traffic = Traffic(load.port, load.host)
        self.traffic.__enter__()

    def stop(self):
        self.traffic.__exit__()
        return self.traffic.count, self.traffic.failures


class Load:
    """h2load over HTTP/1.1 and HTTP/2, wrk, our own clients and new connections, all asking one host for `/`.

    With `tls`, an SSL context, over HTTPS; the host must then be a name of this machine. After the end `failures` is
    whatever was not answered with 200, as the clients, the gateway and the backends see it.
    """

    def __init__(self, gateway, folder, host, backends, tls=None, connections=4, rate=50):
        self.gateway, self.folder, self.host, self.backends, self.tls = gateway, pathlib.Path(folder), host, backends, tls
        self.connections, self.rate = connections, rate
        self.scheme = "https" if tls else "http"
        self.port = gateway.https_port if tls else gateway.http_port
        self.failures, self.count = [], 0

    def __enter__(self):
        self._before = self._counts()
        self._clients = [_H2load(self, "h1"), _H2load(self, "h2"), _Wrk(self), _Fresh(self)]
        if not self.tls:
            self._clients.append(_Kept(self))
        return self

    def __exit__(self, kind, *_):
        for client in self._clients:
            count, failures = client.stop()
            self.count += count
            self.failures += failures[:5]
        if kind is None:
            self._compare()

    def _counts(self):
        """What the gateway and the backends have counted."""
        out = {}
        for line in self.gateway.envoy_admin(f"/stats?filter=^http.{self.scheme}.downstream").text.splitlines():
            name, value = line.rsplit(": ", 1)
            if value.isdigit():
                out[name.removeprefix(f"http.{self.scheme}.downstream_")] = int(value)
        return out | {"backends": sum(backend.count for backend in self.backends)}

    def _compare(self):
        seen = {name: value - self._before.get(name, 0) for name, value in self._counts().items()}
        # The tools end in the middle of what they do: at most one request a connection is under way then.
        open_at_end = 3 * self.connections
        expected = {
            "no connection is closed by us": seen["cx_destroy_local"] == 0,
            "all that was answered was answered with 200": seen["rq_completed"] == seen["rq_2xx"],
            "nothing is answered twice, nothing by the gateway itself": 0 <= seen["backends"] - seen["rq_2xx"] <= open_at_end,
            "each answer arrived": self.count <= seen["rq_2xx"] <= self.count + open_at_end,
            "nothing was reset": seen["rq_rx_reset"] + seen["rq_tx_reset"] <= open_at_end,
        }
        self.failures += [(what, self.count, seen) for what, holds in expected.items() if not holds]
