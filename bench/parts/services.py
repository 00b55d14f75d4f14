"""One new virtual service with a new domain and a new upstream, among K of them that are in use."""

import changes
import peers
import world
from gateways import Site
from report import Aim, Group, Row, by_case

TITLE = "One new virtual service with a new domain and a new upstream: rename() of the file to the first 200"
SIZES = [100, 1000, 10_000]
QUICK_SIZES = [100, 1000]


def service(name, backend_port):
    """A file with an upstream and the virtual service that uses it."""
    return (world.upstream(name, [(backend_port, 1)]) + "---\n"
            + world.service(name, f"{name}.bench.test", [("pathPrefix", "/", name)]))


def new_services(site, backend_port):
    def change(turn):
        name = f"new{turn}"
        return world.stage(site.config, f"new/{name}.yaml", service(name, backend_port)), f"{name}.bench.test", "/"

    return change


def peer_services(turn):
    return ("service", turn), f"new{turn}.bench.test", "/start"


def run_size(context, clusters, backend):
    with Site(context.folder, f"services-{clusters}") as site:
        context.say(f"services: {clusters} clusters")
        for i in range(clusters):
            world.write(site.config, f"{i // world.FILES_PER_FOLDER}/s{i}.yaml", service(f"s{i}", backend.port))
        site.timed_start(f"s{clusters - 1}.bench.test", "/")
        site.settle()
        probe = site.probe()
        outcome = changes.run(context.count(100), new_services(site, backend.port), probe, site.pid, site.envoy_pid,
                              site.received)
        site.check()
    others = {}
    for kind in peers.kinds(context):
        context.say(f"services: {kind} at {clusters} clusters")
        with peers.serving(context, kind, backend, hosts=clusters, per=1, clusters=clusters) as peer:
            peer.probe.wait(world.host_of(clusters - 1), "/start", every=0.002)
            peers.settle(peer)
            others[kind] = peer.run(context.count(30 if kind == peers.FLOOR else 10), peer_services)
    failed = sum(count for status, count in outcome.statuses.items() if status != 404)
    rows = [
        Row("new domain and upstream", "ms", outcome.p50, outcome.p99, clusters, Aim(10)),
        Row("CPU of the control plane", "ms", outcome.control_ms, None, clusters),
        Row("CPU of Envoy's main thread", "ms", outcome.main_ms, None, clusters),
        Row("sent to Envoy", "KiB", outcome.received_kib, None, clusters),
        Row("answers that are neither 404 nor 200", "", failed, None, clusters, Aim(0)),
    ]
    figures = [lambda o: o.p50, lambda o: o.control_ms, lambda o: o.main_ms, lambda o: o.received_kib,
               lambda o: sum(count for status, count in o.statuses.items() if status != 404)]
    for row, figure in zip(rows, figures):
        peers.compare(row, others, figure)
    return rows


def run(context):
    rows = []
    for clusters in context.sizes(SIZES, QUICK_SIZES):
        rows += run_size(context, clusters, context.backend)
    return [Group("services", TITLE, by_case(rows))]
