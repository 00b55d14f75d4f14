"""Envoy's memory for a host and for a route, as configured and after each host was asked for once."""

import world
from gateways import Site
from report import Group, Row

TITLE = "Envoy's memory (allocated): what a host and a route take"
# Two worlds of as many hosts give a route's share, one with fewer hosts gives a host's.
SIZES = [2000]
QUICK_SIZES = [500]
FEW, MANY = 10, 50


def allocated(context, hosts, routes):
    """(cold, in use), in KB."""
    with Site(context.folder, f"memory-{hosts}-{routes}") as site:
        context.say(f"memory: {hosts} hosts of {routes} routes")
        world.write_hosts(site.config, hosts, context.backend.port, routes)
        site.timed_start(world.host_of(hosts - 1), "/start")
        site.settle()
        cold = site.envoy_allocated_mb()
        probe = site.probe()
        for i in range(hosts):
            probe.wait(world.host_of(i), "/start")
        site.settle()
        return cold * 1000, site.envoy_allocated_mb() * 1000


def run_size(context, hosts):
    base = allocated(context, hosts // 10, FEW)
    few = allocated(context, hosts, FEW)
    many = allocated(context, hosts, MANY)
    rows = []
    for i, state in enumerate(("cold", "in use")):
        route = (many[i] - few[i]) / (hosts * (MANY - FEW))
        host = (few[i] - base[i]) / (hosts - hosts // 10)
        rows += [
            Row(f"a route, {state}", "KB", route, None, hosts),
            Row(f"a host without its routes, {state}", "KB", host - FEW * route, None, hosts),
            Row(f"a host of {FEW} routes, {state}", "KB", host, None, hosts),
        ]
    return rows


def run(context):
    rows = []
    for hosts in context.sizes(SIZES, QUICK_SIZES):
        rows += run_size(context, hosts)
    return [Group("memory", TITLE, rows)]
