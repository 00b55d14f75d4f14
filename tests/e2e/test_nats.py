"""NATS functions against the real nats-server; what arrives is seen by nats-py, which shares no code with us."""

import json
import os
import socket
import threading
import time

import pytest

from harness import http
from harness.config import API, call, event, prefix, split, to, virtual_service
from harness.gateway import ROOT, glooctl
from harness.nats import NatsClient, NatsServer, Nkey, decentralized, together
from harness.ports import free_port
from harness.waiting import stays, wait_for


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = NatsServer(tmp_path_factory.mktemp("nats")).start()
    yield server
    server.stop()


@pytest.fixture
def client(server):
    """Each test's own: a subscription to everything is an answerer of everything."""
    client = NatsClient(server)
    yield client
    client.close()


@pytest.fixture
def new_server(tmp_path):
    """Makes servers of a test's own, which the test starts."""
    made = []

    def make(settings="", **more):
        made.append(NatsServer(tmp_path / f"nats{len(made)}", settings, **more))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def upstream(name, port, functions=None, **spec):
    return {"apiVersion": API, "kind": "Upstream", "metadata": {"name": name},
            "spec": {"type": "nats", "spec": {"hosts": [{"addr": "127.0.0.1", "port": port}], **spec},
                     "functions": [{"name": n, "spec": s} for n, s in (functions or {}).items()]}}


@pytest.fixture
def serve(gloo, server, name):
    """Writes an upstream of the server and a route for each of its functions; returns the host."""
    def write(functions, *routes, port=None, gateway=gloo, **spec):
        gateway.config.write(f"{name}.yaml", upstream(name, port or server.port, functions, **spec), virtual_service(
            name, f"{name}.test", [*routes, *(prefix(f"/{f}", call(name, f)) for f in functions)]))
        return f"{name}.test"
    return write


def wait_served(gateway, host, path="/f", status=202):
    """Until a call is answered so."""
    return wait_for(lambda: (r := gateway.post(host, path, "")).status == status and r, f"{status} for {host}{path}", 15)


def wait_asked(gateway, host, got):
    """Until a call that nobody answers has come to the subscriber."""
    wait_for(lambda: got or (gateway.post(host, "/f", "first", timeout=0.3) and None), "the first request", 15)


# ---- publish

def test_publish_is_answered_once_the_server_has_the_message(gloo, client, serve, name):
    host = serve({"f": {"subject": f"{name}.made"}})
    got = client.subscribe(f"{name}.>")
    wait_served(gloo, host)
    wait_for(lambda: got, "the first message")
    answer = gloo.post(host, "/f", b"\x00\xffbinary\r\nPING\r\n", headers={"content-type": "application/x", "ce-id": "7",
                                                                         "x-request-id": "r1", "authorization": "mine"})
    assert (answer.status, answer.body, answer.header("content-length")) == (202, b"", "0")
    message = wait_for(lambda: got[-1].data and got[-1], "the message")
    assert (message.subject, message.data) == (f"{name}.made", b"\x00\xffbinary\r\nPING\r\n")
    assert message.headers["content-type"] == "application/x" and message.headers["ce-id"] == "7"
    # What the client says to Gloo is not for everybody on the bus.
    assert set(message.headers) <= {"content-type", "ce-id", "x-request-id"}
    assert gloo.status("Upstream", name)["state"] == "ACCEPTED"


def test_subjects_headers_and_payload_by_templates(gloo, client, serve, name):
    host = serve({"f": {"subject": f"{name}." + '{{ region }}.{{ default(header("x-kind"), "any") }}',
                        "parameters": {"path": "/f/{region}"}, "forwardHeaders": ["X-Tenant"], "body": '{"total": {{ total }}}',
                        "headers": {"Nats-Msg-Id": '{{ header("x-id") }}', "Empty": '{{ header("x-none") }}'}}})
    got = client.subscribe(f"{name}.>")
    wait_for(lambda: gloo.post(host, "/f/eu", '{"total": 1}').status == 202, "the route")
    answer = gloo.post(host, "/f/us", '{"total": 12}', headers={"x-kind": "paid", "x-id": "42", "x-tenant": "shop"})
    assert answer.status == 202
    message = wait_for(lambda: [m for m in got if m.subject == f"{name}.us.paid"], "the message")[0]
    assert json.loads(message.data) == {"total": 12}
    assert message.headers["Nats-Msg-Id"] == "42" and message.headers["x-tenant"] == "shop"
    assert "Empty" not in message.headers


@pytest.mark.parametrize("value, mistake", [
    ("a b", "has a space or a control character"), ("a\tPING", "has a space or a control character"),
    ("a.*", "has a wildcard"), (">", "has a wildcard"), ("a..b", "has an empty part"), ("", "is empty"),
    ("$SYS.REQ.SERVER.PING", "belongs to the NATS server"), ("_INBOX.x", "belongs to the NATS server"),
    ("x" * 1025, "more than 1024 bytes")])
def test_no_request_chooses_a_subject_that_is_none(gloo, client, server, serve, name, value, mistake):
    host = serve({"f": {"subject": '{{ header("x-subject") }}'}})
    wait_for(lambda: gloo.post(host, "/f", "", headers={"x-subject": "fine"}).status == 202, "the route")
    got = client.subscribe(">")
    answer = gloo.post(host, "/f", "PUB x 0", headers={"x-subject": value})
    assert answer.status == 400 and mistake in answer.text
    assert gloo.post(host, "/f", "", headers={"x-subject": "end"}).status == 202
    wait_for(lambda: "end" in [m.subject for m in got], "a good message")
    assert [m.subject for m in got if m.subject.startswith(("a", "x", "$SYS.REQ", ">"))] == []


def test_a_client_cannot_name_a_subject_or_a_mode(gloo, client, serve, name):
    host = serve({"f": {"subject": f"{name}.mine"}})
    got = client.subscribe(">")
    wait_served(gloo, host)
    forged = {"x-gloo-nats-subject": "stolen", "x-gloo-call": "nats request", "x-gloo-nats-h0": "x",
              "x-gloo-nats-user": "admin", "x-gloo-nats-password": "x", "x-gloo-nats-token": "x"}
    assert gloo.post(host, "/f", "x", headers=forged).status == 202
    wait_for(lambda: [m for m in got if m.data == b"x"], "the message")
    assert "stolen" not in [m.subject for m in got]
    assert [m.headers for m in got if m.data == b"x"][0].keys() <= {"x-request-id"}


def test_a_template_that_fails_and_passes_reaches_no_subject(gloo, serve, name):
    serve({"f": {"subject": "{{ id }}"}})
    gloo.config.write(f"{name}-pass.yaml", virtual_service(f"{name}-pass", f"{name}-pass.test", [
        prefix("/f", call(name, "f"), extensions={"onError": "pass"})]))
    host = f"{name}-pass.test"
    wait_for(lambda: gloo.post(host, "/f", '{"id": "ok"}').status == 202, "the route")
    answer = gloo.post(host, "/f", "{}", headers={"x-gloo-nats-subject": "stolen", "x-gloo-call": "nats publish"})
    assert (answer.status, answer.text) == (500, "an upstream of type nats is reached through functions only")


def test_a_subject_that_no_function_lists(gloo, client, serve, name):
    host = serve({}, prefix("/f", call(name, f"{name}.free")))
    got = client.subscribe(f"{name}.free")
    wait_served(gloo, host)
    gloo.post(host, "/f", "hello")
    wait_for(lambda: b"hello" in [m.data for m in got], "the message")


def test_large_messages(gloo, client, serve, name):
    host = serve({"f": {"subject": f"{name}.big"}})
    got = client.subscribe(f"{name}.big")
    wait_served(gloo, host)
    body = os.urandom(1 << 20)[:(1 << 20) - 200]
    assert gloo.post(host, "/f", body).status == 202
    wait_for(lambda: body in [m.data for m in got], "the message")
    answer = gloo.post(host, "/f", b"x" * ((1 << 20) + 1))
    assert (answer.status, answer.text) == (413, "payload too large: the body has more than 1048576 bytes")


def test_the_servers_own_limit(gloo, new_server, serve):
    server = new_server("max_payload: 1000").start()
    host = serve({"f": {"subject": "a"}}, port=server.port)
    wait_served(gloo, host)
    # Each worker hears it with its first connection.
    together(8, lambda _: [gloo.post(host, "/f", b"x") for _ in range(5)])
    for _ in range(5):
        answer = gloo.post(host, "/f", b"x" * 2000)
        assert (answer.status, answer.text) == (413, "payload too large: the body has more than 1000 bytes")
        assert gloo.post(host, "/f", b"x" * 500).status == 202


# ---- request and reply

def test_request_and_reply(gloo, client, serve, name):
    host = serve({"f": {"subject": f"{name}.ask", "mode": "request"}})
    client.subscribe(f"{name}.ask", lambda m: (b"re:" + m.data, {"Content-Type": "text/x", "X-Seen": (m.headers or {}).get("content-type", "none"),
                                                                  "Transfer-Encoding": "chunked"}))
    wait_served(gloo, host, status=200)
    answer = gloo.post(host, "/f", "hi", headers={"content-type": "a/b"})
    assert (answer.status, answer.text, answer.header("content-type"), answer.header("x-seen")) == (200, "re:hi", "text/x", "a/b")
    assert answer.header("transfer-encoding") is None


def test_each_request_gets_its_own_reply(gloo, client, server, serve, name):
    host = serve({"f": {"subject": f"{name}.ask", "mode": "request"}})
    client.subscribe(f"{name}.ask", lambda m: (m.data, None))
    wait_served(gloo, host, status=200)

    def ask(worker):
        return [i for i in range(60) if gloo.post(host, "/f", f"{worker}-{i}").text != f"{worker}-{i}"]

    before = server.opened()
    assert together(8, ask) == [[]] * 8
    # 480 requests, not more than 8 at a time.
    assert server.opened() - before <= 24


def test_a_service_that_answers_with_an_error(gloo, client, serve, name):
    host = serve({"f": {"subject": f"{name}.ask", "mode": "request"}})
    client.subscribe(f"{name}.ask", lambda m: (b"taken", {"Nats-Service-Error-Code": "409", "Nats-Service-Error": "it is"}))
    wait_served(gloo, host, status=409)
    answer = gloo.post(host, "/f", "hi")
    assert (answer.status, answer.text, answer.header("nats-service-error")) == (409, "taken", "it is")


def test_nobody_answers_is_503_and_too_late_is_408(gloo, client, server, serve, name):
    host = serve({"none": {"subject": f"{name}.none", "mode": "request"},
                  "slow": {"subject": f"{name}.slow", "mode": "request", "timeout": "0.3s"}})
    got = client.subscribe(f"{name}.slow")
    answer = wait_served(gloo, host, "/none", 503)
    answer = wait_for(lambda: (r := gloo.post(host, "/none", "x")).text.startswith("nobody") and r, "the upstream")
    assert (answer.status, answer.text) == (503, "nobody answers requests on the subject")
    start = time.monotonic()
    answer = gloo.post(host, "/slow", "x")
    assert answer.status == 408 and 0.25 < time.monotonic() - start < 3
    assert answer.text == "upstream request timeout"
    # The connection that still waits is never used again: a late reply reaches nobody.
    late = got[-1]
    client._run(client.client.publish(late.reply, b"late"))
    assert gloo.post(host, "/slow", "y").status == 408
    assert 'gloo_nats_calls{status="408"} ' in gloo.envoy_admin("/stats/prometheus").text


def test_a_reply_that_is_too_large(gloo, client, server, serve, name):
    host = serve({"f": {"subject": f"{name}.ask", "mode": "request"}}, maxPayloadBytes=1000)
    client.subscribe(f"{name}.ask", lambda m: (b"x" * (900_000 if m.data else 900), None))
    wait_served(gloo, host, status=200)
    for _ in range(5):
        answer = gloo.post(host, "/f", "large")
        assert (answer.status, answer.text) == (502, "bad response of the NATS server: a message is too large")
        # The rest of it is in nobody's way.
        assert gloo.post(host, "/f", "").body == b"x" * 900


# ---- JetStream

def test_jetstream_is_answered_once_a_stream_has_it(gloo, client, serve, name):
    stream = name.replace("-", "_")
    client.add_stream(stream, f"{name}.>", max_msgs=3, discard="new")
    host = serve({"f": {"subject": f"{name}.orders", "mode": "jetstream", "headers": {"Nats-Msg-Id": '{{ header("x-id") }}'}},
                  "lost": {"subject": f"other-{name}", "mode": "jetstream"}})
    answer = wait_for(lambda: (r := gloo.post(host, "/f", "one", headers={"x-id": "1"})).status == 200 and r, "the route")
    assert answer.json()["stream"] == stream and answer.header("content-type") == "application/json"
    first = answer.json()["seq"]
    again = gloo.post(host, "/f", "one", headers={"x-id": "1"}).json()
    assert (again["seq"], again["duplicate"]) == (first, True)
    assert gloo.post(host, "/f", "two", headers={"x-id": "2"}).json()["seq"] == first + 1
    assert client.stored(stream, first + 1).data == b"two"
    assert [m.data for m in client.fetch(stream, f"{name}.orders", 2)] == [b"one", b"two"]
    assert gloo.post(host, "/f", "three", headers={"x-id": "3"}).status == 200
    full = gloo.post(host, "/f", "four", headers={"x-id": "4"})
    assert full.status == 503 and "maximum messages exceeded" in full.json()["error"]["description"]
    nowhere = gloo.post(host, "/lost", "x")
    assert (nowhere.status, nowhere.text) == (503, "no stream takes messages of the subject")


def test_what_the_client_expects_of_the_stream_is_its_own_fault(gloo, client, serve, name):
    stream = name.replace("-", "_")
    client.add_stream(stream, f"{name}.>")
    host = serve({"f": {"subject": f"{name}.orders", "mode": "jetstream",
                        "headers": {"Nats-Expected-Last-Sequence": '{{ header("x-last") }}'}}})
    wait_served(gloo, host, status=200)
    answer = gloo.post(host, "/f", "x", headers={"x-last": "77"})
    assert answer.status == 400 and "wrong last sequence" in answer.json()["error"]["description"]


def test_events_go_to_streams(gloo, client, serve, name):
    stream = name.replace("-", "_")
    client.add_stream(stream, f"{name}.>")
    host = serve({"f": {"subject": f"{name}." + '{{ header("ce-type") }}', "mode": "jetstream",
                        "headers": {"Nats-Msg-Id": '{{ header("ce-id") }}'}}},
                 event({"prefix": "order."}, call(name, "f")))
    headers = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/shop", "ce-type": "order.made",
               "content-type": "application/json"}
    answer = wait_for(lambda: (r := gloo.post(host, "/events", '{"total": 1}', headers=headers)).status == 200 and r, "the route")
    # Sent again it is the same event.
    assert gloo.post(host, "/events", '{"total": 1}', headers=headers).json()["duplicate"]
    message = client.stored(stream, answer.json()["seq"])
    assert message.subject == f"{name}.order.made" and message.data == b'{"total": 1}'
    assert {k: message.headers[k] for k in headers} == headers


# ---- connections

def test_connections_are_kept_while_they_are_used(gloo, client, server, serve, name):
    host = serve({"f": {"subject": f"{name}.a"}, "js": {"subject": f"{name}.s", "mode": "jetstream"},
                  "ask": {"subject": f"{name}.ask", "mode": "request"},
                  "nobody": {"subject": f"{name}.nobody", "mode": "request"}})
    client.add_stream(name.replace("-", "_"), f"{name}.s")
    client.subscribe(f"{name}.ask", lambda m: (b"yes", None))
    wait_served(gloo, host, "/js", 200)
    before = server.opened()
    for _ in range(50):
        assert gloo.post(host, "/f", "x").status == 202
        assert gloo.post(host, "/js", "x").status == 200
        assert gloo.post(host, "/ask", "x").text == "yes"
    # One a worker, and what the first requests opened.
    assert server.opened() - before <= os.cpu_count() + 1
    # Nobody is left behind: each subscription of a request ended with its reply.
    for path, status in (("/ask", 200), ("/nobody", 503)):
        assert gloo.post(host, path, "x").status == status
        wait_for(lambda: not [c["subscriptions_list"] for c in server.connections() if c["subscriptions"]],
                 "every subscription to end", 1)
    # The server asks whether a silent connection lives; Envoy closes one that nobody uses when it speaks.
    wait_for(lambda: not server.connections(), "unused connections to be closed", 10)
    assert gloo.post(host, "/f", "x").status == 202


def test_a_slow_reply_keeps_its_connection_alive(gloo, client, server, serve, name):
    host = serve({"f": {"subject": f"{name}.ask", "mode": "request", "timeout": "20s"}})
    release = threading.Event()
    asked = client.subscribe(f"{name}.ask")
    wait_asked(gloo, host, asked)

    def answer_later():
        wait_for(lambda: [m for m in asked if m.data == b"slow"], "the request")
        release.wait(10)
        message = [m for m in asked if m.data == b"slow"][0]
        client._run(client.client.publish(message.reply, b"at last"))

    thread = threading.Thread(target=answer_later)
    thread.start()
    # Longer than the server waits before it asks with PING.
    threading.Timer(3.5, release.set).start()
    assert gloo.post(host, "/f", "slow").text == "at last"
    thread.join()


def test_a_server_that_is_killed_and_comes_back(gloo, new_server, serve):
    server = new_server().start()
    host = serve({"f": {"subject": "a"}}, port=server.port)
    wait_served(gloo, host)
    for _ in range(5):
        assert gloo.post(host, "/f", "x").status == 202
    server.stop(9)
    assert {gloo.post(host, "/f", "x").status for _ in range(5)} == {503}
    server.start()
    wait_served(gloo, host)
    assert [gloo.post(host, "/f", "x").status for _ in range(20)] == [202] * 20


def test_a_server_that_goes_in_peace_under_load(gloo, new_server, serve):
    server = new_server().start()
    host = serve({"f": {"subject": "a"}}, port=server.port)
    wait_served(gloo, host)
    done = threading.Event()
    seen = []

    def load(_):
        while not done.is_set():
            seen.append(gloo.post(host, "/f", "x").status)

    thread = threading.Thread(target=lambda: together(4, load))
    thread.start()
    wait_for(lambda: len(seen) > 50, "load")
    server.stop()
    wait_for(lambda: seen[-1] == 503, "nobody there")
    server.start()
    wait_for(lambda: seen[-20:] == [202] * 20, "the server again")
    done.set()
    thread.join()
    # What was answered 202 was sent; nothing hangs, nothing else is answered.
    assert set(seen) <= {202, 503}


def test_a_server_that_hangs_is_408(gloo, new_server, serve):
    server = new_server().start()
    host = serve({"f": {"subject": "a", "timeout": "0.5s"}}, port=server.port)
    wait_served(gloo, host)
    server.pause()
    try:
        answers = together(4, lambda _: gloo.post(host, "/f", "x").status)
        assert answers == [408] * 4
    finally:
        server.resume()
    wait_served(gloo, host)


def test_several_servers(gloo, new_server, serve, name):
    servers = [new_server().start(), new_server().start()]
    gloo.config.write(f"{name}.yaml", {
        **(u := upstream(name, 1, {"f": {"subject": "a"}})),
        "spec": {**u["spec"], "spec": {"hosts": [{"addr": "127.0.0.1", "port": s.port} for s in servers]}}},
        virtual_service(name, f"{name}.test", [prefix("/f", call(name, "f"))]))
    wait_served(gloo, f"{name}.test")
    for _ in range(20):
        gloo.post(f"{name}.test", "/f", "x")
    assert all(s.ask("varz")["in_msgs"] > 3 for s in servers)


def test_a_server_that_does_not_speak_nats(gloo, backends, serve):
    host = serve({"f": {"subject": "a", "timeout": "2s"}}, port=backends("http").port)
    wait_served(gloo, host, status=502)
    answer = gloo.post(host, "/f", "x")
    assert answer.status in (502, 503)


def test_a_server_that_is_not_there(gloo, serve):
    host = serve({"f": {"subject": "a"}}, port=free_port())
    answer = wait_for(lambda: (r := gloo.post(host, "/f", "x")).status == 503 and "connect" in r.text and r, "the route")
    assert answer.status == 503


def test_a_client_that_goes_away_closes_the_connection_that_waits(gloo, client, server, serve, name):
    host = serve({"f": {"subject": f"{name}.ask", "mode": "request", "timeout": "30s"}})
    got = client.subscribe(f"{name}.ask")
    wait_asked(gloo, host, got)
    with socket.create_connection(("127.0.0.1", gloo.http_port)) as raw:
        raw.sendall(f"POST /f HTTP/1.1\r\nhost: {host}\r\ncontent-length: 4\r\n\r\ngone".encode())
        wait_for(lambda: b"gone" in [m.data for m in got], "the request")
        assert [c for c in server.connections() if c["subscriptions"] == 1]
    wait_for(lambda: not [c for c in server.connections() if c["subscriptions"]], "the subscription to end", 5)


# ---- credentials

USERS = """authorization {
  users = [
    {user: "gloo", password: "pass \\"word\\" 1", permissions: {publish: ["a.>"], subscribe: ["_GLOO.>"]}}
    {user: "all", password: "all"}
  ]
}"""


def test_user_and_password(gloo, new_server, serve, name):
    server = new_server(USERS).start()
    spec = {"port": server.port, "secretRef": f"{name}-keys", "inboxPrefix": "_GLOO"}
    functions = {"f": {"subject": "a.b"}, "ban": {"subject": "b.b"}, "ask": {"subject": "a.ask", "mode": "request"},
                 "noask": {"subject": "b.ask", "mode": "request"}}
    host = serve(functions, **spec)
    # No secret yet: the upstream is not served and says why.
    status = gloo.wait_state("Upstream", name, "WARNING")
    assert "SecretNotFound" in str(status) and f"{name}-keys" in str(status)
    gloo.secrets.write(f"{name}-keys/user", "gloo\n")
    assert "KeyNotFound" in str(wait_for(lambda: "KeyNotFound" in str(s := gloo.status("Upstream", name)) and s, "half a secret"))
    gloo.secrets.write(f"{name}-keys/password", 'pass "word" 1\n')
    wait_served(gloo, host)
    assert gloo.wait_state("Upstream", name, "ACCEPTED")
    client = NatsClient(server, user="all", password="all")
    client.subscribe("a.ask", lambda m: (b"yes", None))
    assert gloo.post(host, "/ask", "x").text == "yes"
    for path in ("/ban", "/noask"):
        for _ in range(3):
            answer = gloo.post(host, path, "x")
            assert (answer.status, answer.text) == (
                502, "the NATS server does not permit the upstream's user to publish to the subject")
    assert gloo.post(host, "/f", "x").status == 202
    # Without the prefix the user may not listen to its replies.
    serve(functions, **{**spec, "inboxPrefix": "_INBOX"})
    answer = wait_for(lambda: (r := gloo.post(host, "/ask", "x")).status == 502 and r, "the other inbox")
    assert answer.text == "the NATS server does not permit the upstream's user to subscribe to its inbox"
    client.close()
    shown = "".join([gloo.admin("/snapshot").text, gloo.admin("/api/v1/objects").text, gloo.admin("/metrics").text,
                     gloo.log(), gloo.envoy_log(), gloo.envoy_admin("/config_dump").text])
    assert "word\" 1" not in shown and "word\\\" 1" not in shown


def test_a_server_is_told_once_a_connection_who_speaks(gloo, new_server, serve, name):
    # A hash of cost 11, as `nats server passwd` makes them: a tenth of a second each time.
    hashed = "$2a$11$WNDFIMo9cspik2vwSSRiO.XkiOBa2CPGRhgDcT1KBSOPScYpOhae2"
    server = new_server(f'authorization {{ user: "gloo", password: "{hashed}" }}\ntrace: true').start()
    gloo.secrets.write(f"{name}-keys/user", "gloo")
    gloo.secrets.write(f"{name}-keys/password", "s3cret")
    host = serve({"f": {"subject": "a"}, "bad": {"subject": '{{ header("x-none") }}'}}, port=server.port,
                 secretRef=f"{name}-keys")
    wait_served(gloo, host)
    told = server.log().count("<<- [CONNECT ")
    together(4, lambda _: [gloo.post(host, "/f", "x").status for _ in range(25)] == [202] * 25 or pytest.fail("not 202"))
    assert server.log().count("<<- [PUB a ") + server.log().count("<<- [HPUB a ") >= 100
    assert server.log().count("<<- [CONNECT ") - told <= 12
    # A connection that a refused request opened is good for the next one.
    wait_for(lambda: not server.connections(), "unused connections to be closed", 10)
    for _ in range(20):
        assert gloo.post(host, "/bad", "x").status == 400
        assert gloo.post(host, "/f", "x").status == 202


def test_nkeys(gloo, new_server, serve, name):
    user, other = Nkey("user"), Nkey("user")
    server = new_server(f"authorization {{ users: [{{nkey: {user.name}}}] }}").start()
    gloo.secrets.write(f"{name}-keys/seed", Nkey("account").seed)
    host = serve({"f": {"subject": "a"}, "bad": {"subject": '{{ header("x-none") }}'}}, port=server.port,
                 secretRef=f"{name}-keys")
    assert "BadSeed" in str(gloo.wait_state("Upstream", name, "WARNING"))
    gloo.secrets.write(f"{name}-keys/seed", other.seed)
    wait_served(gloo, host, status=502)
    assert gloo.post(host, "/f", "x").text == "the NATS server refuses the upstream's credentials"
    gloo.secrets.write(f"{name}-keys/seed", user.seed + "\n")
    wait_served(gloo, host)
    before = server.opened()
    assert [gloo.post(host, "/f", "x" * 10_000).status for _ in range(30)] == [202] * 30
    assert server.opened() - before <= os.cpu_count()
    for _ in range(10):
        assert gloo.post(host, "/bad", "x").status == 400
        assert gloo.post(host, "/f", "x").status == 202
    shown = "".join([gloo.admin("/snapshot").text, gloo.log(), gloo.envoy_log(), gloo.envoy_admin("/config_dump").text])
    assert user.seed not in shown and other.seed not in shown


def test_jwts(gloo, new_server, serve, name):
    settings, jwt, user = decentralized()
    server = new_server(settings, jetstream=False).start()
    gloo.secrets.write(f"{name}-keys/jwt", jwt + "\n")
    gloo.secrets.write(f"{name}-keys/seed", user.seed)
    host = serve({"f": {"subject": "a"}, "ask": {"subject": "b", "mode": "request"}}, port=server.port,
                 secretRef=f"{name}-keys")
    wait_served(gloo, host)
    assert together(4, lambda _: [gloo.post(host, "/f", "x").status for _ in range(10)]) == [[202] * 10] * 4
    answer = gloo.post(host, "/ask", "x")
    assert (answer.status, answer.text) == (503, "nobody answers requests on the subject")
    # A seed of another user does not fit the JWT.
    gloo.secrets.write(f"{name}-keys/seed", Nkey("user").seed)
    wait_for(lambda: not server.connections(), "unused connections to be closed", 10)
    wait_served(gloo, host, status=502)


def test_credentials_that_are_wrong_and_change(gloo, new_server, serve, name):
    server = new_server('authorization { token: "good-token" }').start()
    gloo.secrets.write(f"{name}-keys/token", "bad-token")
    host = serve({"f": {"subject": "a"}}, port=server.port, secretRef=f"{name}-keys")
    wait_served(gloo, host, status=502)
    for _ in range(10):
        answer = gloo.post(host, "/f", "x")
        assert (answer.status, answer.text) == (502, "the NATS server refuses the upstream's credentials")
    gloo.secrets.write(f"{name}-keys/token", "good-token")
    wait_served(gloo, host)
    gloo.secrets.write(f"{name}-keys/token", "bad\ntoken")
    gloo.wait_state("Upstream", name, "WARNING")
    assert "good-token" not in gloo.envoy_admin("/config_dump").text


def test_a_function_that_disappears(gloo, server, serve, name):
    host = serve({"f": {"subject": "a", "mode": "jetstream"}, "g": {"subject": f"{name}.g"}})
    wait_served(gloo, host, "/g")
    # Names that are not listed are subjects: what is left is a plain publish.
    serve({"g": {"subject": f"{name}.g"}}, prefix("/f", call(name, "f")))
    wait_served(gloo, host, "/f")
    gloo.config.remove(f"{name}.yaml")
    gloo.config.write(f"{name}-vs.yaml", virtual_service(name, host, [prefix("/f", call(name, "f"))]))
    gloo.wait_status(host, "/f", 503)
    assert "UpstreamNotFound" in str(gloo.wait_state("VirtualService", name, "WARNING"))


def test_mistakes_are_rejected_with_their_place(gloo, server, serve, name):
    host = serve({"f": {"subject": "a"}, "bad": {"subject": "a.>", "mode": "shout"}})
    status = gloo.wait_state("Upstream", name, "REJECTED")
    assert "spec.functions[1].spec.subject" in str(status) and "BadSubject" in str(status) and "UnknownMode" in str(status)
    serve({"f": {"subject": "a"}}, prefix("/plain", to(name)))
    wait_served(gloo, host)
    status = gloo.wait_state("VirtualService", name, "REJECTED")
    assert "FunctionRequired" in str(status)
    # The last good form stays, which has no such route.
    assert gloo.post(host, "/plain", "x").status == 404


def test_weighted_functions(gloo, client, serve, name):
    host = serve({"f": {"subject": f"{name}.f"}, "g": {"subject": f"{name}.g"}},
                 prefix("/both", split((call(name, "f"), 1), (call(name, "g"), 1))))
    got = client.subscribe(f"{name}.*")
    wait_served(gloo, host, "/both")
    wait_for(lambda: gloo.post(host, "/both", "x") and {m.subject for m in got} == {f"{name}.f", f"{name}.g"}, "both")


# ---- TLS

def test_tls(gloo, new_server, authority, tmp_path, serve, name):
    files = {}
    pair, client_pair = authority.issue("127.0.0.1", "localhost"), authority.issue("gloo.test")
    for key, text in {"crt": pair.crt, "key": pair.key, "ca": authority.crt}.items():
        files[key] = tmp_path / key
        files[key].write_text(text)
    server = new_server(f'tls {{ cert_file: "{files["crt"]}", key_file: "{files["key"]}", ca_file: "{files["ca"]}", '
                        "verify: true, handshake_first: true }").start()
    gloo.secrets.write(f"{name}-ca/ca.crt", authority.crt)
    gloo.secrets.write(f"{name}-pair/tls.crt", client_pair.crt)
    gloo.secrets.write(f"{name}-pair/tls.key", client_pair.key)
    tls = {"caSecretRef": f"{name}-ca", "sni": "localhost", "clientCertSecretRef": f"{name}-pair"}
    host = serve({"f": {"subject": "a"}, "ask": {"subject": "$SRV.PING.none", "mode": "request"}}, port=server.port, tls=tls)
    wait_served(gloo, host)
    before = server.opened()
    for _ in range(20):
        assert gloo.post(host, "/f", "x" * 50_000).status == 202
        assert gloo.post(host, "/ask", "x").status == 503
    assert server.opened() - before <= os.cpu_count()
    assert all(c["tls_version"] for c in server.connections())
    # A certificate of another name is not spoken to.
    serve({"f": {"subject": "a"}}, port=server.port, tls={**tls, "sni": "other.test"})
    wait_served(gloo, host, status=503)


def test_a_server_that_demands_tls(gloo, new_server, authority, tmp_path, serve):
    pair = authority.issue("127.0.0.1")
    (tmp_path / "crt").write_text(pair.crt)
    (tmp_path / "key").write_text(pair.key)
    server = new_server(f'tls {{ cert_file: "{tmp_path}/crt", key_file: "{tmp_path}/key" }}').start()
    host = serve({"f": {"subject": "a"}}, port=server.port)
    wait_for(lambda: (r := gloo.post(host, "/f", "x")).status == 502 and "TLS" in r.text, "the server's words", 15)


def test_explain_says_which_message_is_sent():
    example = ROOT / "examples/nats/config"
    done = glooctl("explain", "-f", example, "--host", "x", "--path", "/orders/eu", "-H", "x-order-id: 7", "-H", "cookie: a=1",
                   "-d", '{"total": 12}')
    assert "NATS, a message to a stream, subject " in done.stdout and "Nats-Msg-Id: 7" in done.stdout, done.stdout
    assert "cookie" not in done.stdout and "x-gloo" not in done.stdout and '{"total": 12}' in done.stdout


# ---- how it is while it changes

def test_a_function_that_changes_loses_no_message(gloo, client, serve, name):
    functions = {"f": {"subject": f"{name}.f"}}
    host = serve(functions)
    got = client.subscribe(f"{name}.>")
    wait_served(gloo, host)
    done = threading.Event()
    seen = []

    def load(_):
        while not done.is_set():
            seen.append(gloo.post(host, "/f", "x").status)

    thread = threading.Thread(target=lambda: together(2, load))
    thread.start()
    for i in range(10):
        functions["f"] = {"subject": f"{name}.f{i}", "timeout": f"{i + 1}s"}
        serve(functions)
        wait_for(lambda i=i: [m for m in got if m.subject == f"{name}.f{i}"], "the new subject")
    done.set()
    thread.join()
    assert set(seen) == {202}
    wait_for(lambda: len(got) >= len(seen), "every message that was answered 202")
    stays(lambda: len(got) == len(seen) + 1, "no message twice")


def test_http2_clients(gloo, client, serve, name):
    host = serve({"f": {"subject": f"{name}.ask", "mode": "request"}})
    client.subscribe(f"{name}.ask", lambda m: (m.data * 2, None))
    wait_served(gloo, host, status=200)
    answer = http.request_h2(gloo.http_port, host, "/f", method="POST", body=b"ab")
    assert (answer.status, answer.body) == (200, b"abab")
