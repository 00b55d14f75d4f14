"""Changes of every kind under traffic on kept connections: no request is refused, and no connection is closed.

GLOO_SOAK_CHANGES sets how many changes of each kind, 15 by default.
"""

import os
import random

import pytest
from harness.config import exact, prefix, to, upstream, virtual_service
from harness.traffic import Traffic
from harness.waiting import wait_for

CHANGES = int(os.environ.get("GLOO_SOAK_CHANGES", "15"))
HOST = "soak.test"


@pytest.fixture
def gateway(new_gateway):
    gateway = new_gateway()
    gateway.flags = gateway.default_flags() | {"log-level": "info", "concurrency": 2}
    return gateway


@pytest.fixture
def two(backends):
    """Backends that say who they are."""
    made = [backends(name) for name in ("one", "two")]
    for backend in made:
        backend.reply = lambda seen, backend=backend: (200, {"content-type": "text/plain"}, backend.name)
    return made


def settle(gateway):
    """Every Envoy has everything."""
    wait_for(lambda: all(client["converged"] for client in gateway.clients()), "Envoy to have everything")


# Each change is a function of the gateway, the backends and a counter; it leaves the route `/` of HOST good.

def routes_come_and_go(gateway, two, turn):
    routes = [prefix("/", to("up"))] if turn % 2 else [exact(f"/new-{turn}", to("up")), prefix("/", to("up"))]
    gateway.config.write("service.yaml", virtual_service("service", HOST, routes))


def a_route_moves_to_another_upstream(gateway, two, turn):
    name = f"up-{turn}"
    gateway.config.write(f"{name}.yaml", upstream(name, two[turn % 2].port))
    gateway.config.write("service.yaml", virtual_service("service", HOST, [prefix("/", to(name))]))
    (gateway.config.path / f"up-{turn - 1}.yaml").unlink(missing_ok=True)


def an_upstream_is_replaced_under_its_name(gateway, two, turn):
    kinds = [{"hosts": [{"addr": "127.0.0.1", "port": two[0].port}]},
             {"hosts": [{"addr": "localhost", "port": two[1].port}]},
             {"hosts": [{"addr": "127.0.0.1", "port": backend.port} for backend in two]}]
    gateway.config.write("up.yaml", upstream("up", spec=kinds[turn % 3]))


def an_upstream_changes_its_settings(gateway, two, turn):
    gateway.config.write("up.yaml", upstream("up", two[0].port, connectionTimeout=f"{1 + turn % 5}s"))


def endpoints_move_between_two_ports(gateway, two, turn):
    gateway.config.write("up.yaml", upstream("up", two[turn % 2].port))


def a_domain_moves_to_another_virtual_service(gateway, two, turn):
    mine, other = ("service", "other") if turn % 2 else ("other", "service")
    gateway.config.write("service.yaml", virtual_service(mine, HOST, [prefix("/", to("up"))]),
                         virtual_service(other, f"{other}.{HOST}", [prefix("/", to("up"))]))


def a_virtual_service_gets_another_name(gateway, two, turn):
    gateway.config.write("service.yaml", virtual_service(f"service-{turn}", HOST, [prefix("/", to("up"))]))


def a_wildcard_covers_the_domain(gateway, two, turn):
    domains = [["*.test"], ["*"], [HOST]][turn % 3]
    more = [virtual_service("exact", HOST, [prefix("/", to("up"))])] if turn % 2 else []
    if domains == [HOST] and more:
        more = []
    gateway.config.write("service.yaml", virtual_service("service", domains, [prefix("/", to("up"))]), *more)


KINDS = [routes_come_and_go, a_route_moves_to_another_upstream, an_upstream_is_replaced_under_its_name,
         an_upstream_changes_its_settings, endpoints_move_between_two_ports,
         a_domain_moves_to_another_virtual_service, a_virtual_service_gets_another_name, a_wildcard_covers_the_domain]


def end(gateway):
    """All that was written has been taken."""
    gateway.config.write("end.yaml", virtual_service("end", "end.test", [prefix("/", to("up"))]))
    gateway.wait_status("end.test", "/")
    settle(gateway)


def begin(gateway, two):
    gateway.config.write("up.yaml", upstream("up", two[0].port))
    gateway.config.write("service.yaml", virtual_service("service", HOST, [prefix("/", to("up"))]))
    gateway.start()
    gateway.wait_status(HOST, "/")


@pytest.mark.parametrize("change", KINDS, ids=lambda change: change.__name__)
def test_one_kind(gateway, two, change):
    begin(gateway, two)
    with Traffic(gateway.http_port, HOST) as traffic:
        for turn in range(CHANGES):
            change(gateway, two, turn)
            # Some changes meet the one before under way.
            if turn % 3:
                settle(gateway)
        end(gateway)
    assert traffic.failures == []
    assert traffic.count > CHANGES
    assert traffic.count <= sum(len(backend.requests) for backend in two), "each was answered by a backend"


def test_all_kinds_mixed(gateway, two):
    rng = random.Random(1)
    begin(gateway, two)
    with Traffic(gateway.http_port, HOST, connections=2) as traffic:
        # A kind that another one's leftovers would disturb starts from the same two files.
        for turn in range(CHANGES):
            gateway.config.write("up.yaml", upstream("up", two[turn % 2].port))
            rng.choice(KINDS)(gateway, two, turn)
            if rng.random() < 0.5:
                settle(gateway)
        end(gateway)
    assert traffic.failures == []
    assert traffic.count > CHANGES
