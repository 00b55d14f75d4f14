"""Makes changes one after another and sees each of them arrive."""

import dataclasses
import time

import measure

# Changes before the first that counts: caches and connections are warm then.
WARM_UP = 3


@dataclasses.dataclass
class Outcome:
    times_ms: list
    # CPU for one change, in milliseconds, of the control plane and of Envoy's main thread.
    control_ms: float
    main_ms: float
    # What Envoy received for one change, in KiB.
    received_kib: float
    statuses: dict

    @property
    def p50(self):
        return measure.median(self.times_ms)

    @property
    def p99(self):
        return measure.percentile(self.times_ms, 0.99)


def run(count, change, probe, control_pid, envoy_pid, received, loaded=False):
    """`change(i)` prepares the i-th change and gives (apply, host, path[, status]).

    `received()` is the number of bytes that Envoy has received from the control plane; `loaded` says that there are
    other requests, so that Envoy is never quiet.
    """
    def settle():
        measure.settle([control_pid] if loaded else [control_pid, envoy_pid])

    times, statuses = [], {}
    for i in range(count + WARM_UP):
        if i == WARM_UP:
            settle()
            bytes_before = received()
            settle()
            control, main = measure.cpu_ns(control_pid), measure.main_thread_ns(envoy_pid)
        apply, host, path, *expected = change(i)
        began = time.perf_counter()
        apply()
        seen = probe.wait(host, path, *(expected or [200]), seen=statuses)
        if i >= WARM_UP:
            times.append((seen - began) * 1000)
        # An idle system is what a single change meets: the acknowledgement of the last one has been worked on.
        time.sleep(0.004)
    settle()
    control, main = measure.cpu_ns(control_pid) - control, measure.main_thread_ns(envoy_pid) - main
    return Outcome(times, control / 1e6 / count, main / 1e6 / count, (received() - bytes_before) / 1024 / count, statuses)
