#!/usr/bin/env python3
"""A small pet store: an HTTP service with its pets in memory.

    service.py [--address 127.0.0.1] [--port 9080] [--port-file FILE]

    GET    /api/pets[?tag=dog]   all pets, or those with the tag
    GET    /api/pets/ID          one pet, 404 when there is none
    POST   /api/pets             adds {"name": ..., "tag": ...}, 201
    DELETE /api/pets/ID          204
    GET    /healthz              "ok"

Port 0 is chosen freely; --port-file is written with the port once the service listens.
"""

import argparse
import http.server
import json
import os
import re
import signal
import socket
import sys
import threading
import urllib.parse

# Where it listens by default; ./run reads this line.
PORT = 9080
MAX_BODY = 1 << 20
ONE_PET = re.compile(r"/api/pets/(\d+)")


class Store:
    """The pets; shared by the threads of the server."""

    def __init__(self):
        self._lock = threading.Lock()
        self._pets = {}
        self._last_id = 0
        for name, tag in (("fido", "dog"), ("tom", "cat"), ("nemo", "fish")):
            self.add(name, tag)

    def add(self, name, tag):
        with self._lock:
            self._last_id += 1
            pet = {"id": self._last_id, "name": name, "tag": tag}
            self._pets[pet["id"]] = pet
            return pet

    def get(self, pet_id):
        with self._lock:
            return self._pets.get(pet_id)

    def remove(self, pet_id):
        with self._lock:
            return self._pets.pop(pet_id, None)

    def all(self, tag=None):
        with self._lock:
            return [pet for pet in self._pets.values() if tag is None or pet["tag"] == tag]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "petstore"
    # Headers and body leave in one segment: without it a keep-alive client waits for a delayed acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        if url.path == "/healthz":
            return self.answer(200, "ok")
        if url.path == "/api/pets":
            tag = urllib.parse.parse_qs(url.query).get("tag", [None])[0]
            return self.answer(200, self.server.store.all(tag))
        match = ONE_PET.fullmatch(url.path)
        if not match:
            return self.answer(404, {"error": f"nothing at {url.path}"})
        pet = self.server.store.get(int(match[1]))
        return self.answer(200, pet) if pet else self.answer(404, {"error": f"no pet {match[1]}"})

    def do_POST(self):
        body = self.body()
        if body is None:
            return self.answer(413, {"error": f"a body may have {MAX_BODY} bytes"}, close=True)
        if urllib.parse.urlsplit(self.path).path != "/api/pets":
            return self.answer(404, {"error": f"nothing at {self.path}"})
        try:
            pet = json.loads(body)
        except ValueError:
            return self.answer(400, {"error": "the body is not JSON"})
        if not isinstance(pet, dict) or not isinstance(pet.get("name"), str) or not pet["name"]:
            return self.answer(400, {"error": "a pet needs a name"})
        return self.answer(201, self.server.store.add(pet["name"], str(pet.get("tag") or "pet")))

    def do_DELETE(self):
        match = ONE_PET.fullmatch(urllib.parse.urlsplit(self.path).path)
        if match and self.server.store.remove(int(match[1])):
            return self.answer(204, None)
        return self.answer(404, {"error": f"nothing at {self.path}"})

    def body(self):
        """The body, or None when it is too large; reads chunked bodies too."""
        if "chunked" not in self.headers.get("transfer-encoding", "").lower():
            length = int(self.headers.get("content-length") or 0)
            return self.rfile.read(length) if length <= MAX_BODY else None
        body = b""
        while True:
            size = int(self.rfile.readline().split(b";")[0], 16)
            if len(body) + size > MAX_BODY:
                return None
            body += self.rfile.read(size)
            self.rfile.readline()
            if size == 0:
                return body

    def answer(self, status, value, close=False):
        self.send_response(status)
        if close:
            self.send_header("connection", "close")
        if status == 204:
            self.end_headers()
        else:
            text = value if isinstance(value, str) else json.dumps(value)
            data = (text + "\n").encode()
            self.send_header("content-type", "text/plain" if isinstance(value, str) else "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        self.wfile.flush()

    def log_message(self, format, *args):
        if self.server.verbose:
            super().log_message(format, *args)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address, port, verbose=False):
        self.store = Store()
        self.verbose = verbose
        super().__init__((address, port), Handler)

    def server_bind(self):
        # The parent class looks up the host's name, which may take seconds; nobody needs it.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.server_address[:2]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--port-file")
    parser.add_argument("--verbose", action="store_true", help="log each request")
    options = parser.parse_args()
    try:
        server = Server(options.address, options.port, options.verbose)
    except OSError as error:
        sys.exit(f"cannot listen on {options.address}:{options.port}: {error.strerror}")
    if options.port_file:
        with open(options.port_file + ".new", "w", encoding="ascii") as file:
            file.write(str(server.server_port))
        os.replace(options.port_file + ".new", options.port_file)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown, daemon=True).start())
    server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
