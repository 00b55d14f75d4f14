"""Upstream services for tests: they answer with what they got, or with what a test tells them to."""

import http.server
import json
import socket
import ssl
import threading

import h2.config
import h2.connection
import h2.events


class Seen:
    """A request as it reached a backend."""

    def __init__(self, method, path, headers, body, protocol="HTTP/1.1"):
        self.method = method
        self.path = path
        # (lower-case name, value) in the order received.
        self.headers = headers
        self.body = body
        self.protocol = protocol

    def header(self, name):
        return next((value for key, value in self.headers if key == name.lower()), None)

    def json(self):
        return json.loads(self.body)


def echo(backend, seen):
    """The answer of a backend that was told nothing: the request, as JSON."""
    body = json.dumps({
        "backend": backend.name,
        "method": seen.method,
        "path": seen.path,
        "headers": dict(seen.headers),
        "body": seen.body.decode(errors="replace"),
        "protocol": seen.protocol,
    })
    return 200, {"content-type": "application/json"}, body


class Backend:
    """An HTTP/1.1 server, over TLS when it has a context. `reply(seen)` gives (status, headers, body).

    `keep=False`: requests are counted only.
    """

    def __init__(self, name="backend", address="127.0.0.1", tls=None, port=0, keep=True):
        self.name = name
        self.requests = []
        self.count = 0
        self.keep = keep
        self._lock = threading.Lock()
        self.reply = None
        backend = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1
            disable_nagle_algorithm = True

            def handle_any(self):
                backend.handle(self)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = handle_any

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256
            address_family = socket.AF_INET6 if ":" in address else socket.AF_INET

            def server_bind(self):
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                self.socket.bind(self.server_address)
                self.server_address = self.socket.getsockname()
                self.server_name, self.server_port = self.server_address[:2]

            def finish_request(self, request, client_address):
                if tls:
                    try:
                        request = tls.wrap_socket(request, server_side=True)
                    except (ssl.SSLError, OSError):
                        return
                super().finish_request(request, client_address)

            def handle_error(self, request, client_address):
                pass  # clients that go away are part of the tests

        self.server = Server((address, port), Handler)
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def handle(self, handler):
        if "chunked" in handler.headers.get("transfer-encoding", ""):
            body = b""
            while size := int(handler.rfile.readline().split(b";")[0], 16):
                body += handler.rfile.read(size)
                handler.rfile.readline()
            handler.rfile.readline()
        else:
            body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        headers = [(key.lower(), value) for key, value in handler.headers.items()]
        seen = Seen(handler.command, handler.path, headers, body)
        with self._lock:
            self.count += 1
        if self.keep:
            self.requests.append(seen)
        status, out, answer = (self.reply or (lambda s: echo(self, s)))(seen)
        data = answer if isinstance(answer, bytes) else answer.encode()
        handler.send_response_only(status)
        for key, value in out.items() if isinstance(out, dict) else out:
            handler.send_header(key, value)
        if status not in (204, 304):
            handler.send_header("content-length", str(len(data)))
        handler.end_headers()
        if handler.command != "HEAD" and status not in (204, 304):
            handler.wfile.write(data)
        handler.wfile.flush()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class H2Backend:
    """An HTTP/2 server, by prior knowledge or by ALPN over TLS; answers as `echo` does."""

    def __init__(self, name="h2", tls=None):
        self.name = name
        self.requests = []
        self.tls = tls
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
            server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
            server.initiate_connection()
            sock.sendall(server.data_to_send())
            streams = {}
            while data := sock.recv(65536):
                for event in server.receive_data(data):
                    if isinstance(event, h2.events.RequestReceived):
                        streams[event.stream_id] = (event.headers, bytearray())
                    elif isinstance(event, h2.events.DataReceived):
                        streams[event.stream_id][1].extend(event.data)
                        server.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    elif isinstance(event, h2.events.StreamEnded):
                        headers, body = streams.pop(event.stream_id)
                        pseudo = dict(headers)
                        seen = Seen(pseudo[":method"], pseudo[":path"],
                                    [(k, v) for k, v in headers if not k.startswith(":")], bytes(body), "HTTP/2")
                        self.requests.append(seen)
                        status, out, answer = echo(self, seen)
                        server.send_headers(event.stream_id, [(":status", str(status)), *out.items()])
                        server.send_data(event.stream_id, answer.encode(), end_stream=True)
                sock.sendall(server.data_to_send())
        except (OSError, ssl.SSLError):
            pass
        finally:
            sock.close()

    def close(self):
        self.socket.close()
