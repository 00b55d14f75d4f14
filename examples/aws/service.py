#!/usr/bin/env python3
"""Plays AWS Lambda with three functions: the Invoke call alone, and any signature counts.

    service.py [--address 127.0.0.1] [--port 9089] [--port-file FILE]

Port 0 is chosen freely; --port-file is written with the port once the service listens.
"""

import argparse
import http.server
import json
import os
import re
import sys

# Where it listens by default; ./run reads this line.
PORT = 9089
MAX_BODY = 8 << 20


def price(event):
    return {"item": event["item"], "price": 7 * event.get("count", 1)}


def shop(event):
    """Written for an HTTP API of API Gateway."""
    if event["rawPath"] == "/shop/login":
        return {"statusCode": 302, "headers": {"location": "/shop/"}, "cookies": ["session=1; HttpOnly", "theme=dark"]}
    told = {"method": event["requestContext"]["http"]["method"], "path": event["rawPath"],
            "query": event.get("queryStringParameters", {})}
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(told)}


def broken(event):
    raise ValueError("this function always fails")


FUNCTIONS = {"price": price, "shop": shop, "broken": broken}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_POST(self):
        body = self.rfile.read(min(int(self.headers.get("content-length") or 0), MAX_BODY))
        called = re.fullmatch(r"/2015-03-31/functions/([^/]+)/invocations(\?.*)?", self.path)
        function = FUNCTIONS.get(called[1]) if called else None
        if not (self.headers.get("authorization") or "").startswith("AWS4-HMAC-SHA256 "):
            return self.answer(403, {"message": "Missing Authentication Token"},
                               {"x-amzn-errortype": "MissingAuthenticationTokenException"})
        if function is None:
            return self.answer(404, {"Message": "Function not found"}, {"x-amzn-errortype": "ResourceNotFoundException"})
        if self.headers.get("x-amz-invocation-type") == "Event":
            return self.answer(202, None)
        try:
            return self.answer(200, function(json.loads(body or b"{}")))
        except Exception as error:
            return self.answer(200, {"errorMessage": str(error), "errorType": type(error).__name__},
                               {"x-amz-function-error": "Unhandled"})

    def answer(self, status, value, headers=()):
        data = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        for name, text in dict(headers).items():
            self.send_header(name, text)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

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
