"""HTTP clients: HTTP/1.1 and HTTP/2, in the clear and over TLS, each request on a connection of its own."""

import http.client
import json
import socket
import ssl

import h2.config
import h2.connection
import h2.events

TIMEOUT = 15


class Response:
    def __init__(self, status, headers, body):
        self.status = status
        # (lower-case name, value) in the order received.
        self.headers = headers
        self.body = body

    def header(self, name):
        """The value of a header, or None; of several the first."""
        return next((value for key, value in self.headers if key == name.lower()), None)

    @property
    def text(self):
        return self.body.decode(errors="replace")

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.text[:300]!r}>"


def _items(headers):
    return list(headers.items()) if isinstance(headers, dict) else list(headers or [])


def tls_context(ca=None, alpn=(), client=None):
    """A context that trusts `ca` alone; without it nothing is verified."""
    context = ssl.create_default_context(cafile=str(ca)) if ca else ssl.create_default_context()
    if ca is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if client:
        context.load_cert_chain(*map(str, client))
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def request(port, host, path="/", method="GET", headers=None, body=None, tls=None, sni=None, timeout=TIMEOUT):
    """One request over HTTP/1.1. `host` is the Host header; `tls` an SSL context, `sni` the name if not the host."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.connect()
        if tls:
            name = sni if sni is not None else host.split(":")[0].rstrip(".")
            connection.sock = tls.wrap_socket(connection.sock, server_hostname=name or None)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        if host is not None:
            connection.putheader("Host", host)
        items = _items(headers)
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            if not any(key.lower() == "content-type" for key, _ in items):
                items.append(("content-type", "application/json"))
        if isinstance(body, str):
            body = body.encode()
        for key, value in items:
            connection.putheader(key, value)
        lower = {key.lower() for key, _ in items}
        if "content-length" not in lower and "transfer-encoding" not in lower:
            if body is not None or method in ("POST", "PUT", "PATCH"):
                connection.putheader("content-length", str(len(body or b"")))
        connection.endheaders()
        if body:
            connection.send(body)
        answer = connection.getresponse()
        data = answer.read()
        return Response(answer.status, [(k.lower(), v) for k, v in answer.getheaders()], data)
    finally:
        connection.close()


def peer_certificate(port, sni, tls):
    """The parsed certificate that a server name is answered with; `tls` must verify."""
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as plain:
        with tls.wrap_socket(plain, server_hostname=sni) as wrapped:
            return wrapped.getpeercert()


def request_h2(port, host, path="/", method="GET", headers=None, body=None, tls=None, timeout=TIMEOUT):
    """One request over HTTP/2, with prior knowledge in the clear or by ALPN over TLS."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as plain:
        sock = plain
        if tls:
            sock = tls.wrap_socket(plain, server_hostname=host.split(":")[0])
            assert sock.selected_alpn_protocol() == "h2", f"ALPN chose {sock.selected_alpn_protocol()}"
        client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        client.initiate_connection()
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        elif isinstance(body, str):
            body = body.encode()
        pseudo = [(":method", method), (":scheme", "https" if tls else "http"), (":authority", host), (":path", path)]
        client.send_headers(1, pseudo + [(k.lower(), v) for k, v in _items(headers)], end_stream=not body)
        if body:
            client.send_data(1, body, end_stream=True)
        sock.sendall(client.data_to_send())
        status, got, data, done = 0, [], b"", False
        while not done:
            received = sock.recv(65536)
            if not received:
                raise ConnectionError("the connection ended before the response")
            for event in client.receive_data(received):
                if isinstance(event, h2.events.ResponseReceived):
                    status = int(dict(event.headers)[":status"])
                    got += [(k, v) for k, v in event.headers if not k.startswith(":")]
                elif isinstance(event, h2.events.DataReceived):
                    data += event.data
                    client.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamReset):
                    raise ConnectionError(f"the stream was reset: {event.error_code}")
                elif isinstance(event, h2.events.StreamEnded):
                    done = True
            sock.sendall(client.data_to_send())
        return Response(status, got, data)


def raw(port, data, timeout=TIMEOUT):
    """Sends bytes and returns what comes until the server closes or answers fully (Connection: close)."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as sock:
        sock.sendall(data)
        received = b""
        while chunk := sock.recv(65536):
            received += chunk
        return received
