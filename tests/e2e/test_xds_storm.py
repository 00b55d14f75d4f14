"""Clients of xDS that are many, slow, silent or mad: what they cost is bounded, and nobody else notices."""

import re
import resource
import selectors
import socket
import struct

import grpc
import h2.config
import h2.connection
import h2.events
import h2.settings
import pytest
from envoy.service.discovery.v3 import discovery_pb2
from harness import http
from harness.ads import URLS, Delta, versions
from harness.config import prefix, role, to, upstream, virtual_service
from harness.ports import free_port
from harness.waiting import wait_for

MANY = 1000
METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"


class Served:
    """A control plane with an Envoy that must not notice anything."""

    def __init__(self, gateway, port, echo):
        self.gateway, self.port, self.echo = gateway, port, echo
        self.changes = 0

    def memory(self):
        with open(f"/proc/{self.gateway.process.pid}/status", encoding="utf-8") as status:
            return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmRSS:"))

    def clients(self):
        return {client["nodeId"] for client in self.gateway.clients()}

    def works(self):
        """A change reaches Envoy."""
        self.changes += 1
        host = f"change-{self.changes}.test"
        self.gateway.config.write("change.yaml", virtual_service("change", host, [prefix("/", to("echo"))]))
        wait_for(lambda: http.request(self.port, host).status == 200, f"a change to reach Envoy ({host})")
        return True

    def logged(self, text):
        return [line.split(" ", 1)[1] for line in self.gateway.log().splitlines() if text in line]


@pytest.fixture
def served(new_gateway, echo, start_envoy):
    gateway, port = new_gateway(command="serve"), free_port()
    gateway.flags = gateway.default_flags() | {"log-level": "info"}
    gateway.config.write("a.yaml", upstream("echo", echo.port),
                         role("ingress", [{"name": "main", "bindAddress": "127.0.0.1", "port": port}]),
                         *[virtual_service(f"v{i}", f"v{i}.test", [prefix("/", to("echo"))]) for i in range(50)])
    # What a program is given where nobody thought of it.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard))
    try:
        gateway.start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    start_envoy(gateway, "ingress~envoy")
    wait_for(lambda: http.request(port, "v0.test").status == 200, "the route")
    yield Served(gateway, port, echo)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Client:
    """A connection of its own, without threads; asks for the scopes and reads when it is told to."""

    def __init__(self, port, node_id, window=65535):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.connection.local_settings.update({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.connection.initiate_connection()
        request = discovery_pb2.DeltaDiscoveryRequest(type_url=URLS["scope"])
        request.node.id = node_id
        data = request.SerializeToString()
        self.connection.send_headers(1, [(":method", "POST"), (":scheme", "http"), (":path", METHOD), (":authority", "xds"),
                                         ("te", "trailers"), ("content-type", "application/grpc")])
        self.connection.send_data(1, struct.pack(">BI", 0, len(data)) + data)
        self.socket.sendall(self.connection.data_to_send())
        self.received = b""

    def read(self):
        """Takes what there is; true once a response is there."""
        data = self.socket.recv(65536)
        assert data, "the connection ended"
        for event in self.connection.receive_data(data):
            assert not isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset, h2.events.ConnectionTerminated)), event
            if isinstance(event, h2.events.DataReceived):
                self.received += event.data
        if pending := self.connection.data_to_send():
            self.socket.sendall(pending)
        return len(self.received) > 5 and len(self.received) >= 5 + struct.unpack(">I", self.received[1:5])[0]

    def scopes(self):
        size = struct.unpack(">I", self.received[1:5])[0]
        return versions(discovery_pb2.DeltaDiscoveryResponse.FromString(self.received[5:5 + size]))

    def close(self):
        self.socket.close()


def storm(port, count):
    """As many clients at once; each is answered."""
    clients = [Client(port, f"ingress~{i}") for i in range(count)]
    with selectors.DefaultSelector() as ready:
        for client in clients:
            ready.register(client.socket, selectors.EVENT_READ, client)
        while ready.get_map():
            events = ready.select(timeout=10)
            assert events, f"{len(ready.get_map())} of {count} clients were not answered"
            for key, _ in events:
                if key.data.read():
                    ready.unregister(key.fileobj)
    return clients


def test_a_thousand_connections_at_once(served):
    before = served.memory()
    grown = []
    for _ in range(3):
        clients = storm(served.gateway.ports["xdsPort"], MANY)
        expected = clients[0].scopes()
        assert len(expected) >= 50 and all(client.scopes() == expected for client in clients)
        assert served.works()
        assert len(served.clients()) == MANY + 1
        grown.append(served.memory() - before)
        for client in clients:
            client.close()
        wait_for(lambda: served.clients() == {"ingress~envoy"}, "those that are gone to be forgotten")
    # 75 MiB for the first, and 110 from the sixth one on: what one has taken the next one uses.
    assert max(grown) < 150 << 20, [size >> 20 for size in grown]
    assert len(served.logged("connected from")) == 3 * MANY + 1


def test_connections_that_say_or_take_nothing(served):
    port = served.gateway.ports["xdsPort"]
    before = served.memory()
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    silent = []
    for said in (b"", preface[:10], preface, b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01" + bytes(100)):
        for _ in range(100):
            silent.append(socket.create_connection(("127.0.0.1", port), timeout=10))
            silent[-1].sendall(said)
    # No room for a single byte of an answer.
    slow = [Client(port, f"ingress~slow-{i}", window=0) for i in range(100)]
    wait_for(lambda: len(served.clients()) == 101, "the slow ones to be seen")
    for _ in range(10):
        assert served.works()
    assert served.memory() - before < 100 << 20
    # However much changes: of each it is one response that waits.
    for client in slow:
        client.close()
    for connection in silent:
        connection.close()
    wait_for(lambda: served.clients() == {"ingress~envoy"}, "those that are gone to be forgotten")
    assert served.works()


def test_requests_that_make_no_sense(served):
    port = served.gateway.ports["xdsPort"]
    before = served.memory()
    with Delta(port, "ingress~mad") as mad:
        for i in range(1000):
            mad.send(discovery_pb2.DeltaDiscoveryRequest(type_url=f"type.googleapis.com/unheard.of.Thing{i % 3}",
                                                         resource_names_subscribe=[f"name-{i}"], response_nonce="-1"))
        mad.subscribe("cluster")
        while True:
            response = mad.next()
            if response.type_url == URLS["cluster"]:
                break
            assert not response.resources
        for nonce in ("", "0", "-1", "18446744073709551616", "9" * 100000, "\x00"):
            mad.send(discovery_pb2.DeltaDiscoveryRequest(type_url=URLS["cluster"], response_nonce=nonce))
        assert served.works()
        assert "ingress~mad" in served.clients()
    for i in range(3):
        with Delta(port, f"ingress~huge-{i}") as huge:
            huge.send(discovery_pb2.DeltaDiscoveryRequest(type_url=URLS["cluster"],
                                                          resource_names_subscribe=["x" * (100 << 20)]))
            assert huge.ended(30) == grpc.StatusCode.RESOURCE_EXHAUSTED
    for _ in range(3):
        with Delta(port, "ingress~" + "x" * 5000) as named:
            named.subscribe("cluster")
            assert named.ended() == grpc.StatusCode.INVALID_ARGUMENT
    assert served.works()
    assert served.memory() - before < 200 << 20
    # What a mad client says again and again is said once.
    said = [re.sub(r"ipv4:[\d.]+:\d+", "PEER", line) for line in served.logged("warning: ")]
    assert said == [
        "warning: xds: PEER: ended without a request that can be read (none, a broken one, or one that is too large)",
        "warning: xds: PEER: ended: node.id is longer than 1024 bytes"]
