"""How many time series an Envoy of ours has by default."""

import re

import world
from gateways import Site
from report import Aim, Group, Row

TITLE = "Envoy's statistics with what Gloo leaves out by default"
SIZES = [5000]
QUICK_SIZES = [5000]
UPSTREAMS = 500


def run_size(context, routes):
    hosts = routes // world.ROUTES_PER_HOST
    with Site(context.folder, f"stats-{routes}") as site:
        context.say(f"stats: {routes} routes")
        for i in range(UPSTREAMS):
            world.write(site.config, f"upstreams/u{i}.yaml", world.upstream(f"u{i}", [(context.backend.port, 1)]))
        for i in range(hosts):
            listed = [("pathExact", "/start", f"u{i % UPSTREAMS}")]
            listed += [("pathPrefix", f"/r{n}/", f"u{(i * 7 + n) % UPSTREAMS}") for n in range(1, world.ROUTES_PER_HOST)]
            world.write(site.config, world.file_of(i), world.service(f"h{i}", world.host_of(i), listed))
        # An upstream that no route uses does not exist in Envoy.
        world.write(site.config, "unused.yaml", world.upstream("unused", [(context.backend.port, 1)]))
        site.timed_start(world.host_of(hosts - 1), "/start")
        probe = site.probe()
        for i in range(hosts):
            probe.wait(world.host_of(i), "/r1/x")
        text = site.envoy_admin("/stats/prometheus").text
        series = [line for line in text.splitlines() if line and not line.startswith("#")]
        clusters = set(re.findall(r"^default/([^:]+)::", site.envoy_admin("/clusters").text, re.M))
        size_kib = len(text) / 1024
    return [
        Row("time series", "", len(series), None, routes, Aim(1000)),
        Row("size of a scrape", "KiB", size_kib, None, routes),
        Row("clusters in Envoy that no route uses", "", len(clusters) - UPSTREAMS, None, routes, Aim(0)),
    ]


def run(context):
    rows = []
    for routes in context.sizes(SIZES, QUICK_SIZES):
        rows += run_size(context, routes)
    return [Group("stats", TITLE, rows)]
