"""The client that sees when a change is there: one kept connection, one request at a time."""

import socket
import ssl
import time

# A pause leaves the cores to those that work on the change; what it adds to a figure is at most this and a request.
EVERY = 0.00025


class Probe:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.left = b""

    def close(self):
        self.socket.close()

    def status(self, host, path):
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        return self._answer()

    def wait(self, host, path, status=200, deadline=60, every=EVERY, seen=None):
        """The time (perf_counter) at which the first answer with the status was there.

        `seen` counts the statuses before it.
        """
        end = time.perf_counter() + deadline
        while True:
            got = self.status(host, path)
            now = time.perf_counter()
            if got == status:
                return now
            if seen is not None:
                seen[got] = seen.get(got, 0) + 1
            if now > end:
                raise RuntimeError(f"{host}{path} does not answer {status} after {deadline} s, but {got}")
            time.sleep(every)

    def _answer(self):
        data = self.left
        while b"\r\n\r\n" not in data:
            data += self._more()
        head, _, data = data.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n")[1:]:
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        while len(data) < length:
            data += self._more()
        self.left = data[length:]
        return int(head.split(b" ")[1])

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise RuntimeError("Envoy closed the connection of the probe")
        return data


def handshake(port, name, context):
    """Whether a TLS handshake for a server name ends well, the certificate verified."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as plain:
            with context.wrap_socket(plain, server_hostname=name):
                return True
    except (ssl.SSLError, ConnectionError):
        return False


def connect(port, deadline=60, every=0.002):
    """A probe, as soon as somebody listens."""
    end = time.perf_counter() + deadline
    while True:
        try:
            return Probe(port)
        except ConnectionError:
            if time.perf_counter() > end:
                raise
            time.sleep(every)
