"""Thousands of files saved at once: when the last change is there, what it takes, and whether the statuses are right."""

import random
import time

import measure
import peers
import world
from gateways import Site
from harness.waiting import wait_for
from report import Aim, Group, Row

TITLE = "Storm: many hosts change one route each, all at once (of ten times as many routes)"
SIZES = [10_000]
QUICK_SIZES = [1000]
# Every so many is a mistake: its status must say so, and its host must serve what it served before.
MISTAKES = 100
SAMPLE = 100


def last_seen(probe, targets, deadline=120):
    """When all of (host, path) were answered with 200 (perf_counter).

    A sample is watched, the last of them in it, so that looking takes little from those who work; then all are
    looked at, and what is late counts with the time at which it was seen.
    """
    rng = random.Random(1)
    watched = rng.sample(targets[:-1], min(SAMPLE, len(targets) - 1)) + [targets[-1]]
    end = time.perf_counter() + deadline
    while watched:
        watched = [target for target in watched if probe.status(*target) != 200]
        seen = time.perf_counter()
        if watched:
            if seen > end:
                raise RuntimeError(f"{len(watched)} changes are not there after {deadline} s, {watched[0]} among them")
            time.sleep(0.002)
    for target in targets:
        if probe.status(*target) != 200:
            seen = max(seen, probe.wait(*target, deadline=deadline))
    return seen


def wrong_statuses(site, hosts, mistakes):
    """How many objects do not have the status that they are to have; waits for the last to come."""
    def count():
        wrong = 0
        for key, entry in site.entries("VirtualService").items():
            i = int(key.rsplit("/h", 1)[1])
            state = entry["status"].get("state", "PENDING").upper()
            nodes = entry["status"].get("nodes", [])
            if i in mistakes:
                wrong += state != "REJECTED"
            else:
                wrong += state != "ACCEPTED" or any(n.get("state", "WAITING").upper() != "PROGRAMMED" for n in nodes)
        return wrong

    began = time.perf_counter()
    try:
        wait_for(lambda: count() == 0, "the statuses", 10, every=0.2)
        return 0, time.perf_counter() - began
    except AssertionError:
        return count(), time.perf_counter() - began


def run_size(context, hosts):
    with Site(context.folder, f"storm-{hosts}") as site:
        context.say(f"storm: {hosts} hosts")
        world.write_hosts(site.config, hosts, context.backend.port)
        site.timed_start(world.host_of(hosts - 1), "/start")
        site.settle(limit=30)
        probe = site.probe()
        before = measure.rss_mb(site.pid)
        mistakes = set(range(0, hosts, MISTAKES))
        moves = []
        for i in range(hosts):
            text = world.host_service(i, "storm")
            if i in mistakes:
                text = text.replace("pathPrefix: /r1/", "pathPrefix: r1")
            moves.append(world.stage(site.config, world.file_of(i), text))
        site.settle(limit=30)
        measure.reset_peak(site.pid)
        cpu = measure.cpu_ns(site.pid)
        began = time.perf_counter()
        for move in moves:
            move()
        renamed = time.perf_counter()
        good = [(world.host_of(i), "/storm") for i in range(hosts) if i not in mistakes]
        seen = last_seen(probe, good)
        wrong, settled = wrong_statuses(site, hosts, mistakes)
        wrong += sum(probe.status(world.host_of(i), "/r1/x") != 200 for i in mistakes)
        site.settle(limit=30)
        cpu = (measure.cpu_ns(site.pid) - cpu) / 1e9
        peak = measure.peak_mb(site.pid)
        site.check()
    others = {}
    for kind in peers.kinds(context):
        context.say(f"storm: {kind} at {hosts} hosts")
        with peers.serving(context, kind, context.backend, hosts=hosts) as peer:
            peer.probe.wait(world.host_of(hosts - 1), "/start", every=0.002)
            peers.settle(peer)
            start = time.perf_counter()
            peer.send("storm", hosts, "storm")
            others[kind] = last_seen(peer.probe, [(world.host_of(i), "/storm") for i in range(hosts)]) - start
            peer.answers()
    row = Row("first rename() to the last change seen", "s", seen - began, None, hosts, Aim(1.5))
    return [
        peers.compare(row, others, lambda seconds: seconds),
        Row("of that the renames themselves", "s", renamed - began, None, hosts),
        Row("then, until all statuses are right", "s", settled, None, hosts),
        Row("statuses or answers that are wrong at the end", "", wrong, None, hosts, Aim(0)),
        Row("CPU of the control plane for all of it", "s", cpu, None, hosts),
        Row("memory before", "MB", before, None, hosts),
        Row("memory, highest", "MB", peak, None, hosts, Aim(1.5 * (60 + 0.0007 * hosts * world.ROUTES_PER_HOST))),
    ]


def run(context):
    rows = []
    for hosts in context.sizes(SIZES, QUICK_SIZES):
        rows += run_size(context, hosts)
    return [Group("storm", TITLE, rows)]
