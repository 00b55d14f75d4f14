"""Changes of every kind under load: each request is answered with 200, nothing is reset, and no connection is closed by us.

GLOO_SOAK_CHANGES sets how many changes of each kind; `./test soak` makes 500.
"""

import os
import random

import pytest
from harness import http
from harness.changes import HOST, KINDS, TLS_HOST, World, a_certificate_is_rotated
from harness.config import role, upstream
from harness.load import Load
from harness.ports import free_port
from harness.traffic import Traffic
from harness.waiting import wait_for

CHANGES = int(os.environ.get("GLOO_SOAK_CHANGES", "8"))

pytestmark = pytest.mark.soak


@pytest.fixture
def world(new_gateway, backends, authority, tmp_path):
    gateway = new_gateway()
    gateway.flags = gateway.default_flags() | {"log-level": "info", "concurrency": 2}
    return World(gateway, backends, authority, tmp_path)


def change_all(world, change):
    for turn in range(CHANGES):
        change(world, turn)
        # Some changes meet the one before under way.
        if turn % 3:
            world.settle()
    world.settle()


@pytest.mark.parametrize("change", KINDS, ids=lambda change: change.__name__)
def test_one_kind(world, tmp_path, change):
    world.begin()
    # The first change may lead elsewhere than all others: it belongs to none of them.
    change(world, 0)
    world.settle()
    with Load(world.gateway, tmp_path, HOST, world.backends) as load:
        change_all(world, change)
    assert load.failures == []
    assert load.count > CHANGES


def test_certificates(world, tmp_path, ca_file):
    world.begin()
    with Load(world.gateway, tmp_path, TLS_HOST, [world.of_tls], tls=http.tls_context(ca_file)) as load:
        change_all(world, a_certificate_is_rotated)
        served = lambda: http.peer_certificate(world.gateway.https_port, TLS_HOST, load.tls)["serialNumber"].lstrip("0")
        wait_for(lambda: served() == world.pair.serial, "the last certificate")
    assert load.failures == []
    assert load.count > CHANGES


def test_all_kinds_mixed(world, tmp_path, ca_file):
    rng = random.Random(1)
    world.begin()
    tls_folder = tmp_path / "tls"
    tls_folder.mkdir()
    with (Load(world.gateway, tmp_path, HOST, world.backends) as load,
          Load(world.gateway, tls_folder, TLS_HOST, [world.of_tls], tls=http.tls_context(ca_file)) as over_tls):
        for turn in range(CHANGES):
            # A kind that another one's leftovers would disturb starts from the same upstream.
            world.write("up", upstream("up", (world.one, world.two)[turn % 2].port))
            rng.choice([*KINDS, a_certificate_is_rotated])(world, turn)
            if rng.random() < 0.5:
                world.settle()
        world.settle()
    assert load.failures + over_tls.failures == []
    assert load.count > CHANGES and over_tls.count > CHANGES


def test_settings_of_listeners(world):
    """A change of a listener may close connections, and says so before; no request gets a wrong answer."""
    port, other = free_port(), free_port()

    def change(world, turn):
        address = ["127.0.0.1", "0.0.0.0"][turn % 2]
        more = [{"name": f"more-{turn}", "bindAddress": "127.0.0.1", "port": other}] if turn % 3 == 0 else []
        world.write("role", role("ingress", [{"name": "main", "bindAddress": address, "port": port}, *more]))

    change(world, 0)
    world.begin()
    wrong = lambda: {kind: world.gateway.envoy_stat(f"http.main.downstream_rq_{kind}") for kind in ("3xx", "4xx", "5xx")}
    before = wrong()
    with Traffic(port, HOST, reconnect=True) as traffic:
        change_all(world, change)
    assert [failure for failure in traffic.failures if failure[0] == "status"] == []
    assert traffic.count > CHANGES
    assert wrong() == before
