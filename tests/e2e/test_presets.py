"""OpenFaaS, Fission, Fn and Knative: the requests that each documents, seen by a server that answers what it got."""

import pytest

from harness.config import call, prefix, upstream, virtual_service

CASES = [
    ("openfaas", {}, {}, "POST", "/function/hello", None),
    ("openfaas", {}, {"functionName": "x", "namespace": "ns", "async": True}, "POST", "/async-function/x.ns", None),
    ("openfaas", {}, {"keepMethod": True}, "PUT", "/function/hello", None),
    ("fission", {}, {}, "POST", "/fission-function/hello", None),
    ("fission", {}, {"namespace": "ns"}, "POST", "/fission-function/ns/hello", None),
    ("fn", {}, {"appName": "app"}, "POST", "/t/app/hello", None),
    ("fn", {}, {"appName": "app", "trigger": "/a/b", "legacyRoute": True}, "POST", "/r/app/a/b", None),
    ("fn", {}, {"functionId": "01ABC"}, "POST", "/invoke/01ABC", None),
    ("knative", {"domain": "example.com"}, {}, "PUT", "/in", "hello.default.example.com"),
    ("knative", {"domain": "example.com", "namespace": "ns"}, {"serviceName": "x", "path": "/p"}, "PUT", "/p",
     "x.ns.example.com"),
]


@pytest.mark.parametrize("kind, properties, spec, method, path, host", CASES)
def test_the_request_of_a_function(gloo, echo, name, kind, properties, spec, method, path, host):
    info = {"type": kind, **({"properties": properties} if properties else {})}
    body = upstream(name, echo.port)
    body["spec"].update(serviceInfo=info, functions=[{"name": "hello", "spec": spec}])
    gloo.config.write(f"{name}.yaml", body,
                      virtual_service(name, f"{name}.test", [prefix("/in", call(name, "hello"))]))
    gloo.wait_status(f"{name}.test", "/in")
    seen = gloo.get(f"{name}.test", "/in?a=1&b=x%20y", method="PUT", body="the body").json()
    assert (seen["method"], seen["path"], seen["body"]) == (method, f"{path}?a=1&b=x%20y", "the body")
    if host:
        assert seen["headers"]["host"] == host


def test_what_is_wrong_is_rejected(gloo, echo, name):
    body = upstream(name, echo.port)
    body["spec"].update(serviceInfo={"type": "fn"}, functions=[
        {"name": "hello", "spec": {}}, {"name": "ok", "spec": {"appName": "a"}}])
    gloo.config.write(f"{name}.yaml", body, virtual_service(name, f"{name}.test", [
        prefix("/ok", call(name, "ok")), prefix("/", call(name, "hello"))]))
    status = gloo.wait_state("Upstream", name, "REJECTED")
    assert "spec.functions[0].spec.appName" in str(status)
    gloo.wait_status(f"{name}.test", "/ok")
    gloo.wait_status(f"{name}.test", "/x", 503)
