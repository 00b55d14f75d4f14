"""Others that serve the same world to an Envoy: the floor (a pre-built push) and go-control-plane's snapshot cache.

The programs are in bench/peer; where Go is missing there are none, and the table says so.
"""

import contextlib
import json
import subprocess
import time

import changes
import envoys
import measure
import probe
import world

FLOOR = "floor"
# Name in the table: (arguments, whether Envoy asks for deltas).
KINDS = {
    FLOOR: (["-kind=floor", "-layout=srds"], True),
    # What most control planes do with the cache: a route configuration for all hosts.
    "SotW": (["-kind=sotw", "-layout=rds"], False),
    # The best that the cache can do: a route configuration a host, deltas.
    "delta": (["-kind=delta", "-layout=srds"], True),
}


class Peer:
    """One of them, serving an Envoy of its own. Commands are lines; each is answered with a line when it is done."""

    def __init__(self, context, kind, backend, hosts, per=world.ROUTES_PER_HOST, clusters=world.UPSTREAMS, endpoints=0):
        arguments, delta = KINDS[kind]
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            [str(context.go_programs / "serve"), *arguments, f"-hosts={hosts}", f"-per={per}", f"-clusters={clusters}",
             f"-endpoints={endpoints}", f"-backend={backend.port}", f"-other={backend.listening['other']}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, start_new_session=True)
        self.pid = self.process.pid
        measure.alike(self.pid)
        self.envoy = None
        try:
            port = json.loads(self._line())["port"]
            self.envoy = envoys.served_by(context.folder, f"peer-{kind}", port, delta)
            self.probe = probe.connect(self.envoy.port)
        except BaseException:
            self.stop()
            raise
        self.unanswered = 0

    def _line(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the peer ended: {self.process.wait()}")
        return line

    def send(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.unanswered += 1

    def answers(self):
        """Waits until all that was sent is done; what was said of the last."""
        line = None
        while self.unanswered:
            line = json.loads(self._line())
            self.unanswered -= 1
        return line

    def received(self):
        return self.envoy.stat("cluster.gloo_xds.upstream_cx_rx_bytes_total")

    def run(self, count, change, loaded=False):
        """`change(i)` gives (words of a command, host, path[, status])."""
        def prepare(i):
            self.answers()
            words, host, path, *status = change(i)
            return (lambda: self.send(*words)), host, path, *status

        outcome = changes.run(count, prepare, self.probe, self.pid, self.envoy.pid, self.received, loaded)
        self.answers()
        return outcome

    def stop(self):
        if self.envoy:
            self.envoy.stop()
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def serving(context, kind, backend, **size):
    peer = Peer(context, kind, backend, **size)
    try:
        yield peer
    finally:
        peer.stop()


def kinds(context):
    """The kinds that can be measured here."""
    return list(KINDS) if context.go_programs else []


def compare(row, outcomes, figure):
    """Puts the figure of each outcome ({kind: outcome}) beside a row."""
    for kind, outcome in outcomes.items():
        if kind == FLOOR:
            row.floor = figure(outcome)
        else:
            row.peers[kind] = figure(outcome)
    return row


def settle(peer):
    measure.settle([peer.pid, peer.envoy.pid])
