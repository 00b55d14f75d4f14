#!/usr/bin/env python3
"""Answers what it was sent: path, attributes of the event, body.

    service.py [--address 127.0.0.1] [--port 9082] [--port-file FILE]

Port 0 is chosen freely; --port-file is written with the port once the service listens.
"""

import argparse
import http.server
import json
import os
import sys

# Where it listens by default; ./run reads this line.
PORT = 9082
MAX_BODY = 1 << 20


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_POST(self):
        body = self.rfile.read(min(int(self.headers.get("content-length") or 0), MAX_BODY)).decode(errors="replace")
        attributes = {name: value for name, value in self.headers.items() if name.lower().startswith("ce-")}
        data = json.dumps({"path": self.path, "attributes": attributes, "body": body}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

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
    print(f"the shop listens on {options.address}:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
