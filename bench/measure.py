"""What is measured, and how: CPU, memory, loads, the machine."""

import os
import pathlib
import platform
import re
import statistics
import subprocess


def cpu_ns(pid):
    """CPU that all threads of a process have used so far, in nanoseconds; threads that ended are counted by stat."""
    total = 0
    for path in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((path / "schedstat").read_text().split()[0])
        except (OSError, IndexError):
            continue
    if total:
        return total
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def rss_mb(pid):
    match = re.search(r"VmRSS:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text())
    return int(match[1]) / 1024


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values):
    return statistics.median(values)


def machine():
    """One line about the machine."""
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8", errors="replace")
                if line.startswith("model name")), platform.machine())
    memory = int(re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())[1]) // (1 << 20)
    return f"{len(os.sched_getaffinity(0))} cores, {cpu}, {memory} GiB, Linux {platform.release()}"


class Load:
    """What wrk sends: one request again and again."""

    def __init__(self, folder, name, port, host, path, method="GET", headers=None, body=None):
        self.url = f"http://127.0.0.1:{port}{path}"
        self.script = pathlib.Path(folder) / f"{name}.lua"
        lines = [f'wrk.method = "{method}"', f'wrk.headers["Host"] = "{host}"']
        lines += [f'wrk.headers["{key}"] = "{value}"' for key, value in (headers or {}).items()]
        if body is not None:
            lines.append(f"wrk.body = [==[{body}]==]")
        self.script.write_text("\n".join(lines) + "\n")

    def run(self, seconds, connections=8):
        """Requests that were answered with 200; anything else is a failure of the benchmark."""
        done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(self.script), self.url],
                              check=True, text=True, capture_output=True, timeout=seconds + 30)
        bad = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
        errors = re.search(r"Socket errors: (.*)", done.stdout)
        if bad or errors:
            raise RuntimeError(f"{self.url}: {bad[0] if bad else errors[0]}\n{done.stdout}")
        return int(re.search(r"(\d+) requests in", done.stdout)[1])
