"""What is measured, and how: CPU, memory, bytes, the machine."""

import os
import pathlib
import platform
import re
import statistics
import sys
import time


def cpu_ns(pid):
    """CPU that a process has used so far, all its threads and those that ended, in nanoseconds."""
    # The kernel's clock of another process: the complement of its id, and 2 for what the scheduler counts.
    return time.clock_gettime_ns((~pid << 3) | 2)


def main_thread_ns(pid):
    """CPU of the first thread alone: Envoy's main thread, which takes up configuration."""
    return int(pathlib.Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0])


def alike(pid):
    """Gives the session of a process the priority of this program.

    Linux shares a core among sessions first (autogroups), then within each by niceness; a gateway starts its Envoy in a
    session of its own. So all that are compared have one each, and `nice` counts for all of them.
    """
    group = pathlib.Path(f"/proc/{pid}/autogroup")
    if group.exists():
        try:
            group.write_text(str(os.getpriority(os.PRIO_PROCESS, 0)))
        except OSError as error:  # Not root, or twice within a tenth of a second.
            print(f"==> {group}: {error}", file=sys.stderr)


def _memory_mb(pid, name):
    match = re.search(rf"{name}:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text())
    return int(match[1]) / 1024


def rss_mb(pid):
    return _memory_mb(pid, "VmRSS")


def peak_mb(pid):
    """The largest resident set since the start, or since `reset_peak`."""
    return _memory_mb(pid, "VmHWM")


def reset_peak(pid):
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


def settle(pids, quiet_ms=30, limit=10.0):
    """Waits until processes use next to no CPU: what a change or a start left to do is done then."""
    deadline = time.monotonic() + limit
    before = sum(map(cpu_ns, pids))
    while time.monotonic() < deadline:
        time.sleep(quiet_ms / 1000)
        now = sum(map(cpu_ns, pids))
        if now - before < quiet_ms * 1e6 * 0.05:
            return
        before = now


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values):
    return statistics.median(values)


def machine():
    """Facts about the machine, in the order in which they are printed."""
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8", errors="replace")
                if line.startswith("model name")), platform.machine())
    memory = int(re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())[1]) / (1 << 20)
    return {
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "cores": len(os.sched_getaffinity(0)),
        "cpu": cpu,
        "memory": f"{memory:.0f} GiB",
        "kernel": f"Linux {platform.release()}",
        "load": f"{os.getloadavg()[0]:.2f} before the run",
    }
