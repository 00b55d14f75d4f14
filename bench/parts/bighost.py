"""A host of thousands of routes changes one."""

import changes
import peers
import world
from gateways import Site
from report import Aim, Group, Row, by_case

TITLE = "One route of a large host changes: rename() of its file to the first 200"
SIZES = [1000, 5000]
QUICK_SIZES = [1000, 5000]


def run_size(context, routes):
    with Site(context.folder, f"bighost-{routes}") as site:
        context.say(f"bighost: {routes} routes")
        world.write_hosts(site.config, 1, context.backend.port, routes)
        site.timed_start(world.host_of(0), "/start")
        site.settle()

        def change(turn):
            text = world.host_service(0, f"v{turn}", routes)
            return world.stage(site.config, world.file_of(0), text), world.host_of(0), f"/v{turn}"

        outcome = changes.run(context.count(50), change, site.probe(), site.pid, site.envoy_pid, site.received)
        site.check()
    others = {}
    for kind in peers.kinds(context):
        context.say(f"bighost: {kind} at {routes} routes")
        with peers.serving(context, kind, context.backend, hosts=1, per=routes) as peer:
            peer.probe.wait(world.host_of(0), "/start", every=0.002)
            peers.settle(peer)
            others[kind] = peer.run(context.count(20), lambda turn: (("route", 0, f"v{turn}"), world.host_of(0),
                                                                      f"/v{turn}"))
    rows = [
        Row("one route of a host", "ms", outcome.p50, outcome.p99, routes, Aim(40)),
        Row("CPU of the control plane", "ms", outcome.control_ms, None, routes),
        Row("CPU of Envoy's main thread", "ms", outcome.main_ms, None, routes),
        Row("sent to Envoy", "KiB", outcome.received_kib, None, routes),
    ]
    figures = [lambda o: o.p50, lambda o: o.control_ms, lambda o: o.main_ms, lambda o: o.received_kib]
    for row, figure in zip(rows, figures):
        peers.compare(row, others, figure)
    return rows


def run(context):
    rows = []
    for routes in context.sizes(SIZES, QUICK_SIZES):
        rows += run_size(context, routes)
    return [Group("bighost", TITLE, by_case(rows))]
