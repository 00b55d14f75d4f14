"""Event routes: CloudEvents in binary, structured and batched mode, and the first Gloo's `X-Event-Type`."""

import json

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from harness.config import call, event, prefix, split, to, upstream, virtual_service
from harness.gateway import ROOT, glooctl
from harness.metrics import Metrics

HOST = "events.test"
STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"


def binary(kind, **more):
    """The headers of an event; an attribute that is None is left out."""
    attributes = {"specversion": "1.0", "id": "1", "source": "/shop", "type": kind, **more}
    return {f"ce-{name}": value for name, value in attributes.items() if value is not None}


def structured(kind, **more):
    event = {"specversion": "1.0", "id": "1", "source": "/shop", "type": kind, **more}
    return {name: value for name, value in event.items() if value is not None}


@pytest.fixture(scope="module")
def served(gloo, echo):
    gloo.config.write(
        "events.yaml",
        upstream("events-echo", echo.port, functions={
            "onCreated": {"path": "/created/{{ name }}", "body": "{\"who\": \"{{ name }}\"}"},
            "onBoth": {"path": "/both"}}),
        virtual_service("events", HOST, [
            event("pet.created", call("events-echo", "onCreated")),
            event("pet.sold", to("events-echo")),
            event("order", to("events-echo"), path="/inbox"),
            prefix("/events", to("events-echo"), prefixRewrite="/fallback"),
        ]))
    gloo.wait_status(HOST, "/events")
    return gloo


@pytest.mark.parametrize("headers", [binary("pet.created"), {"CE-Type": "pet.created", **binary(None)},
                                     {"x-event-type": "pet.created"}, {"X-Event-Type": "pet.created"}])
def test_an_event_reaches_its_function(served, headers):
    seen = served.post(HOST, "/events", {"name": "rex"}, headers=headers).json()
    assert seen["path"] == "/created/rex"
    assert seen["body"] == "{\"who\": \"rex\"}"


def test_an_event_reaches_its_upstream(served):
    seen = served.post(HOST, "/events", {"name": "rex"}, headers=binary("pet.sold")).json()
    assert seen["path"] == "/events"
    assert seen["headers"]["ce-type"] == "pet.sold"


def test_the_path_of_an_event_can_be_chosen(served):
    assert served.post(HOST, "/inbox", {}, headers=binary("order")).json()["path"] == "/inbox"
    assert served.post(HOST, "/events", {}, headers=binary("order")).json()["path"] == "/fallback"


@pytest.mark.parametrize(
    "method, path, headers",
    [
        ("GET", "/events", binary("pet.sold")),
        ("PUT", "/events", binary("pet.sold")),
        ("POST", "/events", binary("pet.sold.again")),
        ("POST", "/events", binary("pet")),
        ("POST", "/events", binary("PET.SOLD")),
        ("POST", "/events", {}),
        ("POST", "/events/more", binary("pet.sold")),
    ],
)
def test_what_is_no_such_event_goes_elsewhere(served, method, path, headers):
    seen = served.get(HOST, path, method=method, headers=headers).json()
    assert seen["path"].startswith("/fallback")


def test_an_event_type_with_special_characters_is_taken_literally(gloo, echo, name, served):
    gloo.config.write(f"{name}.yaml", virtual_service(name, f"{name}.test", [event("a.b*c[1]+", to("events-echo"))]))
    host = f"{name}.test"
    gloo.wait_answer(host, "/events", lambda r: r.status == 200, method="POST", headers=binary("a.b*c[1]+"))
    gloo.wait_answer(host, "/events", lambda r: r.status == 200, method="POST", headers={"x-event-type": "a.b*c[1]+"})
    assert gloo.post(host, "/events", headers=binary("axbc1")).status == 404


def test_an_event_is_matched_by_its_attributes(gloo, echo, name, served):
    matcher = {"eventType": {"prefix": "com."}, "source": {"suffix": "/pets"}, "subject": {"any": True},
               "attributes": {"tenant": "a b"}}
    gloo.config.write(f"{name}.yaml", virtual_service(name, f"{name}.test", [{"eventMatcher": matcher, **to("events-echo")}]))
    host = f"{name}.test"
    good = {"ce-specversion": "1.0", "ce-id": "1", "ce-type": "com.a", "ce-source": "/shop/pets", "ce-subject": "rex",
            "ce-tenant": "a%20b"}
    gloo.wait_answer(host, "/events", lambda r: r.status == 200, method="POST", headers=good)
    for wrong in ({"ce-type": "org.a"}, {"ce-source": "/shop/cats"}, {"ce-subject": None}, {"ce-tenant": "a"},
                  {"ce-type": None, "x-event-type": "com.a"}):
        headers = {k: v for k, v in {**good, **wrong}.items() if v is not None}
        assert gloo.post(host, "/events", headers=headers).status == 404, wrong


def test_an_event_matcher_needs_a_type(gloo, name, served):
    gloo.config.write(f"{name}.yaml", virtual_service(name, f"{name}.test", [{"eventMatcher": {}, **to("events-echo")}]))
    status = gloo.wait_state("VirtualService", name, "REJECTED")
    assert status["issues"][0]["path"].startswith("spec.routes[0].eventMatcher")
    assert "eventType" in status["issues"][0]["path"] + status["issues"][0]["message"]


@pytest.fixture(scope="module")
def bodies(gloo, echo, served):
    """Routes whose events come in the body too."""
    gloo.config.write("bodies.yaml", virtual_service("bodies", "bodies.test", [
        event("pet.created", call("events-echo", "onCreated")),
        {"eventMatcher": {"eventType": {"prefix": "shop."}, "subject": {"any": True}}, **to("events-echo"),
         "prefixRewrite": "/shop"},
        {"eventMatcher": {"eventType": {"suffix": ".spread"}},
         **split((to("events-echo"), 1), (call("events-echo", "onBoth"), 1))},
        event("order", to("events-echo"), path="/inbox"),
        prefix("/", call("events-echo", "onBoth")),
    ]))
    gloo.wait_status("bodies.test", "/x")

    def send(body, kind=STRUCTURED, path="/events", **headers):
        return gloo.post("bodies.test", path, body, headers={"content-type": kind, **headers})

    return send


def test_a_structured_event_is_routed_by_its_body(bodies):
    seen = bodies(structured("shop.sold", subject="a b", tenant="x", data={"n": 1})).json()
    assert seen["path"] == "/shop"
    assert json.loads(seen["body"])["data"] == {"n": 1}
    assert not [name for name in seen["headers"] if name.startswith("ce-")]
    # In a function of a route that was chosen anew.
    seen = bodies(structured("pet.created", name="rex"), "Application/CloudEvents+json; charset=utf-8").json()
    assert seen["path"] == "/created/rex"
    # The whole type, another path, no subject.
    assert bodies(structured("pet.created.again")).json()["path"] == "/both"
    assert bodies(structured("order"), path="/inbox").json()["path"] == "/inbox"
    assert bodies(structured("shop.sold")).json()["path"] == "/both"
    assert {bodies(structured("a.spread")).json()["path"] for _ in range(40)} == {"/events", "/both"}


def test_what_a_client_says_in_headers_of_a_structured_event_does_not_count(bodies):
    seen = bodies(structured("other"), **binary("shop.sold", subject="x", evil="1"), **{"x-event-type": "pet.created"}).json()
    assert seen["path"] == "/both"
    assert not [name for name in seen["headers"] if name.startswith("ce-") or name == "x-event-type"]


def test_a_batch_goes_to_one_route(bodies):
    batch = [structured("shop.a", subject="1"), structured("shop.b", subject="2", id="2")]
    seen = bodies(batch, BATCHED).json()
    assert seen["path"] == "/shop"
    assert json.loads(seen["body"]) == batch
    answer = bodies([*batch, structured("pet.created")], BATCHED)
    assert answer.status == 400
    assert answer.text == ("bad request: event 2 of the batch, of type \"pet.created\", goes to another route than event 0, "
                           "of type \"shop.a\"; a batch goes to one route")


@pytest.mark.parametrize("attribute", ["id", "source", "type", "specversion"])
def test_a_malformed_event_names_the_attribute_in_every_mode(gloo, bodies, attribute):
    wrong = structured("pet.created", **{attribute: None}) if attribute != "type" else structured(None)
    said = f'attribute "{attribute}" is missing'
    for body, kind in ((wrong, STRUCTURED), ([wrong], BATCHED)):
        answer = bodies(body, kind)
        assert answer.status == 400 and said in answer.text
    headers = {f"ce-{name}": value for name, value in wrong.items()}
    answer = gloo.post("bodies.test", "/events", "x", headers={"content-type": "text/plain", **headers})
    assert answer.status == 400 and said in answer.text


@pytest.mark.parametrize("body, kind, status", [
    (structured("a", specversion="0.3"), STRUCTURED, 400), (structured("a", Tenant="x"), STRUCTURED, 400),
    (structured("a", subject=1), STRUCTURED, 400), ("{", STRUCTURED, 400), ("", STRUCTURED, 400), ([], BATCHED, 400),
    ("[" * 200 + "]" * 200, BATCHED, 400), ("x" * (1 << 20) + "x", STRUCTURED, 413),
    ("x", "application/cloudevents+xml", 415)])
def test_what_is_no_event_is_refused(bodies, body, kind, status):
    assert bodies(body, kind).status == status


def test_other_paths_and_other_virtual_services_are_not_touched(gloo, echo, served, bodies):
    assert bodies("{", path="/other").json()["path"] == "/both"
    gloo.config.write("plain.yaml", virtual_service("plain", "plain.test", [prefix("/", to("events-echo"))]))
    gloo.wait_status("plain.test")
    assert gloo.post("plain.test", "/events", "{", headers={"content-type": STRUCTURED}).status == 200


@pytest.mark.parametrize("write", [to_binary_event, to_structured_event])
def test_the_events_of_the_python_sdk_arrive(bodies, write):
    sent = CloudEvent({"type": "shop.sold", "source": "/s", "id": "1", "specversion": "1.0", "subject": "a b \u00e9",
                       "datacontenttype": "application/json"}, {"n": 1})
    message = write(sent)
    headers = dict(message.headers)
    kind = headers.pop("content-type")
    seen = bodies(message.body, kind, **headers).json()
    assert seen["path"] == "/shop"
    got = from_http_event(HTTPMessage(headers=seen["headers"], body=seen["body"].encode()))
    assert got.get_subject() == "a b \u00e9" and got.get_type() == "shop.sold" and got.get_data() == {"n": 1}


@pytest.mark.parametrize("args, word", [
    (["-H", "content-type: " + STRUCTURED, "-d", json.dumps(structured("com.example.order.made", subject="7"))],
     'spec.routes[1] "orders"'),
    (["-H", "content-type: " + STRUCTURED, "-d", json.dumps(structured("com.example.order.made"))], "404"),
    (["-H", "content-type: " + STRUCTURED, "-d", json.dumps(structured("a", id=None))], 'attribute "id" is missing'),
    (["-d", '{"name": "Ann"}', *(f"-H{k}: {v}" for k, v in binary("com.example.customer.created").items())],
     "welcome, Ann"),
    (["-d", "{}", "-H", "ce-type: com.example.customer.created"], 'attribute "id" is missing'),
])
def test_glooctl_explains_events(args, word):
    done = glooctl("explain", "-f", ROOT / "examples/events/config", "--host", "localhost", "--path", "/events", *args)
    assert word in done.stdout, done.stdout + done.stderr


def test_refused_events_are_counted(gloo, bodies):
    def refused():
        metrics = Metrics(gloo.envoy_admin("/stats/prometheus").text)
        return metrics.value("envoy_dynamicmodulescustom_gloo_events_refused", mode="structured")

    before = refused()
    bodies("{")
    assert refused() == before + 1
