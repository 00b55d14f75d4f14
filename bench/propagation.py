"""How long a saved file takes to be served, what it costs the control plane, and how long a start takes."""

import random
import socket
import time

import measure
from harness.config import exact, prefix, to, upstream, virtual_service
from harness.gateway import Gateway

ROUTES_PER_HOST = 10


def host_of(i):
    return f"h{i}.bench.test"


def service(i, marker):
    """Ten routes of a host; the first one's path carries the marker."""
    routes = [exact(f"/{marker}", to("backend"))]
    routes += [prefix(f"/r{n}/", to("backend")) for n in range(1, ROUTES_PER_HOST)]
    return virtual_service(f"h{i}", host_of(i), routes)


class Probe:
    """Asks over one kept connection, as fast as it is answered."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.left = b""

    def status(self, host, path):
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        data = self.left
        while b"\r\n\r\n" not in data:
            data += self.socket.recv(65536)
        head, _, data = data.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n")[1:]:
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        while len(data) < length:
            data += self.socket.recv(65536)
        self.left = data[length:]
        return int(head.split(b" ")[1])

    def wait(self, host, path, deadline=20):
        """The time at which the first 200 was there."""
        end = time.perf_counter() + deadline
        while True:
            status = self.status(host, path)
            now = time.perf_counter()
            if status == 200:
                return now
            if now > end:
                raise RuntimeError(f"{host}{path} is not served after {deadline} s: {status}")
            # A pause leaves the cores to those that work on the change.
            time.sleep(0.0005)


def fill(gateway, routes, backend_port):
    gateway.config.write("backend.yaml", upstream("backend", backend_port))
    for i in range(routes // ROUTES_PER_HOST):
        gateway.config.write(f"{i // 100}/h{i}.yaml", service(i, "start"))


def start(gateway, last_host):
    """Seconds from the start of the program to the first 200 of the host that was written last."""
    began = time.perf_counter()
    gateway.start(wait=False)
    gateway.wait_ready(timeout=60)
    served = Probe(gateway.http_port).wait(last_host, "/start")
    return served - began


def run(folder, routes, rounds, backend_port, say):
    """A dictionary of figures for a number of routes."""
    gateway = Gateway(folder / f"routes-{routes}")
    gateway.flags = gateway.default_flags() | {"log-level": "warn"}
    fill(gateway, routes, backend_port)
    hosts = routes // ROUTES_PER_HOST
    try:
        out = {"routes": routes, "cold_start_s": start(gateway, host_of(hosts - 1))}
        gateway.stop()
        out["second_start_s"] = start(gateway, host_of(hosts - 1))
        probe = Probe(gateway.http_port)
        rng = random.Random(1)
        times = []
        pid, envoy = gateway.ports["pid"], gateway.ports["envoyPid"]
        before = None
        for turn in range(rounds + 3):
            if turn == 3:  # the first ones warm up
                before = measure.cpu_ns(pid), measure.cpu_ns(envoy)
            i = rng.randrange(hosts)
            content = service(i, f"v{turn}")
            new = gateway.config.path / f".{i}.new~"
            new.write_bytes(gateway.config._bytes("x.yaml", [content]))
            saved = time.perf_counter()
            new.rename(gateway.config.path / f"{i // 100}/h{i}.yaml")
            times.append((probe.wait(host_of(i), f"/v{turn}") - saved) * 1000)
        times = times[3:]
        out["median_ms"] = measure.median(times)
        out["p99_ms"] = measure.percentile(times, 0.99)
        out["gloo_cpu_ms"] = (measure.cpu_ns(pid) - before[0]) / 1e6 / rounds
        out["gloo_rss_mb"] = measure.rss_mb(pid)
        out["envoy_rss_mb"] = measure.rss_mb(envoy)
        nacks = sum(c["nacks"] for c in gateway.clients())
        if nacks:
            raise RuntimeError(f"Envoy refused {nacks} responses")
        say(f"{routes} routes: median {out['median_ms']:.1f} ms, p99 {out['p99_ms']:.1f} ms")
        return out
    finally:
        gateway.stop()
