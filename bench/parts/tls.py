"""A new TLS domain with its certificate, among many."""

import time

import measure
import probe
import world
from certificates import Certificates
from gateways import Site
from harness import http
from report import Aim, Group, Row, by_case

TITLE = "A new TLS domain with its certificate: rename() of the file to the first good handshake"
SIZES = [100, 10_000]
QUICK_SIZES = [100, 1000]


def domain(i):
    return f"t{i}.bench.test"


def service(i):
    return world.service(f"t{i}", domain(i), [("pathExact", "/start", "b0")], f"  sslConfig:\n    secretRef: t{i}\n")


def add_secret(site, certificates, i):
    """The key first, so that no pair is ever half there."""
    certificate, key = certificates.issue(domain(i))
    world.write(site.secrets, f"t{i}/tls.key", key)
    world.write(site.secrets, f"t{i}/tls.crt", certificate)


class Kept:
    """A client that stays connected over TLS to one domain while others come."""

    def __init__(self, port, context):
        self.connection = probe.Probe(port)
        self.connection.socket = context.wrap_socket(self.connection.socket, server_hostname=domain(0))

    def ask(self):
        status = self.connection.status(domain(0), "/start")
        if status != 200:
            raise RuntimeError(f"the client that is connected got {status}")


def listeners_touched(site):
    return sum(site.envoy_stat(f"listener_manager.{name}")
               for name in ("listener_modified", "listener_in_place_updated", "listener_removed"))


def run_size(context, domains):
    with Site(context.folder, f"tls-{domains}") as site:
        context.say(f"tls: {domains} domains")
        certificates = Certificates(site.root)
        world.write_hosts(site.config, 0, context.backend.port)
        for i in range(domains):
            add_secret(site, certificates, i)
            world.write(site.config, f"{i // world.FILES_PER_FOLDER}/t{i}.yaml", service(i))
        site.start(wait=False)
        site.wait_ready(timeout=180)
        trust = http.tls_context(ca=certificates.authority_file)
        end = time.perf_counter() + 120
        while not probe.handshake(site.https_port, domain(domains - 1), trust):
            if time.perf_counter() > end:
                raise RuntimeError(f"{domain(domains - 1)} is not there after 120 s")
            time.sleep(0.01)
        site.settle(limit=30)
        kept = Kept(site.https_port, trust)
        touched = listeners_touched(site)
        times = []
        count = context.count(50)
        cpu = measure.cpu_ns(site.pid)
        for i in range(domains, domains + count):
            add_secret(site, certificates, i)
            site.settle()
            move = world.stage(site.config, f"new/t{i}.yaml", service(i))
            began = time.perf_counter()
            move()
            while not probe.handshake(site.https_port, domain(i), trust):
                if time.perf_counter() > began + 30:
                    raise RuntimeError(f"{domain(i)} is not there after 30 s")
            times.append((time.perf_counter() - began) * 1000)
            kept.ask()
        cpu = (measure.cpu_ns(site.pid) - cpu) / 1e6 / count
        touched = listeners_touched(site) - touched
        memory = measure.rss_mb(site.pid)
        site.check()
    return [
        Row("new TLS domain", "ms", measure.median(times), measure.percentile(times, 0.99), domains, Aim(15)),
        Row("CPU of the control plane", "ms", cpu, None, domains),
        Row("listeners touched", "", touched, None, domains, Aim(0)),
        Row("memory of the control plane", "MB", memory, None, domains),
    ]


def run(context):
    rows = []
    for domains in context.sizes(SIZES, QUICK_SIZES):
        rows += run_size(context, domains)
    return [Group("tls", TITLE, by_case(rows))]
