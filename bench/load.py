"""Requests while something is measured: wrk, as fast as it goes, and h2load, so many a second."""

import pathlib
import re
import subprocess


class Saturating:
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


class Steady:
    """h2load with a fixed rate over HTTP/1.1, until it is stopped; each request is in its log."""

    CLIENTS = 8
    SECONDS = 300

    def __init__(self, folder, port, host, path, rate=2000):
        self.log = pathlib.Path(folder) / "h2load.log"
        self.log.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            ["h2load", "--h1", "-t1", f"-c{self.CLIENTS}", f"--rps={rate / self.CLIENTS:g}", f"-D{self.SECONDS}",
             f"--log-file={self.log}", "-H", f":authority: {host}", f"http://127.0.0.1:{port}{path}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def requests(self):
        """(start in microseconds of the clock, status, microseconds) of all requests so far."""
        out = []
        for line in self.log.read_text().splitlines() if self.log.exists() else []:
            fields = line.split("\t")
            if len(fields) == 3:
                out.append((int(fields[0]), int(fields[1]), int(fields[2])))
        return out

    def stop(self):
        self.process.terminate()
        self.process.wait(15)
