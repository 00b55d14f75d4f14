"""A thousand Envoys, simulated: a saved file to the last acknowledgement, and the memory that each of them takes."""

import json
import random
import subprocess
import time

import measure
import world
from gateways import Site
from report import Aim, Group, Row

TITLE = "Many Envoys (delta clients on loopback) and one change: rename() to the last acknowledgement"
SIZES = [1000]
QUICK_SIZES = [300]
HOSTS = 100


class Fleet:
    """The simulated Envoys: bench/peer/clients."""

    def __init__(self, context, port, clients, routes):
        self.process = subprocess.Popen(
            [str(context.go_programs / "clients"), f"-address=127.0.0.1:{port}", f"-clients={clients}",
             f"-routes={routes}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the simulated Envoys ended: {self.process.wait()}")
        return json.loads(line)

    def watch(self, marker):
        self.process.stdin.write(f"watch {marker}\n")
        self.line()

    def stop(self):
        self.process.kill()
        self.process.wait()


def run_size(context, clients):
    with Site(context.folder, f"envoys-{clients}", command="serve") as site:
        context.say(f"envoys: {clients} clients")
        world.write_hosts(site.config, HOSTS, context.backend.port)
        site.start(wait=False)
        site.wait_ready(timeout=30)
        measure.settle([site.pid])
        empty = measure.rss_mb(site.pid)
        began = time.time_ns()
        fleet = Fleet(context, site.ports["xdsPort"], clients, HOSTS)
        try:
            complete = (fleet.line()["complete"] - began) / 1e9
            measure.settle([site.pid, fleet.process.pid])
            memory = (measure.rss_mb(site.pid) - empty) * 1024 / clients
            rng = random.Random(1)
            first, last = [], []
            count = context.count(50)
            cpu = measure.cpu_ns(site.pid)
            for turn in range(count):
                i = rng.randrange(HOSTS)
                move = world.stage(site.config, world.file_of(i), world.host_service(i, f"fleet{turn}x"))
                fleet.watch(f"fleet{turn}x")
                measure.settle([site.pid, fleet.process.pid])
                began = time.time_ns()
                move()
                seen = fleet.line()
                first.append((seen["first"] - began) / 1e6)
                last.append((seen["last"] - began) / 1e6)
            measure.settle([site.pid, fleet.process.pid])
            cpu = (measure.cpu_ns(site.pid) - cpu) / 1e6 / count
            after = (measure.rss_mb(site.pid) - empty) * 1024 / clients
        finally:
            fleet.stop()
    return [
        Row("change to the last acknowledgement", "ms", measure.median(last), measure.percentile(last, 0.99), clients,
            Aim(100)),
        Row("change to the first acknowledgement", "ms", measure.median(first), measure.percentile(first, 0.99), clients),
        Row("CPU of the control plane for one change", "ms", cpu, None, clients),
        Row("memory of the control plane for one client", "KiB", memory, None, clients, Aim(40)),
        Row("the same after the changes", "KiB", after, None, clients),
        Row("all connect at once: until all have everything", "s", complete, None, clients),
    ]


def run(context):
    if not context.go_programs:
        context.say("envoys: LEFT OUT: the simulated Envoys need Go")
        return []
    rows = []
    for clients in context.sizes(SIZES, QUICK_SIZES):
        rows += run_size(context, clients)
    return [Group("envoys", TITLE, rows)]
