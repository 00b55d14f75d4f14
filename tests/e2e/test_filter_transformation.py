"""The transformation filter on the real Envoy: headers, bodies, errors, counters, per-route configuration."""

import gzip
import json

import pytest

import envoy_static
from envoy_static import CLIENTS, Envoy, H1Client, Reply, Upstream, cluster, echo, listener, transformation

LIMIT = 64
TRANSFORMATIONS = {
    "headers": {"request": {"path": "/seen?id={{ header(\"x-id\") }}",
                            "headers": [{"name": "x-new", "value": "v-{{ header(\"x-id\") }}"}],
                            "remove_headers": ["x-old"]}},
    "extract": {"request": {"extractors": [{"from": "path", "key": "", "pattern": "/extract/{user.id}/x"}],
                            "path": "/users/{{ user.id }}"}},
    "body": {"request": {"body": "{\"name\":\"{{ name }}\"}", "path": "/body/{{ id }}"}, "max_body_bytes": LIMIT},
    "read": {"request": {"headers": [{"name": "x-name", "value": "{{ name }}"}]}},
    "make": {"request": {"body": "made", "method": "POST"}},
    "empty": {"request": {"body": ""}},
    "response": {"response": {"body": "<{{ body() }}>",
                              "headers": [{"name": "x-seen", "value": "yes"}]}, "max_body_bytes": LIMIT},
    "both": {"request": {"body": "{\"q\":\"{{ q }}\"}"},
             "response": {"body": "{\"r\":\"{{ r }}\",\"p\":\"{{ request_header(\":path\") }}\"}"}},
    "status": {"response": {"headers": [{"name": ":status", "value": "418"}, {"name": "x-r", "value": "1"}]}},
    "big": {"request": {"body": "[{{ raw(body()) }}]"}, "response": {"body": "[{{ raw(body()) }}]"}, "max_body_bytes": 8 << 20},
    "tohead": {"request": {"method": "HEAD"}},
    "toget": {"request": {"method": "GET"}},
}
BUFFER = {"name": "envoy.filters.http.buffer", "disabled": True, "typed_config": {
    "@type": "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer", "max_request_bytes": 1 << 24}}
BUFFER_ON = {"envoy.filters.http.buffer": {
    "@type": "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.BufferPerRoute",
    "buffer": {"max_request_bytes": 1 << 24}}}


def respond(exchange):
    """Requests script the answer in `x-reply`; without it, what was seen comes back."""
    script = exchange.header("x-reply")
    if script is None:
        return echo(exchange)
    reply = json.loads(script)
    body = reply.get("body", "").encode()
    if reply.get("gzip"):
        body = gzip.compress(body)
    chunks = [c.encode() if c is not None else None for c in reply["chunks"]] if "chunks" in reply else None
    if "repeat" in reply:
        body = b"x" * reply["repeat"]
    return Reply(reply.get("status", 200), [tuple(h) for h in reply.get("headers", [])], body, chunks,
                 reply.get("trailers"), reply.get("reset", False))


def says(**reply):
    return [("x-reply", json.dumps(reply))]


def routes():
    result = []
    for name, config in TRANSFORMATIONS.items():
        for up in ("one", "two"):  # by header: an HTTP/1.1 upstream and an HTTP/2 one
            match = {"prefix": f"/{name}"}
            if up == "two":
                match["headers"] = [{"name": "x-upstream", "string_match": {"exact": "h2"}}]
            action = {"cluster": up}
            if name == "headers":
                action["upgrade_configs"] = [{"upgrade_type": "websocket"}]
            route = {"match": match, "route": action, "typed_per_filter_config": transformation(config)}
            result.insert(0, route) if up == "two" else result.append(route)
    result.append({"match": {"prefix": "/buffered"}, "route": {"cluster": "one"},
                   "typed_per_filter_config": {**transformation(TRANSFORMATIONS["big"]), **BUFFER_ON}})
    weighted = [{"name": "one", "weight": 1, "typed_per_filter_config": transformation(
        {"request": {"path": "/first", "headers": [{"name": "x-by", "value": "first"}]}})},
                {"name": "one", "weight": 0}]
    result.append({"match": {"prefix": "/weighted"}, "route": {"weighted_clusters": {"clusters": weighted}}})
    # Envoy itself writes what the templates said.
    result.append({"match": {"prefix": "/metadata"}, "route": {"cluster": "one"},
                   "response_headers_to_add": [
                       {"header": {"key": "x-asked", "value": "%DYNAMIC_METADATA(gloo.transformation:asked)%"}}],
                   "typed_per_filter_config": transformation(
                       {"request": {"metadata": [{"name": "asked", "value": "{{ header(\"x-id\") }}"}],
                                    "append_headers": [{"name": "x-hop", "value": "b"}]},
                        "response": {"metadata": [{"name": "answered", "value": "{{ header(\":status\") }}"}],
                                     "append_headers": [{"name": "x-hop", "value": "d"}]}})})
    result.append({"match": {"prefix": "/dead"}, "route": {"cluster": "dead"},
                   "typed_per_filter_config": transformation(TRANSFORMATIONS["response"])})
    result.append({"match": {"prefix": "/direct"},
                   "direct_response": {"status": 200, "body": {"inline_string": "direct"}},
                   "typed_per_filter_config": transformation(TRANSFORMATIONS["response"])})
    result.append({"match": {"prefix": "/"}, "route": {"cluster": "one"}})
    return result


@pytest.fixture(scope="module")
def upstream():
    server = Upstream(respond)
    yield server
    server.close()


@pytest.fixture(scope="module")
def envoy(tmp_path_factory, upstream):
    virtual_host = {"name": "all", "domains": ["*"], "routes": routes()}
    folder = tmp_path_factory.mktemp("envoy")
    log = {"name": "file", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
        "path": str(folder / "access.log"), "log_format": {"text_format_source": {
            "inline_string": "%PATH% %DYNAMIC_METADATA(gloo.transformation:answered)%\n"}}}}
    http = listener("http", {"access_log": [log], "http_filters": [BUFFER, envoy_static.TRANSFORMATION_FILTER, envoy_static.ROUTER],
                             "route_config": {"name": "r", "virtual_hosts": [virtual_host]}})
    clusters = [cluster("one", upstream.port), cluster("two", upstream.port, http2=True), cluster("dead", 1)]
    with Envoy(folder, [http], clusters) as running:
        yield running


@pytest.fixture(params=["h1", "h2"])
def client(request, envoy):
    with CLIENTS[request.param](envoy.ports["http"]) as made:
        yield made


@pytest.fixture(params=["h1", "h2"])
def to(request):
    """Headers that choose the protocol to the upstream."""
    return [("x-upstream", request.param)]


def seen_header(answer, name):
    values = [v for k, v in answer.json()["headers"] if k == name]
    return ",".join(values) if values else None


# ---- requests

def test_headers_only(client, to):
    answer = client.request("POST", "/headers/a", [*to, ("x-id", "7"), ("x-old", "1")], body=b"abc")
    assert answer.status == 200
    assert answer.json()["path"] == "/seen?id=7"
    assert answer.json()["body"] == "abc"
    assert seen_header(answer, "x-new") == "v-7"
    assert seen_header(answer, "x-old") is None
    assert seen_header(answer, "content-length") == "3"


def test_appended_headers_and_metadata(client, envoy, request):
    path = "/metadata/" + request.node.name
    answer = client.request("GET", path, [("x-id", "7"), ("x-hop", "a")])
    assert seen_header(answer, "x-hop") == "a,b"
    assert answer.header("x-asked") == "7"
    assert answer.header("x-hop") == "d"
    log = envoy.directory / "access.log"
    envoy_static.wait_for(lambda: f"{path} 200\n" in log.read_text(), "the access log")


def test_headers_only_streams(envoy, upstream):
    """The first bytes of a request reach the upstream before the last ones are sent, and trailers pass."""
    with H1Client(envoy.ports["http"]) as client:
        client.send("POST /headers/stream HTTP/1.1\r\nhost: t\r\nx-id: 1\r\ntransfer-encoding: chunked\r\n\r\n")
        client.send("3\r\nabc\r\n")
        pattern = "cluster_one_upstream_rq_active|upstream_rq_active"
        envoy_static.wait_for(lambda: any(envoy.counters(pattern).values()), "the request at the upstream")
        client.send("2\r\nde\r\n0\r\nx-t: end\r\n\r\n")
        answer = client.read()
    assert answer.json()["body"] == "abcde"
    assert answer.json()["trailers"] == [["x-t", "end"]]
    assert seen_header(answer, "content-length") is None


def test_parameters_of_the_path(client, to):
    assert client.request("GET", "/extract/42/x", to).json()["path"] == "/users/42"


@pytest.mark.parametrize("chunks", [[b'{"id":5,"name":"a\\"b"}'], [b'{"id":', b'5,"na', b'me":"a\\"b"}']])
def test_a_body_is_replaced(client, to, chunks):
    answer = client.request("POST", "/body", [*to, ("content-type", "application/json")], chunks=chunks)
    assert answer.status == 200, answer.text
    assert answer.json()["path"] == "/body/5"
    assert json.loads(answer.json()["body"]) == {"name": 'a"b'}
    assert seen_header(answer, "content-length") == str(len(answer.json()["body"]))


def test_trailers_of_a_request_are_kept(client, to):
    answer = client.request("POST", "/body", [*to, ("content-type", "application/json")], body=b'{"id":5,"name":"x"}',
                            trailers=[("x-t", "1")])
    assert answer.json()["body"] == '{"name":"x"}'
    assert answer.json()["trailers"] == [["x-t", "1"]]


def test_a_body_that_is_only_read_is_kept(client, to):
    body = b'{"name" :  "n", "more": 1}'
    answer = client.request("POST", "/read", [*to, ("content-type", "application/json")], body=body)
    assert answer.json()["body"] == body.decode()
    assert seen_header(answer, "x-name") == "n"


def test_a_request_without_a_body_gets_one(client, to):
    answer = client.request("GET", "/make", to)
    assert (answer.json()["method"], answer.json()["body"]) == ("POST", "made")
    assert seen_header(answer, "content-length") == "4"


def test_a_body_becomes_empty(client, to):
    answer = client.request("POST", "/empty", to, body=b"abc")
    assert answer.json()["body"] == ""
    assert seen_header(answer, "content-length") in ("0", None)


@pytest.mark.parametrize("path", ["/big", "/buffered"])
@pytest.mark.parametrize("size", [0, 1, 70_000, 3 << 20])
def test_bodies_beyond_envoys_own_limit(client, path, size):
    """Envoy buffers 1 MiB at most; the limit of the transformation counts instead."""
    answer = client.request("POST", path, [("content-type", "text/plain")], body=b"a" * size)
    assert answer.status == 200, answer.text[:300]
    assert answer.text.startswith("[{") and answer.text.endswith("}]")
    assert len(json.loads(answer.text[1:-1])["body"]) == size + 2


# ---- errors

def test_a_missing_variable_is_400_with_its_name(client, to):
    answer = client.request("POST", "/body", [*to, ("content-type", "application/json")], body=b'{"id":1}')
    assert answer.status == 400
    assert answer.text.startswith("bad request: ") and "name" in answer.text


def test_broken_json_is_400(client, to):
    answer = client.request("POST", "/body", [*to, ("content-type", "application/json")], body=b'{"id":')
    assert answer.status == 400
    assert answer.text.startswith("bad request: ")


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_is_too_large_is_413(client, announced):
    body = b'{"id":1,"name":"' + b"x" * LIMIT + b'"}'
    headers = [("content-type", "application/json")]
    answer = client.request("POST", "/body", headers, **({"body": body} if announced else {"chunks": [body, body]}))
    assert answer.status == 413
    assert answer.text.startswith("payload too large: ") and f" {LIMIT} bytes" in answer.text


def test_an_encoded_body_is_415(client):
    headers = [("content-type", "application/json"), ("content-encoding", "gzip")]
    answer = client.request("POST", "/body", headers, body=gzip.compress(b"{}"))
    assert answer.status == 415
    assert answer.text == 'unsupported media type: the body must not be encoded, but its content-encoding is "gzip"'


def test_an_error_leaves_the_connection_usable(client):
    for _ in range(3):
        assert client.request("GET", "/response", says(repeat=LIMIT + 1)).status == 502
        assert client.request("GET", "/plain").json()["path"] == "/plain"


def test_http2_goes_on_after_a_bad_request(envoy):
    """On HTTP/1.1 Envoy closes the connection after any answer of its own with status 400."""
    with CLIENTS["h2"](envoy.ports["http"]) as client:
        assert client.request("POST", "/body", [("content-type", "application/json")], body=b"{}").status == 400
        assert client.request("GET", "/plain").json()["path"] == "/plain"


# ---- what passes untouched

def test_a_route_without_a_transformation(client):
    answer = client.request("POST", "/plain?x=1", body=b"abc")
    assert (answer.json()["path"], answer.json()["body"]) == ("/plain?x=1", "abc")


def test_no_content_type_passes_the_templates_by(client):
    """A body that no template can read is an answer of ours, not a way to the upstream's own paths."""
    answer = client.request("POST", "/body", [("content-type", "application/grpc"), ("te", "trailers")], body=b"\0\0")
    # Envoy puts our 400 into gRPC's own form.
    assert (answer.status, answer.header("grpc-status")) == (200, "13")
    assert "bad request" in answer.header("grpc-message")


def test_an_upgrade_passes_untouched(envoy, upstream):
    def switch(exchange):
        assert exchange.path == "/headers/ws"
        return Reply(101, [("upgrade", "websocket"), ("connection", "upgrade"), ("x-up", exchange.path)], length=False)

    upstream.respond = switch
    try:
        with H1Client(envoy.ports["http"]) as client:
            answer = client.request("GET", "/headers/ws", [("connection", "upgrade"), ("upgrade", "websocket")])
    finally:
        upstream.respond = respond
    assert (answer.status, answer.header("x-up")) == (101, "/headers/ws")


@pytest.mark.parametrize("path", ["/headers/a", "/body/a"], ids=["route with websocket", "route without upgrades"])
@pytest.mark.parametrize("upgrade", ["foo", "h2c", "websocket, foo", "foo, websocket"])
@pytest.mark.parametrize("connection", [None, "close", "upgrade", "Upgrade, keep-alive"])
def test_an_upgrade_that_no_route_allows_passes_no_template_by(envoy, path, upgrade, connection):
    """The filter leaves a request with `upgrade` alone: what gets so far must be an upgrade that the route allows."""
    headers = [("upgrade", upgrade), ("x-id", "7")]
    if connection is not None:
        headers.insert(0, ("connection", connection))
    with H1Client(envoy.ports["http"]) as client:
        answer = client.request("GET", path, headers)
    # Without `connection: upgrade` Envoy drops the header; h2c it never takes for an upgrade.
    if connection is not None and "upgrade" in connection.lower() and upgrade != "h2c":
        assert answer.status == 403
    elif path == "/headers/a":
        assert (answer.json()["path"], seen_header(answer, "upgrade")) == ("/seen?id=7", None)
    else:
        assert (answer.status, answer.text) == (400, 'bad request: variable "id" is missing')


def test_the_weighted_clusters_own_transformation(client):
    answer = client.request("GET", "/weighted/a")
    assert (answer.json()["path"], seen_header(answer, "x-by")) == ("/first", "first")


def test_local_replies_are_not_transformed(client):
    answer = client.request("GET", "/dead")
    assert answer.status == 503
    assert answer.header("x-seen") is None and not answer.text.startswith("<")
    assert client.request("GET", "/direct").text == "direct"


# ---- responses

def test_a_response_is_replaced(client, to):
    answer = client.request("GET", "/response", [*to, *says(body="abc")])
    assert (answer.status, answer.text) == (200, "<abc>")
    assert answer.header("content-length") == "5"
    assert answer.header("x-seen") == "yes"


def test_chunks_and_trailers_of_a_response(client, to):
    answer = client.request("GET", "/response", [*to, *says(chunks=["ab", "c"], trailers=[["x-t", "1"]])])
    assert answer.text == "<abc>"
    assert answer.trailers == [["x-t", "1"]]


def test_an_empty_response_gets_a_body(client, to):
    assert client.request("GET", "/response", [*to, *says(body="")]).text == "<>"


def test_request_and_response(client, to):
    headers = [*to, ("content-type", "application/json"),
               *says(body='{"r":"x"}', headers=[["content-type", "application/json"]])]
    answer = client.request("POST", "/both", headers, body=b'{"q":"1"}')
    assert answer.json() == {"r": "x", "p": "/both"}


def test_status_and_headers_of_a_response(client, to):
    answer = client.request("GET", "/status", [*to, *says(status=200, chunks=["a", "b"])])
    assert (answer.status, answer.header("x-r"), answer.text) == (418, "1", "ab")


@pytest.mark.parametrize("status", [204, 304])
def test_a_response_without_a_body_stays_without(client, to, status):
    answer = client.request("GET", "/response", [*to, *says(status=status)])
    assert (answer.status, answer.text) == (status, "")
    assert client.request("GET", "/response", [*to, *says(body="next")]).text == "<next>", "nothing was left behind"


def test_head(client, to):
    answer = client.request("HEAD", "/response", [*to, *says(body="abc")])
    assert (answer.status, answer.text, answer.header("content-length")) == (200, "", None)
    assert client.request("HEAD", "/headers", to).status == 200
    assert client.request("GET", "/response", [*to, *says(body="next")]).text == "<next>"


def test_a_method_that_becomes_head_and_back(client, to):
    answer = client.request("GET", "/tohead", [*to, *says(body="abc")])
    assert (answer.status, answer.text) == (200, "")
    answer = client.request("HEAD", "/toget", [*to, *says(body="abc")])
    assert (answer.status, answer.text) == (200, "")
    assert client.request("GET", "/response", [*to, *says(body="next")]).text == "<next>"


def test_an_encoded_response_is_502(client, to):
    reply = says(body="abc", gzip=True, headers=[["content-encoding", "gzip"]])
    answer = client.request("GET", "/response", [*to, *reply])
    assert answer.status == 502
    assert answer.text == 'bad response: the body must not be encoded, but its content-encoding is "gzip"'


def test_the_upstream_is_asked_for_a_legible_response(client, upstream):
    upstream.seen.clear()
    asked = [("accept-encoding", "gzip"), ("range", "bytes=0-1")]
    client.request("GET", "/response", [*asked, *says(body="abc")])
    client.request("GET", "/status", [*asked, *says(body="abc")])
    assert [e.header("accept-encoding") for e in upstream.seen] == [None, "gzip"]
    assert [e.header("range") for e in upstream.seen] == [None, "bytes=0-1"]


@pytest.mark.parametrize("reply", [{"repeat": LIMIT + 1}, {"chunks": ["x" * LIMIT, "y"]}])
def test_a_response_that_is_too_large_is_502(client, to, reply):
    answer = client.request("GET", "/response", [*to, *says(**reply)])
    assert answer.status == 502
    assert answer.text.startswith("bad response: ") and f" {LIMIT} bytes" in answer.text


def test_a_response_of_the_limit_itself(client, to):
    assert len(client.request("GET", "/response", [*to, *says(repeat=LIMIT)]).text) == LIMIT + 2


def test_a_bad_response_is_502(client, to):
    headers = [*to, ("content-type", "application/json"),
               *says(body='{"r":', headers=[["content-type", "application/json"]])]
    answer = client.request("POST", "/both", headers, body=b'{"q":"1"}')
    assert answer.status == 502
    assert answer.text.startswith("bad response: ")


# ---- resets

def test_an_upstream_that_dies_in_its_answer(envoy):
    with H1Client(envoy.ports["http"]) as client:
        answer = client.request("GET", "/response", says(chunks=["ab", None]))
        assert answer.status in (502, 503)
        assert answer.header("x-seen") is None
    with H1Client(envoy.ports["http"]) as client:
        assert client.request("GET", "/response", says(reset=True)).status == 503


def test_clients_that_go_away(envoy):
    """In the middle of a held body, before the answer, and by a reset of the stream."""
    for _ in range(20):
        with H1Client(envoy.ports["http"]) as client:
            client.send("POST /body HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\n")
            client.send("content-length: 50\r\n\r\n{")
        with CLIENTS["h2"](envoy.ports["http"]) as client:
            held = client.open("POST", "/body", [("content-type", "application/json")], b'{"id":', end=False)
            client.reset(held)
            waiting = client.open("GET", "/response", says(body="abc"))
            client.reset(waiting)
            assert client.request("GET", "/response", says(body="abc")).text == "<abc>"
    assert envoy.process.poll() is None


# ---- counters, configuration

def test_counters(tmp_path, upstream):
    virtual_host = {"name": "all", "domains": ["*"], "routes": routes()}
    http = listener("http", {"http_filters": [BUFFER, envoy_static.TRANSFORMATION_FILTER, envoy_static.ROUTER],
                             "route_config": {"name": "r", "virtual_hosts": [virtual_host]}})
    clusters = [cluster("one", upstream.port), cluster("two", upstream.port, http2=True), cluster("dead", 1)]
    with Envoy(tmp_path, [http], clusters) as running, CLIENTS["h2"](running.ports["http"]) as client:
        json_type = [("content-type", "application/json")]
        client.request("GET", "/headers")
        client.request("GET", "/response", says(body="abc"))
        client.request("POST", "/body", json_type, body=b"{}")
        client.request("GET", "/response", says(repeat=LIMIT + 1))
        client.request("POST", "/body", json_type, body=b"x" * (LIMIT + 1))
        assert running.counters("gloo_transformation") == {
            "envoy_dynamicmodulescustom_gloo_transformation_requests{}": 1,
            "envoy_dynamicmodulescustom_gloo_transformation_responses{}": 1,
            'envoy_dynamicmodulescustom_gloo_transformation_request_errors{status="400"}': 1,
            'envoy_dynamicmodulescustom_gloo_transformation_request_errors{status="413"}': 1,
            'envoy_dynamicmodulescustom_gloo_transformation_response_errors{status="502"}': 1,
            'envoy_dynamicmodulescustom_gloo_transformation_too_large{direction="request"}': 1,
            'envoy_dynamicmodulescustom_gloo_transformation_too_large{direction="response"}': 1,
        }


@pytest.mark.parametrize("config,mistake", [
    ({"request": {"path": "/{{ id "}}, "gloo.transformation: request.path: "),
    ({"requests": {}}, "gloo.transformation: "),
    ("{", "gloo.transformation: "),
])
def test_a_wrong_configuration_is_refused(tmp_path, config, mistake):
    route = {"match": {"prefix": "/"}, "direct_response": {"status": 200},
             "typed_per_filter_config": transformation(config)}
    virtual_host = {"name": "all", "domains": ["*"], "routes": [route]}
    http = listener("http", {"http_filters": [envoy_static.TRANSFORMATION_FILTER, envoy_static.ROUTER],
                             "route_config": {"name": "r", "virtual_hosts": [virtual_host]}})
    assert mistake in Envoy(tmp_path, [http], []).start_and_fail()
