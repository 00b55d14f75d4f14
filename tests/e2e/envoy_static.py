"""A real Envoy with a static bootstrap and the module, scripted upstreams, and clients, for the tests of the filters.

No control plane is involved. The module comes from GLOO_BUILD_DIR/lib (default `build`), Envoy from GLOO_ENVOY or the
Python environment.
"""

import contextlib
import json
import os
import pathlib
import re
import socket
import subprocess
import threading
import time
import urllib.request

import h2.config
import h2.connection
import h2.events
import h2.exceptions

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / (os.environ.get("GLOO_BUILD_DIR") or "build")
TIMEOUT = 20


def envoy_binary():
    if os.environ.get("GLOO_ENVOY"):
        return os.environ["GLOO_ENVOY"]
    found = sorted(ROOT.glob(".venv/lib/python3*/site-packages/envoy/_bin/envoy"))
    assert found, "no Envoy: run tools/setup, or set GLOO_ENVOY"
    return str(found[0])


def wait_for(condition, what, timeout=TIMEOUT):
    """Polls until `condition()` is true and returns its value."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"timed out waiting for {what}"
        time.sleep(0.01)


# ---- configuration

MODULE = {"name": "gloo_filters", "do_not_close": True}
_DYNAMIC = "type.googleapis.com/envoy.extensions.filters.http.dynamic_modules.v3."


def text(value):
    """A configuration of the module: JSON in a string."""
    return {"@type": "type.googleapis.com/google.protobuf.StringValue",
            "value": value if isinstance(value, str) else json.dumps(value)}


def module_filter(name, config=""):
    return {"@type": _DYNAMIC + "DynamicModuleFilter", "dynamic_module_config": MODULE, "filter_name": name,
            "filter_config": text(config)}


def per_route(name, config):
    """A route's entry in typed_per_filter_config."""
    return {name: {"@type": _DYNAMIC + "DynamicModuleFilterPerRoute", "dynamic_module_config": MODULE,
                   "per_route_config_name": name, "filter_config": text(config)}}


def transformation(config):
    return per_route("gloo.transformation", config)


def scope_mutation(table, listener):
    kind = "envoy.extensions.http.early_header_mutation.dynamic_modules.v3.DynamicModuleEarlyHeaderMutation"
    return {"name": "gloo.scope",
            "typed_config": {"@type": "type.googleapis.com/" + kind, "dynamic_module_config": MODULE,
                             "early_header_mutation_name": "gloo.scope",
                             "early_header_mutation_config": text({"table": table, "listener": listener})}}


TRANSFORMATION_FILTER = {"name": "gloo.transformation", "disabled": True,
                         "typed_config": module_filter("gloo.transformation")}
ROUTER = {"name": "envoy.filters.http.router",
          "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}


def listener(name, hcm):
    manager = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    return {"name": name, "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
            "filter_chains": [{"filters": [{
                "name": "hcm",
                "typed_config": {"@type": "type.googleapis.com/" + manager, "stat_prefix": name,
                                 "http_protocol_options": {"enable_trailers": True, "accept_http_10": True},
                                 "generate_request_id": False, **hcm}}]}]}


def cluster(name, port, http2=False):
    kind = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    protocol = {"http2_protocol_options": {}} if http2 else {"http_protocol_options": {"enable_trailers": True}}
    return {"name": name, "type": "STATIC", "connect_timeout": "5s",
            "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {
                "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}}]}]},
            "typed_extension_protocol_options": {
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions":
                    {"@type": kind, "explicit_http_config": protocol}}}


class Envoy:
    """Runs until the end of the `with` block; two workers."""

    def __init__(self, directory, listeners, clusters, log_level="warning", extra=None):
        self.directory = pathlib.Path(directory)
        self.log_path = self.directory / "envoy.log"
        admin = self.directory / "admin"
        bootstrap = {"admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
                     "static_resources": {"listeners": listeners, "clusters": clusters}, **(extra or {}),
                     "node": {"id": "test", "cluster": "test"}}
        config = self.directory / "envoy.json"
        config.write_text(json.dumps(bootstrap))
        self._command = [envoy_binary(), "-c", str(config), "--concurrency", "2", "--use-dynamic-base-id",
                         "--admin-address-path", str(admin), "--file-flush-interval-msec", "50", "-l", log_level]
        self._admin_path = admin
        self.process = None
        self.ports = {}

    def __enter__(self):
        environment = {**os.environ, "ENVOY_DYNAMIC_MODULES_SEARCH_PATH": str(BUILD / "lib")}
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=subprocess.STDOUT, env=environment)
        try:
            wait_for(lambda: self._admin_path.exists() or self.process.poll() is not None, "Envoy's admin address")
            assert self.process.poll() is None, "Envoy has ended:\n" + self.log()
            self._admin = wait_for(self._admin_path.read_text, "Envoy's admin address")
            wait_for(self._ready, "Envoy to be ready")
        except BaseException:
            self.stop()
            raise
        for status in json.loads(self.admin("/listeners?format=json")).get("listener_statuses", []):
            self.ports[status["name"]] = status["local_address"]["socket_address"]["port_value"]
        return self

    def __exit__(self, *exc):
        alive = self.process.poll() is None
        self.stop()
        if exc[0] is None:
            assert alive, "Envoy has ended:\n" + self.log()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def start_and_fail(self):
        """Runs an Envoy that must refuse its configuration; returns its log."""
        environment = {**os.environ, "ENVOY_DYNAMIC_MODULES_SEARCH_PATH": str(BUILD / "lib")}
        done = subprocess.run(self._command + ["--mode", "validate"], env=environment, timeout=TIMEOUT,
                              capture_output=True, text=True)
        assert done.returncode != 0, "Envoy took the configuration"
        return done.stdout + done.stderr

    def _ready(self):
        assert self.process.poll() is None, "Envoy has ended:\n" + self.log()
        try:
            return self.admin("/ready").strip() == "LIVE"
        except OSError:
            return False

    def admin(self, path, post=False):
        request = urllib.request.Request(f"http://{self._admin}{path}", method="POST" if post else "GET")
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            return answer.read().decode()

    def log(self):
        return self.log_path.read_text(errors="replace")

    def counters(self, pattern="gloo"):
        """Prometheus lines whose names match, as {'name{labels}': value}; Envoy's own labels are kept."""
        lines = re.findall(r"^([^#\s]\S*(?:\{.*\})?) (\d+)$", self.admin("/stats/prometheus"), re.M)
        return {name: int(value) for name, value in lines if re.search(pattern, name)}

    def memory(self):
        """Resident bytes."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) * 1024


# ---- upstreams

class Exchange:
    """A request as an upstream saw it."""

    def __init__(self, method, path, headers, body, trailers):
        self.method, self.path, self.headers, self.body, self.trailers = method, path, headers, body, trailers

    def header(self, name):
        """The value, several joined by a comma; None when it is not there."""
        values = [v for k, v in self.headers if k == name]
        return ",".join(values) if values else None


class Reply:
    def __init__(self, status=200, headers=(), body=b"", chunks=None, trailers=None, reset=False, length=True):
        self.status, self.headers, self.body, self.chunks = status, list(headers), body, chunks
        self.trailers, self.reset, self.length = trailers, reset, length


def echo(exchange):
    """The default: what was seen, as JSON."""
    seen = {"method": exchange.method, "path": exchange.path, "headers": exchange.headers,
            "body": exchange.body.decode("latin-1"), "trailers": exchange.trailers}
    return Reply(headers=[("content-type", "application/json")], body=json.dumps(seen).encode())


class Upstream:
    """An HTTP/1.1 and HTTP/2 (prior knowledge) server; `respond(exchange)` gives the Reply."""

    def __init__(self, respond=echo):
        self.respond = respond
        self.seen = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._connections = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._socket.close()
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _accept(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with self._lock:
                self._connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError, EOFError), connection:
            if connection.recv(4, socket.MSG_PEEK | socket.MSG_WAITALL) == b"PRI ":
                self._serve_h2(connection)
            else:
                self._serve_h1(connection)
        with self._lock:
            self._connections.discard(connection)

    def _take(self, exchange):
        self.seen.append(exchange)
        return self.respond(exchange)

    def _serve_h1(self, connection):
        stream = connection.makefile("rb")
        while True:
            line = stream.readline()
            if not line:
                return
            method, path, _ = line.decode("latin-1").split(" ", 2)
            headers = read_fields(stream)
            body, trailers = read_body(stream, headers, until_close=False)
            reply = self._take(Exchange(method, path, headers, body, trailers))
            if reply.reset:
                return
            bodiless = method == "HEAD" or reply.status in (204, 304)
            fields = list(reply.headers)
            chunked = reply.chunks is not None or reply.trailers is not None
            if chunked:
                fields.append(("transfer-encoding", "chunked"))
            elif reply.length and reply.status not in (204, 304):
                fields.append(("content-length", str(len(reply.body))))
            head = f"HTTP/1.1 {reply.status} X\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields) + "\r\n"
            connection.sendall(head.encode("latin-1"))
            if bodiless:
                continue
            if not chunked:
                connection.sendall(reply.body)
                continue
            for chunk in reply.chunks if reply.chunks is not None else [reply.body]:
                if chunk is None:  # an upstream that dies in the middle of its answer
                    return
                connection.sendall(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            tail = "".join(f"{k}: {v}\r\n" for k, v in reply.trailers or [])
            connection.sendall(b"0\r\n" + tail.encode() + b"\r\n")

    def _serve_h2(self, connection):
        h2c = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="latin-1"))
        h2c.initiate_connection()
        connection.sendall(h2c.data_to_send())
        requests = {}
        sender = H2Sender(h2c, connection)
        while data := connection.recv(65536):
            for event in h2c.receive_data(data):
                stream_id = getattr(event, "stream_id", None)
                if isinstance(event, h2.events.RequestReceived):
                    fields = dict((k, v) for k, v in event.headers if k.startswith(":"))
                    headers = [[k, v] for k, v in event.headers if not k.startswith(":")]
                    headers.append(["host", fields[":authority"]])
                    requests[stream_id] = Exchange(fields[":method"], fields[":path"], headers, b"", [])
                elif isinstance(event, h2.events.DataReceived):
                    requests[stream_id].body += event.data
                    h2c.acknowledge_received_data(event.flow_controlled_length, stream_id)
                elif isinstance(event, h2.events.TrailersReceived):
                    requests[stream_id].trailers = [[k, v] for k, v in event.headers]
                elif isinstance(event, h2.events.StreamReset):
                    requests.pop(stream_id, None)
                elif isinstance(event, h2.events.StreamEnded):
                    exchange = requests.pop(stream_id)
                    reply = self._take(exchange)
                    if reply.reset:
                        h2c.reset_stream(stream_id)
                        continue
                    body = reply.body if reply.chunks is None else b"".join(reply.chunks)
                    if exchange.method == "HEAD":
                        body = b""
                    sender.send(stream_id, [(":status", str(reply.status)), *reply.headers], body, reply.trailers)
                sender.flush()
            connection.sendall(h2c.data_to_send())


class H2Sender:
    """Sends whole messages as far as flow control lets it."""

    def __init__(self, h2c, connection):
        self._h2c, self._connection, self._pending = h2c, connection, {}

    def send(self, stream_id, headers, body, trailers=None, end=True):
        self._h2c.send_headers(stream_id, headers, end_stream=end and not body and not trailers)
        if body or trailers:
            self._pending[stream_id] = [memoryview(body), trailers, end]
        self.flush()

    def flush(self):
        for stream_id, item in list(self._pending.items()):
            body, trailers, end = item
            try:
                while len(body):
                    size = min(self._h2c.local_flow_control_window(stream_id), self._h2c.max_outbound_frame_size,
                               len(body))
                    if size <= 0:
                        break
                    last = size == len(body) and not trailers and end
                    self._h2c.send_data(stream_id, bytes(body[:size]), end_stream=last)
                    body = item[0] = body[size:]
                if len(body):
                    continue
                if trailers:
                    self._h2c.send_headers(stream_id, trailers, end_stream=True)
            except h2.exceptions.ProtocolError:  # the stream was reset meanwhile
                pass
            del self._pending[stream_id]
        data = self._h2c.data_to_send()
        if data:
            self._connection.sendall(data)


# ---- clients

class Answer:
    def __init__(self, status, headers, body, trailers):
        self.status, self.headers, self.body, self.trailers = status, headers, body, trailers

    def header(self, name):
        values = [v for k, v in self.headers if k == name]
        return ",".join(values) if values else None

    def json(self):
        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode()


def read_fields(stream):
    headers = []
    while True:
        line = stream.readline()
        if not line:
            raise EOFError("the connection ended in the headers")
        line = line.decode("latin-1").rstrip("\r\n")
        if not line:
            return headers
        name, value = line.split(":", 1)
        headers.append([name.lower(), value.strip()])


def read_body(stream, headers, until_close):
    fields = {k: v for k, v in headers}
    if "chunked" in fields.get("transfer-encoding", ""):
        body = b""
        while size := int(stream.readline().split(b";")[0], 16):
            chunk = stream.read(size)
            if len(chunk) < size:
                raise EOFError("the connection ended in a chunk")
            body += chunk
            stream.readline()
        return body, read_fields(stream)
    if "content-length" in fields:
        return stream.read(int(fields["content-length"])), []
    return (stream.read() if until_close else b""), []


class H1Client:
    """One HTTP/1.1 connection; requests are written exactly as told."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        self._stream = self._socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self._stream.close()
        self._socket.close()

    def send(self, data):
        self._socket.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))

    def read(self, method="GET"):
        """The next answer."""
        while True:
            line = self._stream.readline()
            if not line:
                raise EOFError("the connection ended without an answer")
            status = int(line.split()[1])
            headers = read_fields(self._stream)
            if status >= 200 or status == 101:
                break
        if method == "HEAD" or status in (101, 204, 304):
            return Answer(status, headers, b"", [])
        body, trailers = read_body(self._stream, headers, until_close=True)
        return Answer(status, headers, body, trailers)

    def request(self, method, path, headers=(), body=None, chunks=None, trailers=(), host="test"):
        fields = [("host", host)] if host is not None else []
        fields += list(headers)
        if chunks is not None or trailers:
            fields.append(("transfer-encoding", "chunked"))
        elif body is not None:
            fields.append(("content-length", str(len(body))))
        self.send(f"{method} {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields) + "\r\n")
        with contextlib.suppress(ConnectionError):  # the answer may come before the body has been read
            if chunks is not None or trailers:
                for chunk in chunks if chunks is not None else [body or b""]:
                    if chunk:
                        self.send(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                self.send("0\r\n" + "".join(f"{k}: {v}\r\n" for k, v in trailers) + "\r\n")
            elif body:
                self.send(body)
        return self.read(method)


class H2Client:
    """One HTTP/2 connection with prior knowledge; one request at a time."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = h2.config.H2Configuration(header_encoding="latin-1", validate_outbound_headers=False)
        self.connection = h2.connection.H2Connection(config)
        self.connection.initiate_connection()
        self._sender = H2Sender(self.connection, self._socket)
        self._sender.flush()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self._socket.close()

    def open(self, method, path, headers=(), body=b"", trailers=None, host="test", end=True):
        """Starts a request and returns the id of its stream."""
        stream_id = self.connection.get_next_available_stream_id()
        fields = [(":method", method), (":scheme", "http"), (":path", path)]
        if host is not None:
            fields.append((":authority", host))
        self._sender.send(stream_id, fields + list(headers), body or b"", list(trailers or []) or None, end)
        return stream_id

    def reset(self, stream_id):
        self.connection.reset_stream(stream_id)
        self._sender.flush()

    def request(self, method, path, headers=(), body=None, chunks=None, trailers=(), host="test"):
        if chunks is not None:
            body = b"".join(chunks)
        elif body is not None:
            headers = [*headers, ("content-length", str(len(body)))]
        return self.read(self.open(method, path, headers, body or b"", trailers, host))

    def read(self, stream_id):
        answer = Answer(None, [], b"", [])
        while True:
            data = self._socket.recv(65536)
            if not data:
                raise EOFError("the connection ended without an answer")
            ended = False
            for event in self.connection.receive_data(data):
                if isinstance(event, h2.events.DataReceived):
                    self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                if getattr(event, "stream_id", None) != stream_id:
                    continue
                if isinstance(event, h2.events.ResponseReceived):
                    answer.headers = [[k, v] for k, v in event.headers]
                    answer.status = int(dict(answer.headers)[":status"])
                elif isinstance(event, h2.events.DataReceived):
                    answer.body += event.data
                elif isinstance(event, h2.events.TrailersReceived):
                    answer.trailers = [[k, v] for k, v in event.headers]
                elif isinstance(event, h2.events.StreamReset):
                    if answer.status is None:
                        raise EOFError(f"the stream was reset with {event.error_code}")
                    ended = True
                elif isinstance(event, h2.events.StreamEnded):
                    ended = True
            self._sender.flush()
            if ended:
                return answer


CLIENTS = {"h1": H1Client, "h2": H2Client}
