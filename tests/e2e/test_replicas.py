"""Several control planes over the same configuration, and Envoys that move between them."""

import signal
import threading

import pytest

from harness import http
from harness.ads import Delta
from harness.config import prefix, to, upstream, virtual_service
from harness.ports import free_port
from harness.waiting import wait_for

TYPES = ("cluster", "scope", "listener")


@pytest.fixture
def replicas(new_gateway, echo, authority):
    """Two, with one folder of configuration and a state directory each."""
    first, second = new_gateway("first", command="serve"), new_gateway("second", command="serve")
    shared = {"bind-address": "127.0.0.1", "http-port": free_port(), "https-port": free_port(),
              "config-dir": first.config.path, "secrets-dir": first.secrets.path}
    pair = authority.issue("*.s.test")
    first.secrets.secret("pair", tls_crt=pair.crt, tls_key=pair.key)
    first.config.write("one.yaml", upstream("echo", echo.port),
                       virtual_service("plain", ["a.test", "*.a.test"], [prefix("/", to("echo"))]),
                       virtual_service("tls", "*.s.test", [prefix("/", to("echo"))], sslConfig={"secretRef": "pair"}))
    for replica in (first, second):
        # A port that stays over a restart: Envoy's bootstrap names it.
        replica.flags = replica.default_flags() | shared | {"xds-port": free_port()}
        replica.start()
        replica.wait_state("VirtualService", "tls", "ACCEPTED")
    return first, second


class Load:
    """Requests one after the other until the end; keeps what went wrong."""

    def __init__(self, port, host):
        self.port, self.host = port, host
        self.count, self.wrong = 0, []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        while not self._end.is_set():
            try:
                status = http.request(self.port, self.host).status
            except OSError as error:
                status = error
            self.count += 1
            if status != 200:
                self.wrong.append(status)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()


def served_by(replica):
    clients = replica.clients()
    return len(clients) == 1 and clients[0]["converged"]


def pushes(replica, **labels):
    return replica.metrics().value("gloo_xds_pushes_total", **labels)


def test_replicas_serve_the_same_bytes_and_versions(replicas):
    def all_of(replica):
        with Delta(replica.ports["xdsPort"], "ingress~raw") as stream:
            out = {}
            for kind in TYPES:
                stream.subscribe(kind)
                response = stream.next(kind)
                stream.ack(response)
                out[kind] = {r.name: (r.version, r.resource.value) for r in response.resources}, response.system_version_info
            return out

    first, second = map(all_of, replicas)
    assert first == second and all(first[kind][0] for kind in TYPES)


def test_an_envoy_that_moves_between_replicas_is_sent_nothing_anew(replicas, start_envoy, ca_file, echo):
    first, second = replicas
    port, https = first.flags["http-port"], first.flags["https-port"]
    start_envoy(list(replicas), "ingress~1")
    tls = http.tls_context(ca_file)
    wait_for(lambda: http.request(port, "a.test").status == 200, "the route")
    wait_for(lambda: http.request(https, "x.s.test", tls=tls).status == 200, "the TLS route")
    here, there = (first, second) if served_by(first) else (second, first)
    wait_for(lambda: served_by(here), "Envoy to have everything")
    # Of a new domain: its scope, its routes, its part of the table of domains.
    expected = {"scoped_route": 1, "route": 1, "extension_config": 1, "cluster": 0, "endpoint": 0, "listener": 0, "secret": 0}
    with Load(port, "a.test") as load:
        for sig in (signal.SIGTERM, signal.SIGKILL):
            before = pushes(there)
            here.stop(sig)
            wait_for(lambda: served_by(there), "the other replica to serve Envoy", timeout=20)
            assert pushes(there) == before
            here.start()
            here.wait_state("VirtualService", "tls", "ACCEPTED")
            here, there = there, here
        assert http.request(https, "x.s.test", tls=tls).status == 200
        # It goes on from there: the next change arrives, and is all that does.
        before = {kind: pushes(here, type=kind) for kind in expected}
        first.config.write("two.yaml", virtual_service("more", "b.test", [prefix("/", to("echo"))]))
        wait_for(lambda: http.request(port, "b.test").status == 200, "a change after the moves")
        assert {kind: pushes(here, type=kind) - before[kind] for kind in expected} == expected
    assert load.count > 100 and not load.wrong
