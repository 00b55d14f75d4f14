#!/usr/bin/env python3
"""Plays functions of Google Cloud with HTTPS triggers: each path is a function, which answers what it was sent.

    service.py [--address 127.0.0.1] [--port 9088] [--port-file FILE]

Port 0 is chosen freely; --port-file is written with the port once the service listens.
"""

import argparse
import http.server
import json
import os
import sys

# Where it listens by default; ./run reads this line.
PORT = 9088
MAX_BODY = 1 << 20


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_any(self):
        body = self.rfile.read(min(int(self.headers.get("content-length") or 0), MAX_BODY)).decode(errors="replace")
        data = json.dumps({"method": self.command, "path": self.path, "host": self.headers.get("host"),
                           "body": body}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = do_any

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--port-file")
    options = parser.parse_args()
    server = http.server.ThreadingHTTPServer((options.address, options.port), Handler)
    if options.port_file:
        with open(options.port_file + ".new", "w", encoding="utf-8") as out:
            out.write(str(server.server_address[1]))
        os.replace(options.port_file + ".new", options.port_file)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    sys.exit(main())
