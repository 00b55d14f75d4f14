#!/usr/bin/env python3
"""Takes webhooks of those who know its token.

    service.py [--port 9084]
"""

import argparse
import http.server

# Where it listens by default; ./run reads this line.
PORT = 9084
MAX_BODY = 1 << 20
# As in secrets/hooks.
TOKEN = "example-token"
HOOKS = ("/deploy", "/api/v1/alert")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(min(int(self.headers.get("content-length") or 0), MAX_BODY))
        known = self.headers.get_all("authorization") == [f"Bearer {TOKEN}"]
        status = (200 if self.path.split("?")[0] in HOOKS else 404) if known else 401
        answer = f"{status} {self.path}, {len(body)} bytes\n".encode()
        self.send_response(status)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=PORT)
    http.server.ThreadingHTTPServer(("127.0.0.1", parser.parse_args().port), Handler).serve_forever()


if __name__ == "__main__":
    main()
