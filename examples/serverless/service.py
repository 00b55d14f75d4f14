#!/usr/bin/env python3
"""Plays a functions host of Azure, the gateway of OpenFaaS and a Knative ingress: answers what it was sent.

    service.py [--address 127.0.0.1] [--port 9083] [--port-file FILE]

Port 0 is chosen freely; --port-file is written with the port once the service listens.
"""

import argparse
import http.server
import json
import os
import sys

# Where it listens by default; ./run reads this line.
PORT = 9083
MAX_BODY = 1 << 20
# As in secrets/shop-keys.
KEY = "example-key-of-price"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_any(self):
        body = self.rfile.read(min(int(self.headers.get("content-length") or 0), MAX_BODY)).decode(errors="replace")
        azure = self.path.startswith("/api/price")
        status = 401 if azure and self.headers.get("x-functions-key") != KEY else 200
        data = json.dumps({"method": self.command, "path": self.path, "host": self.headers.get("host"),
                           "body": body}).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = do_any

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--port-file")
    options = parser.parse_args()
    server = Server((options.address, options.port), Handler)
    if options.port_file:
        # Whole or not there.
        with open(options.port_file + ".new", "w", encoding="utf-8") as file:
            file.write(f"{server.server_port}\n")
        os.replace(options.port_file + ".new", options.port_file)
    print(f"the example listens on {options.address}:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
