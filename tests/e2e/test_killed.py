"""The control plane and Envoy are stopped and killed at any moment, under load: no request is lost, and all converges.

GLOO_SOAK_CHANGES sets how often; `./test soak` does it 100 times with each verb.
"""

import os
import random
import shutil
import signal
import threading
import time

import pytest
from harness import gateway as gateways
from harness import http
from harness.changes import HOST, KINDS, TLS_HOST, Served, World, a_route_moves_to_another_upstream
from harness.config import prefix, to, upstream, virtual_service
from harness.load import Load
from harness.ports import free_port
from harness.waiting import wait_for

CHANGES = int(os.environ.get("GLOO_SOAK_CHANGES", "20"))
ROUNDS = CHANGES // 5
BROKEN = "apiVersion: [broken\n"
# The same program with a plugin more.
OTHER_BUILD = gateways.BUILD / "tests/programs/gloo_unchecked"

pytestmark = pytest.mark.soak


@pytest.fixture
def planes(new_gateway, backends, authority, tmp_path, start_envoy):
    """Makes a world whose control plane is of this verb, with an Envoy of two workers; gives it and where it is asked."""
    def make(command):
        gateway = new_gateway(command=command)
        # What an Envoy outside knows stays over a restart; so does where another program finds the filters.
        gateway.flags = gateway.default_flags() | {"log-level": "info", "xds-port": free_port()} | (
            {"concurrency": 2, "filters-dir": gateways.BUILD / "lib"} if command == "up" else
            {"bind-address": "127.0.0.1", "http-port": free_port(), "https-port": free_port()})
        world = World(gateway, backends, authority, tmp_path)
        if command == "up":
            world.begin()
            return world, gateway
        gateway.start()
        envoy = start_envoy(gateway, "ingress~1", concurrency=2)
        gateway.stop()
        world.begin()
        return world, Served(envoy, gateway.flags)

    return make


# How it is started again. Each is given the world while the control plane is down, and may give what is to be done then.

def as_it_was(world):
    pass


def without_its_state(world):
    shutil.rmtree(world.gateway.state)


def another_build(world):
    world.gateway.program = OTHER_BUILD if world.gateway.program == gateways.GLOO else gateways.GLOO


def broken_files(world):
    names = ["up.yaml", "service.yaml"]
    good = {name: world.gateway.config.read(name) for name in names}
    for name in names:
        world.gateway.config.write(name, BROKEN)

    def repair():
        wait_for(lambda: len(world.gateway.broken_places()) == 2, "both places to be told")
        for name, text in good.items():
            world.gateway.config.write(name, text)

    return repair


def resources(plane, envoy):
    """The clusters and routes of a snapshot, and those that Envoy has."""
    dump = envoy.envoy_admin("/config_dump").json()["configs"]
    of = lambda kind, key: [entry for config in dump for entry in config.get(key, []) if kind in config["@type"]]
    served = plane.snapshot()
    return ([{c["name"] for c in served["clusters"]}, {s["name"] for s in served["scopedRoutes"]}],
            [{c["cluster"]["name"] for c in of("Clusters", "dynamic_active_clusters")},
             {s["name"] for c in of("ScopedRoutes", "dynamic_scoped_route_configs") for s in c["scoped_route_configs"]}])


@pytest.mark.parametrize("command", ["serve", "up"])
def test_the_control_plane(planes, tmp_path, command):
    rng = random.Random(command)
    world, front = planes(command)
    gateway = world.gateway
    # The state directory of `gloo up` also says which Envoy is its own.
    ways = [as_it_was, broken_files, another_build] + ([without_its_state] if command == "serve" else [])
    with Load(front, tmp_path, HOST, world.backends) as load:
        for turn in range(ROUNDS):
            way = ways[turn % len(ways)]
            # A broken file that names an upstream is no reason to keep the file of that upstream, which is gone.
            kinds = [kind for kind in KINDS if way != broken_files or kind != a_route_moves_to_another_upstream]
            world.write("up", upstream("up", (world.one, world.two)[turn % 2].port))
            world.write("service", virtual_service("service", HOST, [prefix("/", to("up"))]))
            rng.choice(kinds)(world, turn)
            # Any moment of the change.
            time.sleep(rng.uniform(0, 0.1))
            gateway.stop(signal.SIGTERM if command == "serve" and turn % 3 == 2 else signal.SIGKILL, keep_envoy=True)
            then = way(world)
            gateway.start()
            if then:
                then()
            world.settle()
        served, held = resources(gateway, front)
    assert load.failures == []
    assert load.count > ROUNDS
    assert held == served


def test_envoy(planes, ca_file):
    """Started again by `gloo up`; a new one serves nothing before it has everything."""
    world, gateway = planes("up")
    hosts = [f"h{i}.test" for i in range(30)] + ["any.wild.test"]
    for i, host in enumerate(hosts):
        world.write(f"host-{i}", virtual_service(f"host-{i}", host.replace("any.", "*."), [prefix("/", to("up"))]))
    world.settle()
    tls, end, answers = http.tls_context(ca_file), threading.Event(), []

    def ask(turn, host, **more):
        while not end.is_set():
            try:
                answers.append((host, http.request(host=host, **more).status))
            except OSError:
                answers.append((host, None))

    clients = [threading.Thread(target=ask, args=(0, host), kwargs={"port": gateway.http_port}) for host in hosts[-3:]]
    clients.append(threading.Thread(target=ask, args=(0, TLS_HOST), kwargs={"port": gateway.https_port, "tls": tls}))
    for client in clients:
        client.start()
    try:
        for _ in range(max(2, CHANGES // 50)):
            killed = gateway.wait_ready().ports["envoyPid"]
            os.kill(killed, signal.SIGKILL)
            wait_for(lambda: gateway.ready_file.exists() and gateway.wait_ready().ports["envoyPid"] != killed,
                     "another Envoy", 30)
            # Ready means that everything is served.
            assert {host: gateway.get(host).status for host in hosts} == {host: 200 for host in hosts}
            assert http.request(gateway.https_port, TLS_HOST, tls=tls).status == 200
    finally:
        end.set()
        for client in clients:
            client.join()
    # Answered well, or not at all while there was no Envoy.
    assert {status for _, status in answers} == {200, None}
