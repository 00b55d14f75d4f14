"""One new route among N: a saved file to the first 200, and what it costs everybody."""

import dataclasses
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


@dataclasses.dataclass
class Figures:
    """What is measured of the gateway and of each of the others."""

    alone: changes.Outcome
    control_mb: float
    envoy_mb: float
    loaded: changes.Outcome
    longest: float


def measure_peers(context, hosts, backend):
    """{kind: figures}."""
    out = {}
    for kind in peers.kinds(context):
        context.say(f"routes: {kind} at {hosts * world.ROUTES_PER_HOST}")
        count = context.count(50 if kind == peers.FLOOR else 10 if hosts >= 10_000 else 20)
        with peers.serving(context, kind, backend, hosts=hosts) as peer:
            peer.probe.wait(world.host_of(hosts - 1), "/start", every=0.002)
            peers.settle(peer)
            outcome = peer.run(count, peer_routes(hosts, "v"))
            memory = measure.rss_mb(peer.pid), peer.envoy.allocated_mb()
            stall = Stall(context, peer.envoy.port)
            try:
                loaded = peer.run(count, peer_routes(hosts, "w"), loaded=True)
            finally:
                longest, _ = stall.end()
            out[kind] = Figures(outcome, *memory, loaded, longest)
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
        memory = measure.rss_mb(site.pid), site.envoy_allocated_mb()
        stall = Stall(context, site.http_port)
        try:
            loaded = changes.run(context.count(150), changed_routes(site, hosts, "w"), probe, site.pid, site.envoy_pid,
                                 site.received, loaded=True)
        finally:
            longest, without = stall.end()
        site.check()
    others = measure_peers(context, hosts, backend)
    ours = Figures(outcome, *memory, loaded, longest)

    def row(case, unit, figure, aim=None, p99=None):
        return peers.compare(Row(case, unit, figure(ours), p99, routes, aim), others, figure)

    return [
        row("new route", "ms", lambda f: f.alone.p50, Aim(5, 15), outcome.p99),
        row("new route, 2,000 requests/s", "ms", lambda f: f.loaded.p50, Aim(5, 15), loaded.p99),
        row("longest request meanwhile", "ms", lambda f: f.longest, Aim(10)),
        Row("longest request, no changes", "ms", without, None, routes),
        row("CPU of the control plane", "ms", lambda f: f.alone.control_ms, Aim(0.5)),
        row("CPU of Envoy's main thread", "ms", lambda f: f.alone.main_ms, Aim(0.8)),
        row("sent to Envoy", "KiB", lambda f: f.alone.received_kib, Aim(1.2)),
        row("memory of the control plane", "MB", lambda f: f.control_mb, Aim(60 + 0.0007 * routes)),
        row("memory of Envoy", "MB", lambda f: f.envoy_mb),
    ]


def run(context):
    rows = []
    for routes in context.sizes(SIZES, QUICK_SIZES):
        rows += run_size(context, routes, context.backend)
    return [Group("routes", TITLE, by_case(rows))]
