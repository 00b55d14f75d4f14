"""A real Envoy that is served the state of the world instead of deltas."""

import pytest

from harness import http
from harness.config import prefix, to, upstream, virtual_service
from harness.ports import free_port
from harness.waiting import wait_for


@pytest.fixture
def plane(new_gateway):
    gateway = new_gateway(command="serve")
    gateway.flags = gateway.default_flags() | {"bind-address": "127.0.0.1", "http-port": free_port(),
                                               "https-port": free_port()}
    return gateway.start()


def state_of_the_world(bootstrap):
    bootstrap["dynamic_resources"]["ads_config"]["api_type"] = "GRPC"


def test_changes_of_every_kind_arrive(plane, start_envoy, backends, authority, ca_file):
    one, two = backends("one"), backends("two")
    pair = authority.issue("s.test")
    plane.secrets.secret("pair", tls_crt=pair.crt, tls_key=pair.key)
    plane.config.write("one.yaml", upstream("one", one.port), virtual_service("a", "a.test", [prefix("/", to("one"))]))
    start_envoy(plane, "ingress~sotw", edit=state_of_the_world)
    port, https = plane.flags["http-port"], plane.flags["https-port"]

    def answers(host, backend, **more):
        def there():
            before = len(backend.requests)
            return http.request(more.get("port", port), host, tls=more.get("tls")).status == 200 and \
                len(backend.requests) > before
        wait_for(there, f"{host} from {backend}")

    answers("a.test", one)
    assert plane.clients()[0]["delta"] is False
    # A new upstream and route; the route moves to it; the old one goes; a wildcard domain; a certificate.
    plane.config.write("two.yaml", upstream("two", two.port), virtual_service("b", "b.test", [prefix("/", to("two"))]))
    answers("b.test", two)
    plane.config.write("one.yaml", virtual_service("a", ["a.test", "*.a.test"], [prefix("/", to("two"))]))
    answers("a.test", two)
    answers("x.a.test", two)
    # Endpoints alone.
    plane.config.write("two.yaml", upstream("two", one.port), virtual_service("b", "b.test", [prefix("/", to("two"))]))
    answers("b.test", one)
    plane.config.write("tls.yaml", virtual_service("s", "s.test", [prefix("/", to("two"))],
                                                   sslConfig={"secretRef": "pair"}))
    answers("s.test", one, port=https, tls=http.tls_context(ca_file))
    plane.config.remove("tls.yaml")
    plane.config.remove("one.yaml")
    wait_for(lambda: http.request(port, "a.test").status == 404, "the end of a.test")
    wait_for(lambda: plane.clients()[0]["converged"], "Envoy to have everything")
    assert plane.clients()[0]["nacks"] == 0
