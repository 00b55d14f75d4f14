"""Many functions on one upstream with a route to each: start, one of them changed, what Envoy is sent, memory."""

import dataclasses

import changes
import measure
import world
from gateways import Site
from report import Aim, Group, Row, by_case

TITLE = "Many functions on one upstream, a route to each"
SIZES = QUICK_SIZES = [1000, 10_000]
# What routes call: the upstream as such, functions that do next to nothing, functions as users write them.
PLAIN, LEAST, USUAL = "plain", "least", "usual"


def functions_file(port, count, kind, changed=()):
    """The upstream; functions that are changed answer 201."""
    if kind == PLAIN:
        return world.upstream("many", [(port, 1)])
    lines = [world.upstream("many", [(port, 1)]), "  serviceInfo: {type: REST}\n  functions:\n"]
    for i in range(count):
        spec = (f"path: /api/f{i}/{{{{ id }}}}\n      headers: {{x-function: f{i}}}" if kind == USUAL
                else f"removeHeaders: [f{i}]")
        lines.append(f"  - name: f{i}\n    spec:\n      {spec}\n")
        if i in changed:
            lines.append("      response: {headers: {\":status\": \"201\"}}\n")
    return "".join(lines)


def write_many(site, port, count, kind):
    """Hosts of ten routes."""
    world.write(site.config, "many.yaml", functions_file(port, count, kind))
    for host in range(count // world.ROUTES_PER_HOST):
        lines = [f"apiVersion: gloo.solo.io/v1\nkind: VirtualService\nmetadata: {{name: h{host}}}\n"
                 f"spec:\n  domains: [{world.host_of(host)}]\n  routes:\n"]
        for i in range(host * world.ROUTES_PER_HOST, (host + 1) * world.ROUTES_PER_HOST):
            to = "upstream: {name: many}" if kind == PLAIN else f"function: {{upstreamName: many, functionName: f{i}}}"
            lines.append(f"  - requestMatcher: {{pathPrefix: /f{i}/}}\n    singleDestination: {{{to}}}\n")
            if kind == USUAL:
                lines.append(f"    extensions: {{parameters: {{path: \"/f{i}/{{id}}\"}}}}\n")
        world.write(site.config, world.file_of(host), "".join(lines))


def place_of(i):
    return world.host_of(i // world.ROUTES_PER_HOST), f"/f{i}/7"


def changed_functions(site, port, count):
    changed = set()

    def change(turn):
        i = (turn * 7919) % count
        changed.add(i)
        return (world.stage(site.config, "many.yaml", functions_file(port, count, USUAL, changed)), *place_of(i), 201)

    return change


@dataclasses.dataclass
class World:
    """Of a gateway at rest."""

    started: float
    received: int
    envoy_kib: float
    control_kib: float
    outcome: changes.Outcome | None = None


def run_world(context, count, kind):
    with Site(context.folder, f"manyfunctions-{count}-{kind}") as site:
        context.say(f"manyfunctions: {count} routes, {kind}")
        port = context.backend.port
        write_many(site, port, count, kind)
        started = site.timed_start(*place_of(count - 1))
        site.settle()
        made = World(started, site.received(), site.envoy_allocated_mb() * 1e6 / 1024, measure.rss_mb(site.pid) * 1024)
        if kind == USUAL:
            made.outcome = changes.run(context.count(50), changed_functions(site, port, count), site.probe(), site.pid,
                                       site.envoy_pid, site.received)
        site.check()
        return made


def run_size(context, count):
    plain, least, usual = (run_world(context, count, kind) for kind in (PLAIN, LEAST, USUAL))
    size = len(functions_file(context.backend.port, count, USUAL)) / 1024

    def row(case, unit, figure):
        return Row(case, unit, figure(usual), None, count, peers={"plain routes": figure(plain)})

    def each(case, figure, aim=None):
        """What a function adds to its route."""
        share = [(figure(made) - figure(plain)) / count for made in (usual, least)]
        return Row(f"{case}, a function", "KiB", share[0], None, count, aim, peers={"removes a header": share[1]})

    return [
        row("start from files to the last function", "s", lambda w: w.started),
        Row("one function changed, to its answer", "ms", usual.outcome.p50, usual.outcome.p99, count),
        Row("CPU of the control plane for it", "ms", usual.outcome.control_ms, None, count),
        Row("CPU of Envoy's main thread for it", "ms", usual.outcome.main_ms, None, count),
        Row("sent to Envoy for it", "KiB", usual.outcome.received_kib, None, count),
        Row("file of the upstream", "KiB", size, None, count),
        row("sent to Envoy at the start", "KiB", lambda w: w.received / 1024),
        each("sent to Envoy", lambda w: w.received / 1024),
        row("memory of Envoy", "MB", lambda w: w.envoy_kib * 1024 / 1e6),
        each("memory of Envoy", lambda w: w.envoy_kib, Aim(2)),
        row("memory of the control plane", "MB", lambda w: w.control_kib * 1024 / 1e6),
        each("memory of the control plane", lambda w: w.control_kib),
    ]


def run(context):
    rows = []
    for count in context.sizes(SIZES, QUICK_SIZES):
        rows += run_size(context, count)
    return [Group("manyfunctions", TITLE, by_case(rows))]
