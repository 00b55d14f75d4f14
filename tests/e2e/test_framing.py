"""How messages begin and end: what could be read in two ways reaches no upstream, whatever a template makes of it."""

import concurrent.futures
import json
import socket

import pytest

from harness import http
from harness.backends import Backend
from harness.config import call, prefix, to, upstream, virtual_service

HOST = "framing.test"
# What an upstream must never see as a request of its own.
HIDDEN = b"GET /hidden HTTP/1.1\r\nhost: framing.test\r\n\r\n"
ROUTES = ["/plain", "/headers", "/body", "/pass"]


@pytest.fixture(scope="module")
def backend():
    server = Backend("framing")
    yield server
    server.close()


@pytest.fixture(scope="module")
def framing(gloo, backend):
    gloo.config.write(
        "framing.yaml",
        upstream("framing", backend.port, functions={
            "headers": {"path": "/headers", "headers": {"x-new": "{{ method }}", "content-length": "3",
                                                        "transfer-encoding": "chunked"}},
            "body": {"path": "/body", "body": "<{{ body() }}>"},
            "pass": {"path": "/pass/{{ id }}", "body": "{{ id }}", "onError": "pass"}}),
        virtual_service("framing", HOST, [
            prefix("/plain", to("framing")),
            *(prefix(f"/{name}", call("framing", name)) for name in ("headers", "body", "pass"))]))
    gloo.wait_status(HOST, "/plain")
    return gloo


def ask(gloo, path, lines, body=b"", version="1.1", method="POST"):
    head = "\r\n".join([f"{method} {path} HTTP/{version}", f"host: {HOST}", *lines])
    return http.raw(gloo.http_port, head.encode() + b"\r\n\r\n" + body)


AMBIGUOUS = {
    "length and chunked": (["content-length: 4", "transfer-encoding: chunked"], b"0\r\n\r\n" + HIDDEN),
    "chunked and length": (["transfer-encoding: chunked", f"content-length: {5 + len(HIDDEN)}"], b"0\r\n\r\n" + HIDDEN),
    "two lengths": (["content-length: 0", f"content-length: {len(HIDDEN)}"], HIDDEN),
    "a list of lengths": ([f"content-length: 0, {len(HIDDEN)}"], HIDDEN),
    "a plus": (["content-length: +4"], b"abcd" + HIDDEN),
    "hexadecimal": (["content-length: 0x4"], b"abcd" + HIDDEN),
    "negative": (["content-length: -1"], HIDDEN),
    "a blank before the colon": (["content-length : 4"], b"abcd" + HIDDEN),
    "a blank before that of the coding": (["transfer-encoding : chunked", "content-length: 5"], b"0\r\n\r\n" + HIDDEN),
    "another coding": (["transfer-encoding: xchunked"], b"0\r\n\r\n" + HIDDEN),
    "chunked is not the last": (["transfer-encoding: chunked, identity"], b"0\r\n\r\n" + HIDDEN),
    "a control character before the coding": (["transfer-encoding:\x0bchunked"], b"0\r\n\r\n" + HIDDEN),
    "a chunk without a size": (["transfer-encoding: chunked"], b"g\r\nabc\r\n0\r\n\r\n" + HIDDEN),
    "a negative chunk": (["transfer-encoding: chunked"], b"-1\r\n\r\n" + HIDDEN),
    "a huge chunk": (["transfer-encoding: chunked"], b"fffffffffffffffff\r\n\r\n" + HIDDEN),
    "a null": (["x-a: b\0c"], HIDDEN),
    "no colon": (["x-a", " : folded"], HIDDEN),
}


@pytest.mark.parametrize("path", ROUTES)
def test_what_can_be_read_in_two_ways_goes_nowhere(framing, backend, path):
    # Envoy waits a second before it closes such a connection, so all at once.
    with concurrent.futures.ThreadPoolExecutor(len(AMBIGUOUS)) as pool:
        answers = pool.map(lambda case: ask(framing, path, *case), AMBIGUOUS.values())
    for name, answer in zip(AMBIGUOUS, answers):
        assert answer.split(b" ")[1] in (b"400", b"501"), (name, answer)
        assert answer.count(b"HTTP/1.1 ") == 1, (name, answer)
    assert all(seen.path != "/hidden" for seen in backend.requests)


@pytest.mark.parametrize("path", ROUTES)
def test_a_bare_return_begins_no_header(framing, backend, path):
    answer = ask(framing, path, ["x-a: b\rtransfer-encoding: chunked"], b"0\r\n\r\n" + HIDDEN)
    # What would be the body is no request either.
    assert (answer.count(b"HTTP/1.1 200 "), answer.count(b"HTTP/1.1 400 ")) == (1, 1), answer
    seen = backend.requests[-1]
    assert seen.header("transfer-encoding") is None
    assert seen.header("x-a") == "btransfer-encoding: chunked"
    assert all(seen.path != "/hidden" for seen in backend.requests)


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("lines, body, inner", [
    ([f"content-length: {len(HIDDEN)}"], HIDDEN, HIDDEN),
    (["transfer-encoding: chunked"], f"{len(HIDDEN):x}\r\n".encode() + HIDDEN + b"\r\n0\r\n\r\n", HIDDEN),
    (["transfer-encoding: chunked"], f"{len(HIDDEN):x};a=b\r\n".encode() + HIDDEN + b"\r\n0\r\nx-t: 1\r\n\r\n", HIDDEN),
], ids=["length", "chunked", "extension-and-trailer"])
def test_a_request_within_a_body_stays_there(framing, backend, path, lines, body, inner):
    answer = ask(framing, path, [*lines, "content-type: text/plain", "connection: close"], body)
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    seen = backend.requests[-1]
    expected = b"<" + inner + b">" if path == "/body" else inner
    assert (seen.path, seen.body) == (path, expected)
    # One way to know where it ends.
    lengths = [value for name, value in seen.headers if name == "content-length"]
    codings = [value for name, value in seen.headers if name == "transfer-encoding"]
    assert (lengths, codings) in (([str(len(expected))], []), ([], ["chunked"]))
    assert all(s.path != "/hidden" for s in backend.requests)


@pytest.mark.parametrize("path", ROUTES)
def test_two_requests_of_one_connection_are_two(framing, backend, path):
    before = len(backend.requests)
    first = f"POST {path} HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 2\r\n\r\nab".encode()
    second = f"POST {path} HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 1\r\nconnection: close\r\n\r\nc".encode()
    answer = http.raw(framing.http_port, first + second)
    assert answer.count(b"HTTP/1.1 200 ") == 2, answer
    bodies = [seen.body for seen in backend.requests[before:]]
    assert bodies == ([b"<ab>", b"<c>"] if path == "/body" else [b"ab", b"c"])


@pytest.mark.parametrize("path", ROUTES)
def test_http_1_0_is_told_to_upgrade(framing, path):
    """Envoy takes none of HTTP/1.0, whatever the route does."""
    answer = ask(framing, path, [], version="1.0", method="GET")
    assert answer.startswith(b"HTTP/1.1 426 "), answer


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
def test_methods_without_a_body(framing, backend, path, method):
    answer = ask(framing, path, ["connection: close"], method=method)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), answer
    assert (body == b"") == (method == "HEAD")
    assert backend.requests[-1].method == method
    assert backend.requests[-1].body == (b"<>" if path == "/body" else b"")


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("length", ["0", "1", "999"])
def test_a_length_of_http2_that_is_not_that_of_the_body(framing, backend, path, length):
    before = len(backend.requests)
    with pytest.raises((ConnectionError, EOFError, AssertionError, RuntimeError)):
        http.request_h2(framing.http_port, HOST, path, "POST", {"content-length": length}, "abc")
    assert all(seen.body != b"abc" and seen.path != "/hidden" for seen in backend.requests[before:])


def test_a_client_that_ends_in_the_middle_reaches_nobody(framing, backend):
    before = len(backend.requests)
    with socket.create_connection(("127.0.0.1", framing.http_port)) as client:
        client.sendall(f"POST /body HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 100\r\n\r\nabc".encode())
        client.shutdown(socket.SHUT_WR)
        client.recv(1000)
    assert framing.get(HOST, "/plain/after").status == 200
    assert [seen.path for seen in backend.requests[before:]] == ["/plain/after"]
    assert json.loads(framing.get(HOST, "/plain").text)["backend"] == "framing"
