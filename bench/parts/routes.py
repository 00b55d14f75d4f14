"""One new route among N: a saved file to the first 200, and what it costs everybody."""

import random
import time

import changes
import load
import measure
import peers
import world
from report import Aim, Group, Row, by_case
from gateways import Site

TITLE = "One new route: rename() of the saved file to the first 200 (ten routes a host, a host a file)"
SIZES = [100, 1000, 10_000, 100_000]
QUICK_SIZES = [100, 10_000]


def changed_routes(site, hosts, word):
    """Changes of a random host each; `word` keeps the markers of two series apart."""
    rng = random.Random(1)

    def change(turn):
        i = rng.randrange(hosts)
        marker = f"{word}{turn}"
        return world.stage(site.config, world.file_of(i), world.host_service(i, marker)), world.host_of(i), f"/{marker}"

    return change


def peer_routes(hosts, word):
    rng = random.Random(1)

    def change(turn):
        i = rng.randrange(hosts)
        return ("route", i, f"{word}{turn}"), world.host_of(i), f"/{word}{turn}"

    return change


class Stall:
    """The load of a measurement, and the longest that a request of it took."""

    def __init__(self, context, port):
        self.steady = load.Steady(context.folder, port, world.host_of(0), "/r1/x")
        # A second without changes says what the machine itself does to requests.
        self.quiet_from = time.time() + 0.5
        time.sleep(1.5)
        self.from_ = time.time()

    def end(self):
        """(longest with changes, longest without), in milliseconds; any answer but 200 is an error."""
        until = time.time()
        self.steady.stop()
        requests = self.steady.requests()
        bad = [status for _, status, _ in requests if status != 200]
        if bad or not requests:
            raise RuntimeError(f"{len(bad)} of {len(requests)} requests under load were not answered with 200: {bad[:5]}")

        def longest(begin, end):
            return max((took for start, _, took in requests if begin * 1e6 <= start < end * 1e6), default=0) / 1000

        return longest(self.from_, until), longest(self.quiet_from, self.from_)


def measure_peers(context, hosts, backend):
    """{kind: (outcome, outcome under load, stall)}."""
    out = {}
    for kind in peers.kinds(context):
        context.say(f"routes: {kind} at {hosts * world.ROUTES_PER_HOST}")
        count = context.count(50 if kind == peers.FLOOR else 10 if hosts >= 10_000 else 20)
        with peers.serving(context, kind, backend, hosts=hosts) as peer:
            peer.probe.wait(world.host_of(hosts - 1), "/start", every=0.002)
            peers.settle(peer)
            outcome = peer.run(count, peer_routes(hosts, "v"))
            stall = Stall(context, peer.envoy.port)
            try:
                loaded = peer.run(count, peer_routes(hosts, "w"), loaded=True)
            finally:
                longest, _ = stall.end()
            out[kind] = outcome, loaded, longest
    return out


def run_size(context, routes, backend):
    hosts = routes // world.ROUTES_PER_HOST
    with Site(context.folder, f"routes-{routes}") as site:
        context.say(f"routes: {routes}")
        world.write_hosts(site.config, hosts, backend.port)
        site.timed_start(world.host_of(hosts - 1), "/start")
        site.settle()
        probe = site.probe()
        count = context.count(300)
        outcome = changes.run(count, changed_routes(site, hosts, "v"), probe, site.pid, site.envoy_pid, site.received)
        memory = measure.rss_mb(site.pid)
        stall = Stall(context, site.http_port)
        try:
            loaded = changes.run(context.count(150), changed_routes(site, hosts, "w"), probe, site.pid, site.envoy_pid,
                                 site.received, loaded=True)
        finally:
            longest, without = stall.end()
        site.check()
    others = measure_peers(context, hosts, backend)
    alone = {kind: one for kind, (one, _, _) in others.items()}
    under_load = {kind: two for kind, (_, two, _) in others.items()}
    compare = peers.compare
    rows = [
        compare(Row("new route", "ms", outcome.p50, outcome.p99, routes, Aim(5, 15)), alone, lambda o: o.p50),
        compare(Row("new route, 2,000 requests/s", "ms", loaded.p50, loaded.p99, routes, Aim(5, 15)), under_load,
                lambda o: o.p50),
        Row("longest request meanwhile", "ms", longest, None, routes, Aim(10)),
        Row("longest request, no changes", "ms", without, None, routes),
        compare(Row("CPU of the control plane", "ms", outcome.control_ms, None, routes, Aim(0.5)), alone,
                lambda o: o.control_ms),
        compare(Row("CPU of Envoy's main thread", "ms", outcome.main_ms, None, routes, Aim(0.8)), alone,
                lambda o: o.main_ms),
        compare(Row("sent to Envoy", "KiB", outcome.received_kib, None, routes, Aim(1.2)), alone,
                lambda o: o.received_kib),
        Row("memory of the control plane", "MB", memory, None, routes, Aim(60 + 0.0007 * routes)),
    ]
    for kind, (_, _, stalled) in others.items():
        compare(rows[2], {kind: stalled}, lambda value: value)
    return rows


def run(context):
    rows = []
    for routes in context.sizes(SIZES, QUICK_SIZES):
        rows += run_size(context, routes, context.backend)
    return [Group("routes", TITLE, by_case(rows))]
