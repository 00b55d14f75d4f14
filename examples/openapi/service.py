#!/usr/bin/env python3
"""A small library: an HTTP service that takes its parameters from every place there is; openapi.json describes it.

    service.py [--address 127.0.0.1] [--port 9081] [--port-file FILE]

    GET    /v1/books[?author=...&limit=N]  all books, or those of the authors (`author` may be repeated)
    GET    /v1/books/ISBN                  one book; its title in the language of `X-Language`
    PUT    /v1/books/ISBN                  {"title": ..., "authors": [...]}: adds or changes it
    POST   /v1/loans                       form `isbn`, `days`; of the reader whose cookie `reader` it is

Port 0 is chosen freely; --port-file is written with the port once the service listens.
"""

import argparse
import http.cookies
import http.server
import json
import os
import re
import sys
import urllib.parse

# Where it listens by default; ./run reads this line.
PORT = 9081
MAX_BODY = 1 << 20

books = {
    "978-1": {"isbn": "978-1", "title": "The Trial", "authors": ["Kafka"]},
    "978-2": {"isbn": "978-2", "title": "Emma", "authors": ["Austen"]},
    "978/3": {"isbn": "978/3", "title": "Good Omens", "authors": ["Gaiman", "Pratchett"]},
}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def answer(self, status, value):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def body(self):
        return self.rfile.read(min(int(self.headers.get("content-length") or 0), MAX_BODY)).decode()

    def isbn(self):
        found = re.fullmatch(r"/v1/books/([^/?]+)", self.path.split("?")[0])
        return urllib.parse.unquote(found.group(1)) if found else None

    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        if self.path.split("?")[0] == "/v1/books":
            authors = query.get("author")
            found = [b for b in books.values() if not authors or set(authors) & set(b.get("authors", []))]
            return self.answer(200, found[:int(query.get("limit", ["100"])[0])])
        book = books.get(self.isbn())
        if book is None:
            return self.answer(404, {"error": "no such book"})
        return self.answer(200, {**book, "language": self.headers.get("x-language", "en")})

    def do_PUT(self):
        text = self.body()
        if self.isbn() is None:
            return self.answer(404, {"error": "no such place"})
        given = json.loads(text)
        books[self.isbn()] = {"isbn": self.isbn(), **given}
        return self.answer(200, books[self.isbn()])

    def do_POST(self):
        form = dict(urllib.parse.parse_qsl(self.body()))
        reader = http.cookies.SimpleCookie(self.headers.get("cookie")).get("reader")
        if self.path != "/v1/loans":
            return self.answer(404, {"error": "no such place"})
        if reader is None:
            return self.answer(401, {"error": "who are you?"})
        return self.answer(201, {"reader": reader.value, **form})

    def log_message(self, format, *args):
        print(f"{self.command} {self.path}", flush=True)


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
    print(f"the library listens on {options.address}:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
