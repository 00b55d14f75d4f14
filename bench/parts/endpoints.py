"""One endpoint of E changes: when requests reach the new one, and what is sent."""

import changes
import peers
import world
from gateways import Site
from report import Aim, Group, Row, by_case

TITLE = "One endpoint of an upstream changes: rename() of its file to the first answer of the new endpoint"
SIZES = [10, 1000, 10_000]
QUICK_SIZES = [10, 1000]
AIMS = {10: (8, 1), 1000: (8, None), 10_000: (30, 1)}
HOST = "big.bench.test"
# Nearly all requests go to the endpoint that changes, so that the next request tells whether it has.
LIVE_WEIGHT = 4_000_000_000


def big(endpoints, live_port):
    far = [(9, 1, f"127.1.{i // 250}.{1 + i % 250}") for i in range(1, endpoints)]
    return world.upstream("big", [(live_port, LIVE_WEIGHT), *far])


def sent(site):
    """Updates of clusters and routes that Envoy has taken up so far."""
    return site.envoy_stat("cluster_manager.cluster_modified") + site.envoy_stat("cluster_manager.cluster_added")


def run_size(context, endpoints, backend):
    ports = [backend.port, backend.listening["other"]]
    with Site(context.folder, f"endpoints-{endpoints}") as site:
        context.say(f"endpoints: {endpoints}")
        world.write_hosts(site.config, 10, backend.port)
        world.write(site.config, "big.yaml", big(endpoints, ports[0]))
        world.write(site.config, "big-service.yaml", world.service("big", HOST, [("pathExact", "/start", "big")]))
        site.timed_start(HOST, "/start")
        site.settle()
        clusters = sent(site)

        def change(turn):
            swapped = (turn + 1) % 2
            return (world.stage(site.config, "big.yaml", big(endpoints, ports[swapped])), HOST, "/start",
                    201 if swapped else 200)

        outcome = changes.run(context.count(50), change, site.probe(), site.pid, site.envoy_pid, site.received)
        resent = sent(site) - clusters
        site.check()
    others = {}
    for kind in peers.kinds(context):
        context.say(f"endpoints: {kind} at {endpoints}")
        with peers.serving(context, kind, backend, hosts=10, endpoints=endpoints) as peer:
            peer.probe.wait(HOST, "/start", every=0.002)
            peers.settle(peer)
            others[kind] = peer.run(context.count(20), lambda turn: (("endpoint",), HOST, "/start",
                                                                      201 if (turn + 1) % 2 else 200))
    time_aim, size_aim = AIMS[endpoints]
    rows = [
        Row("one endpoint", "ms", outcome.p50, outcome.p99, endpoints, Aim(time_aim)),
        Row("sent to Envoy", "KiB", outcome.received_kib, None, endpoints, Aim(size_aim) if size_aim else None),
        Row("CPU of the control plane", "ms", outcome.control_ms, None, endpoints),
        Row("CPU of Envoy's main thread", "ms", outcome.main_ms, None, endpoints),
        Row("clusters that were sent again", "", resent, None, endpoints, Aim(0)),
    ]
    figures = [lambda o: o.p50, lambda o: o.received_kib, lambda o: o.control_ms, lambda o: o.main_ms]
    for row, figure in zip(rows, figures):
        peers.compare(row, others, figure)
    return rows


def run(context):
    rows = []
    for endpoints in context.sizes(SIZES, QUICK_SIZES):
        rows += run_size(context, endpoints, context.backend)
    return [Group("endpoints", TITLE, by_case(rows))]
