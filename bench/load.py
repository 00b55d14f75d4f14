"""Requests while something is measured, by h2load: as fast as it goes, or so many a second."""

import dataclasses
import pathlib
import re
import subprocess


@dataclasses.dataclass
class Turn:
    """What one run of a Batch has seen: requests a second, and the time of each request in microseconds."""

    rate: float
    times: list


class Batch:
    """One request again and again, as fast as it goes, so many times."""

    def __init__(self, folder, name, port, host, path, method="GET", headers=None, body=None):
        folder = pathlib.Path(folder)
        self.log = folder / f"{name}.log"
        self.command = ["h2load", "--h1", "-t1", "-c4", f"--log-file={self.log}", "-H", f":authority: {host}",
                        "-H", f":method: {method}"]
        for key, value in (headers or {}).items():
            self.command += ["-H", f"{key}: {value}"]
        if body is not None:
            data = folder / f"{name}.body"
            data.write_bytes(body if isinstance(body, bytes) else body.encode())
            self.command += ["-d", str(data)]
        self.url = f"http://127.0.0.1:{port}{path}"

    def run(self, requests):
        """A Turn. An answer other than 200 is a failure of the benchmark."""
        self.log.unlink(missing_ok=True)
        done = subprocess.run([*self.command, f"-n{requests}", self.url], check=True, text=True, capture_output=True,
                              timeout=60)
        if f" {requests} succeeded" not in done.stdout or f"status codes: {requests} 2xx" not in done.stdout:
            raise RuntimeError(f"{self.url}: {done.stdout}")
        return Turn(float(re.search(r"([0-9.]+) req/s", done.stdout)[1]), [time for _, _, time in logged(self.log)])


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
        return logged(self.log)

    def stop(self):
        self.process.terminate()
        self.process.wait(15)


def logged(path):
    """(start in microseconds of the clock, status, microseconds) of the requests in a log of h2load."""
    out = []
    for line in path.read_text().splitlines() if path.exists() else []:
        fields = line.split("\t")
        if len(fields) == 3:
            out.append((int(fields[0]), int(fields[1]), int(fields[2])))
    return out
