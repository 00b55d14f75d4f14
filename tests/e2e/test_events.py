"""Event routes: a POST whose type is in `ce-type` or `x-event-type`."""

import pytest

from harness.config import call, event, prefix, to, upstream, virtual_service

HOST = "events.test"


@pytest.fixture(scope="module")
def served(gloo, echo):
    gloo.config.write(
        "events.yaml",
        upstream("events-echo", echo.port, functions={
            "onCreated": {"path": "/created/{{ name }}", "body": "{\"who\": \"{{ name }}\"}"}}),
        virtual_service("events", HOST, [
            event("pet.created", call("events-echo", "onCreated")),
            event("pet.sold", to("events-echo")),
            event("order", to("events-echo"), path="/inbox"),
            prefix("/events", to("events-echo"), prefixRewrite="/fallback"),
        ]))
    gloo.wait_status(HOST, "/events")
    return gloo


@pytest.mark.parametrize("header", ["ce-type", "x-event-type", "CE-Type", "X-Event-Type"])
def test_an_event_reaches_its_function(served, header):
    seen = served.post(HOST, "/events", {"name": "rex"}, headers={header: "pet.created"}).json()
    assert seen["path"] == "/created/rex"
    assert seen["body"] == "{\"who\": \"rex\"}"


def test_an_event_reaches_its_upstream(served):
    seen = served.post(HOST, "/events", {"name": "rex"}, headers={"ce-type": "pet.sold"}).json()
    assert seen["path"] == "/events"
    assert seen["headers"]["ce-type"] == "pet.sold"


def test_the_path_of_an_event_can_be_chosen(served):
    assert served.post(HOST, "/inbox", {}, headers={"ce-type": "order"}).json()["path"] == "/inbox"
    assert served.post(HOST, "/events", {}, headers={"ce-type": "order"}).json()["path"] == "/fallback"


@pytest.mark.parametrize(
    "method, path, headers",
    [
        ("GET", "/events", {"ce-type": "pet.sold"}),
        ("PUT", "/events", {"ce-type": "pet.sold"}),
        ("POST", "/events", {"ce-type": "pet.sold.again"}),
        ("POST", "/events", {"ce-type": "pet"}),
        ("POST", "/events", {"ce-type": "PET.SOLD"}),
        ("POST", "/events", {}),
        ("POST", "/events/more", {"ce-type": "pet.sold"}),
    ],
)
def test_what_is_no_such_event_goes_elsewhere(served, method, path, headers):
    seen = served.get(HOST, path, method=method, headers=headers).json()
    assert seen["path"].startswith("/fallback")


def test_an_event_type_with_special_characters_is_taken_literally(gloo, echo, name, served):
    gloo.config.write(f"{name}.yaml", virtual_service(name, f"{name}.test", [event("a.b*c[1]+", to("events-echo"))]))
    host = f"{name}.test"
    gloo.wait_answer(host, "/events", lambda r: r.status == 200, method="POST", headers={"ce-type": "a.b*c[1]+"})
    gloo.wait_answer(host, "/events", lambda r: r.status == 200, method="POST", headers={"x-event-type": "a.b*c[1]+"})
    assert gloo.post(host, "/events", headers={"ce-type": "axbc1"}).status == 404


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
