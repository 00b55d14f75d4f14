"""The gateway that is measured: `gloo up` on a folder, with the shortest ways to look at it."""

import time

import measure
import probe
from harness.gateway import Gateway


class Site(Gateway):
    """A gateway that is stopped at the end of a `with`; it is started by `timed_start`."""

    def __init__(self, folder, name, command="up"):
        super().__init__(folder / name, command)
        self.flags = self.default_flags() | {"log-level": "warn"}

    def __enter__(self):
        return self

    def wait_ready(self, **more):
        super().wait_ready(**more)
        measure.alike(self.pid)
        measure.alike(self.envoy_pid)
        return self

    def timed_start(self, host, path, timeout=180):
        """Seconds from the start of the program to the first 200 of a route."""
        began = time.perf_counter()
        self.start(wait=False)
        self.wait_ready(timeout=timeout)
        client = probe.connect(self.http_port)
        served = client.wait(host, path, deadline=timeout, every=0.001)
        client.close()
        return served - began

    def settle(self, **more):
        measure.settle([self.pid, self.envoy_pid], **more)

    @property
    def pid(self):
        return self.ports["pid"]

    @property
    def envoy_pid(self):
        return self.ports["envoyPid"]

    def probe(self):
        return probe.connect(self.http_port)

    def received(self):
        """Bytes that Envoy has received from the control plane."""
        return self.envoy_stat("cluster.gloo_xds.upstream_cx_rx_bytes_total")

    def envoy_allocated_mb(self):
        return int(self.envoy_admin("/memory").json()["allocated"]) / 1e6

    def check(self):
        """Figures of a gateway whose Envoy refused something would be worth nothing."""
        nacks = sum(client["nacks"] for client in self.clients())
        if nacks:
            raise RuntimeError(f"Envoy refused {nacks} responses; see {self.state}/envoy.log")
