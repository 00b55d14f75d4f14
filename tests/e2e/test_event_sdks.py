"""Events of the official CloudEvents SDKs for JavaScript and Go: routed by what is in them, and the same at the backend,
as the SDK for Python reads them."""

import base64
import json
from datetime import datetime

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from cloudevents.core.formats.json import JSONFormat

from harness.backends import Backend
from harness.config import prefix, to, upstream, virtual_service
from harness.event_clients import SDKS, EventClient

BATCHED = "application/cloudevents-batch+json"
MODES = ["binary", "structured", "batched"]
# The domain of a URL of this machine.
HOST = "127.0.0.1"

DATA = {
    "json": ("application/json", {"total": 12, "items": [{"name": "tea \u00e9"}], "paid": True, "note": None}),
    "text": ("text/plain", "12 \u20ac, \"paid\"\n"),
    "bytes": ("application/octet-stream", bytes(range(256))),
}

# Attributes, and the path of the one route that takes them.
EVENTS = [
    ({"type": "com.example.order.paid"}, "/type"),
    ({"type": "com.example.order.paid", "subject": "order/7"}, "/subject"),
    ({"type": "com.example.order.paid", "source": "urn:warehouse:3"}, "/source"),
    ({"type": "com.example.order.paid", "region": "eu-north"}, "/extension"),
    ({"type": "com.example.order.paid", "urgent": True, "priority": 7, "region": "eu-north", "subject": "order/7",
      "dataschema": "https://example.com/order.json", "time": "2026-01-02T03:04:05.678Z"}, "/all"),
    ({"type": "com.example.order.paid", "urgent": False, "priority": 7}, "/type"),
    ({"type": "com.example.customer", "region": "us"}, "/other"),
]


def matcher(kind, **more):
    return {"eventMatcher": {"eventType": kind, **more}}


@pytest.fixture(scope="module")
def backend():
    made = Backend("events")
    made.reply = lambda seen: (200, {}, "taken")
    yield made
    made.close()


@pytest.fixture(scope="module")
def url(gloo, backend):
    def route(path, **more):
        return {**more, **to("inbox"), "prefixRewrite": path}

    gloo.config.write("events.yaml", upstream("inbox", backend.port), virtual_service("events", HOST, [
        route("/all", **matcher("com.example.order.paid", subject={"prefix": "order/"},
                                attributes={"urgent": "true", "priority": "7", "region": {"suffix": "-north"}})),
        route("/subject", **matcher({"prefix": "com.example."}, subject="order/7")),
        route("/source", **matcher({"any": True}, source={"prefix": "urn:warehouse:"})),
        route("/extension", **matcher({"any": True}, attributes={"region": {"prefix": "eu-"}})),
        route("/plain", **matcher("a", subject={"prefix": "5% of caf\u00e9 "})),
        route("/type", **matcher({"suffix": ".paid"})),
        prefix("/events", to("inbox"), prefixRewrite="/other"),
    ]))
    gloo.wait_status(HOST, "/events")
    return f"http://{HOST}:{gloo.http_port}/events"


@pytest.fixture(scope="module", params=SDKS)
def client(request):
    made = EventClient(request.param)
    yield made
    made.close()


def event_of(attributes, data):
    kind, value = DATA[data]
    return {"id": "a-1", "source": "/shop", "datacontenttype": kind, **attributes}, value


def read(seen):
    """The events of a request, as the SDK for Python reads them: (attributes, data) each."""
    headers = dict(seen.headers)
    if headers["content-type"] == BATCHED:
        # It reads no batch, but the events of one.
        read_events = [JSONFormat().read(None, json.dumps(event)) for event in json.loads(seen.body)]
    else:
        read_events = [from_http_event(HTTPMessage(headers=headers, body=seen.body))]
    return [(event.get_attributes(), event.get_data()) for event in read_events]


def text(value):
    """As an attribute travels in a header."""
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, datetime) else str(value)


def assert_same(received, sent):
    (attributes, data), (wanted, wanted_data) = received, sent
    wanted = {"specversion": "1.0", **wanted}
    if "time" in wanted:
        wanted["time"] = datetime.fromisoformat(wanted["time"].replace("Z", "+00:00"))
    elif "time" in attributes:
        attributes = {name: value for name, value in attributes.items() if name != "time"}  # an SDK adds the time
    assert {name: text(value) for name, value in attributes.items()} == {name: text(value) for name, value in wanted.items()}
    assert data == wanted_data, (type(data), data)


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("mode", MODES)
def test_an_event_is_routed_and_arrives_as_it_was_sent(client, url, backend, mode, data):
    for attributes, path in EVENTS:
        sent = event_of(attributes, data)
        before = backend.count
        assert client.send(url, mode, [sent])[0] == 200
        assert backend.count == before + 1
        seen = backend.requests[-1]
        assert (seen.method, seen.path) == ("POST", path), attributes
        received = read(seen)
        assert len(received) == 1
        assert_same(received[0], sent)
        if mode == "binary":
            assert seen.header("content-type") == sent[0]["datacontenttype"]
        else:
            assert not [name for name, _ in seen.headers if name.startswith("ce-")]


def test_the_data_of_bytes_is_base64_where_the_event_is_json(client, url, backend):
    assert client.send(url, "structured", [event_of({"type": "a.paid"}, "bytes")])[0] == 200
    event = json.loads(backend.requests[-1].body)
    assert "data" not in event
    assert base64.b64decode(event["data_base64"]) == DATA["bytes"][1]


def test_a_batch_arrives_whole(client, url, backend):
    sent = [event_of({"type": "com.example.order.paid", "id": str(number), "region": "eu-north"}, data)
            for number, data in enumerate([*DATA, *DATA])]
    assert client.send(url, "batched", sent) == (200, "taken")
    assert backend.requests[-1].path == "/extension"
    received = read(backend.requests[-1])
    assert len(received) == len(sent)
    for one, of in zip(received, sent):
        assert_same(one, of)


def test_a_batch_for_two_routes_is_refused(client, url, backend):
    before = backend.count
    status, body = client.send(url, "batched", [event_of({"type": "a.paid"}, "json"), event_of({"type": "a"}, "json")])
    assert status == 400 and "a batch goes to one route" in body
    assert backend.count == before


@pytest.mark.parametrize("mode", MODES)
def test_values_that_must_be_escaped_are_matched(client, url, backend, mode):
    """Neither SDK escapes them in headers."""
    sent = event_of({"type": "a", "subject": "5% of caf\u00e9 \"x\""}, "json")
    assert client.send(url, mode, [sent])[0] == 200
    assert backend.requests[-1].path == "/plain"


@pytest.mark.parametrize("mode", ["binary", "structured"])
@pytest.mark.parametrize("missing", ["type", "source"])
def test_what_is_no_event_is_refused(client, url, backend, mode, missing):
    attributes, data = event_of({"type": "a.paid"}, "json")
    del attributes[missing]
    before = backend.count
    status, body = client.send(url, mode, [(attributes, data)], checked=False)
    assert status == 400 and f'attribute "{missing}" is ' in body, body
    assert backend.count == before
