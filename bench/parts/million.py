"""A million routes on a hundred thousand hosts: start, one new route, and the first request to a host nobody asked for."""

import random
import time

import changes
import measure
import peers
import world
from gateways import Site
from parts.routes import changed_routes, peer_routes
from report import Aim, Group, Row

# Of the listeners of the settings.
ROLE = "apiVersion: gloo.solo.io/v1\nkind: Role\nmetadata:\n  name: ingress\nspec:\n  onDemand: true\n"

TITLE = "A million routes: a hundred thousand hosts of ten routes, a host a file"
SIZES = [1_000_000]
QUICK_SIZES = [10_000]
# Memory and time of the cache at this size are known to grow in line with the routes; the floor is what matters.
COMPARED = [peers.FLOOR]


def first_requests(probe, hosts, count):
    """Milliseconds of the first and of the second request to hosts that nobody asked for."""
    first, second = [], []
    for i in random.Random(2).sample(range(hosts), count):
        for times in (first, second):
            began = time.perf_counter()
            status = probe.status(world.host_of(i), "/r1/x")
            times.append((time.perf_counter() - began) * 1000)
            if status != 200:
                raise RuntimeError(f"{world.host_of(i)} answers {status} to its first request")
    return first, second


def run_size(context, routes):
    hosts = routes // world.ROUTES_PER_HOST
    with Site(context.folder, f"million-{routes}") as site:
        context.say(f"million: writing {hosts} files")
        world.write_hosts(site.config, hosts, context.backend.port)
        world.write(site.config, "role.yaml", ROLE)
        context.say(f"million: {routes} routes")
        started = site.timed_start(world.host_of(hosts - 1), "/start", timeout=600)
        site.settle(limit=120)
        cold = site.envoy_allocated_mb()
        probe = site.probe()
        first, second = first_requests(probe, hosts, min(hosts // 10, 500))
        outcome = changes.run(context.count(200), changed_routes(site, hosts, "v"), probe, site.pid, site.envoy_pid,
                              site.received)
        memory = measure.rss_mb(site.pid)
        site.check()
        site.stop(timeout=120)
    others = {}
    for kind in COMPARED if context.go_programs else []:
        context.say(f"million: {kind}")
        with peers.serving(context, kind, context.backend, hosts=hosts) as peer:
            peer.probe.wait(world.host_of(hosts - 1), "/start", every=0.01, deadline=600)
            peers.settle(peer)
            others[kind] = peer.run(context.count(50), peer_routes(hosts, "v"))
    rows = [
        Row("new route", "ms", outcome.p50, outcome.p99, routes, Aim(6)),
        Row("CPU of the control plane", "ms", outcome.control_ms, None, routes, Aim(0.5)),
        Row("CPU of Envoy's main thread", "ms", outcome.main_ms, None, routes, Aim(0.8)),
        Row("sent to Envoy", "KiB", outcome.received_kib, None, routes, Aim(1.2)),
        Row("first request to a host, more than the second", "ms", measure.median(first) - measure.median(second), None,
            routes, Aim(2)),
        Row("first request to a host", "ms", measure.median(first), measure.percentile(first, 0.99), routes),
        Row("start from files to the last route", "s", started, None, routes),
        Row("memory of the control plane", "MB", memory, None, routes, Aim(60 + 0.0007 * routes)),
        Row("memory of Envoy, cold", "MB", cold, None, routes),
    ]
    figures = [lambda o: o.p50, lambda o: o.control_ms, lambda o: o.main_ms, lambda o: o.received_kib]
    for row, figure in zip(rows, figures):
        peers.compare(row, others, figure)
    return rows


def run(context):
    rows = []
    for routes in context.sizes(SIZES, QUICK_SIZES):
        rows += run_size(context, routes)
    return [Group("million", TITLE, rows)]
