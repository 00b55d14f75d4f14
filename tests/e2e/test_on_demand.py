"""A role with `onDemand`: Envoy fetches the routes of a domain with the first request for it."""

import pytest

from harness import http
from harness.config import call, prefix, role, to, upstream, virtual_service
from harness.ports import free_port
from harness.traffic import Traffic
from harness.waiting import wait_for

DOMAINS = 20


class Site:
    def __init__(self, gateway, start_envoy, echo):
        self.gateway, self.port = gateway, free_port()
        gateway.flags = gateway.default_flags() | {"xds-port": free_port()}
        self.role(onDemand=True)
        gateway.config.write("echo.yaml", upstream("echo", echo.port, functions={
            "pet": {"path": "/pets", "headers": {"x-made": "yes"}, "body": "{\"pet\": \"{{ name }}\"}"}}))
        for i in range(DOMAINS):
            self.service(f"d{i}", f"d{i}.test", "/v1")
        self.service("wild", "*.wild.test", "/v1")
        gateway.start()
        self.envoy = start_envoy(gateway, "far~1")
        wait_for(lambda: "main" in self.envoy.listeners(), "the listener")

    def role(self, **more):
        written = role("far", [{"name": "main", "bindAddress": "127.0.0.1", "port": self.port}])
        written["spec"].update(more)
        self.gateway.config.write("role.yaml", written)

    def service(self, name, domain, rewritten):
        self.gateway.config.write(f"{name}.yaml", virtual_service(name, domain, [
            prefix("/pets", call("echo", "pet")), {**prefix("/", to("echo")), "prefixRewrite": rewritten}], roles=["far"]))

    def path(self, host):
        response = http.request(self.port, host)
        return response.json()["path"] if response.status == 200 else response.status

    def held(self):
        """How many route configurations Envoy has."""
        return sum(type_["acknowledged"] for client in self.gateway.clients() for type_ in client["types"]
                   if type_["type"] == "route")


@pytest.fixture
def site(new_gateway, start_envoy, echo):
    return Site(new_gateway(command="serve"), start_envoy, echo)


def test_routes_come_with_the_first_request(site):
    assert site.held() == 0
    # At the first attempt, each of them.
    assert [site.path(f"d{i}.test") for i in range(5)] == ["/v1"] * 5
    assert site.path("any.wild.test") == "/v1"
    assert site.path("D7.test:80") == "/v1"
    wait_for(lambda: site.held() == 7, "what was asked for, and nothing else")
    assert site.path("nobody.test") == 404


def test_changes_reach_what_is_held_and_what_is_not(site):
    assert site.path("d0.test") == "/v1"
    for i in range(2):
        site.service(f"d{i}", f"d{i}.test", "/v2")
    wait_for(lambda: site.path("d0.test") == "/v2", "the change")
    site.gateway.wait_state("VirtualService", "d1", "ACCEPTED")
    wait_for(lambda: site.gateway.clients()[0]["converged"], "the rest")
    assert site.path("d1.test") == "/v2"
    site.gateway.config.remove("d0.yaml")
    site.gateway.config.remove("d2.yaml")
    wait_for(lambda: (site.path("d0.test"), site.path("d2.test")) == (404, 404), "the removal")


@pytest.mark.parametrize("ask", [http.request, http.request_h2])
def test_a_function_gets_the_body_of_the_first_request(site, ask):
    for i in range(DOMAINS):
        response = ask(site.port, f"d{i}.test", "/pets", method="POST", body={"name": "rex", "rest": "x" * 10000})
        assert response.status == 200, response.text
        seen = response.json()
        assert (seen["path"], seen["headers"].get("x-made"), seen["body"]) == ("/pets", "yes", "{\"pet\": \"rex\"}")


def test_a_domain_that_moves_to_another_service_loses_no_request(site):
    with Traffic(site.port, "d0.test") as traffic:
        for turn in range(10):
            site.service("d0", f"away{turn}.test" if turn % 2 == 0 else "d0.test", "/v1")
            site.service("taker", "d0.test" if turn % 2 == 0 else f"away{turn}.test", "/v3")
            wait_for(lambda: site.path("d0.test") == ("/v3" if turn % 2 == 0 else "/v1"), "the move")
    assert traffic.failures == []


def test_the_role_may_change_its_mind_under_load(site):
    with Traffic(site.port, "d0.test") as traffic:
        for turn in range(6):
            wanted = turn % 2 == 1
            site.role(onDemand=wanted)
            wait_for(lambda: site.gateway.clients()[0]["converged"] and
                     (site.held() == DOMAINS + 1) == (not wanted), f"onDemand {wanted}")
    assert traffic.failures == []


def test_a_domain_that_is_held_needs_no_control_plane(site):
    assert site.path("d0.test") == "/v1"
    site.gateway.stop()
    assert [site.path("d0.test") for _ in range(5)] == ["/v1"] * 5
    site.gateway.start()
    wait_for(lambda: site.path("d1.test") == "/v1", "one that was not held")
