"""Requests without a pause on kept connections, while something else changes: each must be answered with 200."""

import threading

import h2.exceptions
from envoy_static import CLIENTS


class Traffic:
    """Connections of each protocol that ask one after the other; `failures` is what was not answered with 200.

    A connection that the gateway closes is a failure too; with `reconnect` its client begins anew then.
    """

    def __init__(self, port, host, method="GET", path="/", headers=(), connections=1, reconnect=False):
        self.port, self.host, self.method, self.path, self.headers = port, host, method, path, list(headers)
        self.reconnect = reconnect
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
        while not self._stop.is_set():
            asked = 0
            try:
                with CLIENTS[protocol](self.port) as client:
                    while not self._stop.is_set():
                        answer = client.request(self.method, self.path, self.headers, host=self.host)
                        asked += 1
                        with self._lock:
                            self.count += 1
                            if answer.status != 200:
                                self.failures.append(("status", protocol, answer.status, answer.text))
            # The library takes nothing more of a connection that says it will close, answers that are on the way included.
            except (OSError, EOFError, h2.exceptions.ProtocolError) as e:
                self.failures.append(("connection", protocol, "after", asked, repr(e)))
            if not self.reconnect:
                return
