"""Requests without a pause on kept connections, while something else changes: each must be answered with 200."""

import threading

from envoy_static import CLIENTS


class Traffic:
    """Connections of each protocol that ask one after the other; `failures` is what was not answered with 200.

    A connection that the gateway closes is a failure too.
    """

    def __init__(self, port, host, method="GET", path="/", headers=(), connections=1):
        self.port, self.host, self.method, self.path, self.headers = port, host, method, path, list(headers)
        self.failures, self.count = [], 0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(protocol,), daemon=True)
                         for protocol in CLIENTS for _ in range(connections)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, protocol):
        asked = 0
        try:
            with CLIENTS[protocol](self.port) as client:
                while not self._stop.is_set():
                    answer = client.request(self.method, self.path, self.headers, host=self.host)
                    asked += 1
                    with self._lock:
                        self.count += 1
                        if answer.status != 200:
                            self.failures.append((protocol, answer.status, answer.text))
        except (OSError, EOFError) as e:
            self.failures.append((protocol, "after", asked, repr(e)))
