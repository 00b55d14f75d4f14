"""From the start of the program to the first 200 of the last route, with nothing and with the last good state."""

import time

import peers
import world
from gateways import Site
from report import Aim, Group, Row, by_case

TITLE = "Start of the whole gateway: to the first 200 of the last route"
SIZES = [10_000, 100_000]
QUICK_SIZES = [1000, 10_000]


def run_size(context, routes):
    hosts = routes // world.ROUTES_PER_HOST
    last = world.host_of(hosts - 1)
    # The aims are for 100,000 routes; less must not take longer.
    with Site(context.folder, f"start-{routes}") as site:
        context.say(f"start: {routes} routes")
        world.write_hosts(site.config, hosts, context.backend.port)
        first = site.timed_start(last, "/start")
        site.settle(limit=30)
        site.check()
        site.stop(timeout=60)
        second = site.timed_start(last, "/start")
        site.settle(limit=30)
        # The folder is gone: what the state says is served.
        site.stop(timeout=60)
        site.config.path.rename(site.config.path.with_name("away"))
        site.config.path.mkdir()
        site.config.path.rmdir()
        without = site.timed_start(last, "/start")
    others = {}
    for kind in peers.kinds(context):
        context.say(f"start: {kind} at {routes} routes")
        with peers.serving(context, kind, context.backend, hosts=hosts) as peer:
            peer.probe.wait(last, "/start", every=0.002)
            others[kind] = time.perf_counter() - peer.began
    rows = [
        Row("from files", "s", first, None, routes, Aim(3)),
        Row("from the last good state and files", "s", second, None, routes, Aim(0.7)),
        Row("from the last good state, files away", "s", without, None, routes, Aim(0.7)),
    ]
    peers.compare(rows[0], others, lambda seconds: seconds)
    return rows


def run(context):
    rows = []
    for routes in context.sizes(SIZES, QUICK_SIZES):
        rows += run_size(context, routes)
    return [Group("start", TITLE, by_case(rows))]
