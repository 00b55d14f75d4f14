"""Domains: any spelling of a host finds its virtual service, the most exact domain wins, nobody takes another's."""

import pytest

from harness import http
from harness.config import prefix, to, upstream, virtual_service
from harness.waiting import stays


@pytest.fixture(scope="module")
def served(gloo, echo):
    """A virtual service for each kind of domain; each sets x-service to its own name."""
    def service(name, domains):
        route = prefix("/", to("domains-echo"))
        route["extensions"] = {"addRequestHeaders": [{"key": "x-service", "value": name}]}
        return virtual_service(name, domains, [route])

    gloo.config.write(
        "domains.yaml",
        upstream("domains-echo", echo.port),
        service("exact", ["www.domain.test"]),
        service("deep", ["a.b.domain.test"]),
        service("wild", ["*.domain.test"]),
        service("wild-deep", ["*.b.domain.test"]),
        service("several", ["one.test", "two.test", "*.three.test"]),
        service("star", ["*"]),
    )
    for host in ("www.domain.test", "x.domain.test", "x.b.domain.test", "a.b.domain.test", "one.test", "any.where"):
        gloo.wait_status(host)
    gloo.wait_answer("any.domain.test", what=lambda r: r.status == 200 and service_of(r) == "wild")
    gloo.wait_answer("www.domain.test", what=lambda r: r.status == 200 and service_of(r) == "exact")
    gloo.wait_answer("x.three.test", what=lambda r: r.status == 200 and service_of(r) == "several")
    return gloo


def service_of(response):
    return response.json()["headers"].get("x-service")


@pytest.mark.parametrize(
    "host, service",
    [
        ("www.domain.test", "exact"),
        ("WWW.Domain.TEST", "exact"),
        ("www.domain.test:8080", "exact"),
        ("www.domain.test.", "exact"),
        ("WWW.domain.test.:80", "exact"),
        ("other.domain.test", "wild"),
        ("OTHER.Domain.Test", "wild"),
        ("other.domain.test:1234", "wild"),
        ("very.deep.other.domain.test", "wild"),
        ("a.b.domain.test", "deep"),
        ("A.b.domain.test.", "deep"),
        ("c.b.domain.test", "wild-deep"),
        ("x.y.b.domain.test", "wild-deep"),
        ("b.domain.test", "wild"),
        ("domain.test", "star"),
        ("notdomain.test", "star"),
        ("one.test", "several"),
        ("two.test", "several"),
        ("x.three.test", "several"),
        ("three.test", "star"),
        ("unheard.of", "star"),
        ("127.0.0.1", "star"),
        ("127.0.0.1:99", "star"),
        ("[::1]", "star"),
        ("[::1]:8080", "star"),
    ],
)
def test_a_host_finds_its_virtual_service(served, host, service):
    response = served.get(host)
    assert (response.status, service_of(response)) == (200, service)


def test_the_same_over_http2(served):
    for host, service in (("WWW.domain.test:80", "exact"), ("x.domain.test", "wild"), ("nobody.example", "star")):
        response = http.request_h2(served.http_port, host)
        assert (response.status, service_of(response)) == (200, service)


@pytest.mark.parametrize("scope", ["http|www.domain.test", "http|*", "https|www.domain.test", "x", ""])
def test_a_clients_scope_header_changes_nothing_and_is_not_sent_on(served, scope):
    for key in ("x-gloo-scope", "X-Gloo-Scope"):
        response = served.get("other.domain.test", headers={key: scope})
        assert (response.status, service_of(response)) == (200, "wild")
        assert not [h for h in response.json()["headers"] if "scope" in h]
    response = http.request_h2(served.http_port, "other.domain.test", headers={"x-gloo-scope": scope})
    assert service_of(response) == "wild"
    assert not [h for h in response.json()["headers"] if "scope" in h]


def test_several_scope_headers_change_nothing(served):
    response = served.get("other.domain.test",
                          headers=[("x-gloo-scope", "http|www.domain.test"), ("x-gloo-scope", "http|*")])
    assert service_of(response) == "wild"
    assert not [h for h in response.json()["headers"] if "scope" in h]


def test_the_scope_key_is_not_sent_upstream(served):
    assert not [h for h in served.get("www.domain.test").json()["headers"] if h.startswith("x-gloo")]


def test_the_host_reaches_the_upstream_as_sent(served):
    assert served.get("WWW.domain.test:8080").json()["headers"]["host"] == "WWW.domain.test:8080"


def test_a_domain_belongs_to_the_oldest_virtual_service(gloo, echo, name, served):
    first, second = f"{name}-a", f"{name}-b"
    shared, own = f"shared-{name}.test", f"own-{name}.test"
    gloo.config.write(f"{first}.yaml", virtual_service(first, [shared], [prefix("/", to("domains-echo"))]))
    gloo.wait_state("VirtualService", first, "ACCEPTED")
    gloo.config.write(f"{second}.yaml", virtual_service(second, [own, shared], [
        {**prefix("/", to("domains-echo")), "prefixRewrite": "/second/"}]))
    status = gloo.wait_state("VirtualService", second, "REJECTED", "DomainTaken")
    issue = next(i for i in status["issues"] if i["reason"] == "DomainTaken")
    assert issue["path"] == "spec.domains[1]"
    assert first in issue["message"]
    # The first keeps it, and what else the second claims is served.
    assert gloo.wait_answer(own, "/x", lambda r: r.status == 200 and r.json()["path"] == "/second/x")
    assert gloo.get(shared, "/x").json()["path"] == "/x"
    assert gloo.status("VirtualService", first)["state"] == "ACCEPTED"
    # When the first goes, the second gets it.
    gloo.config.remove(f"{first}.yaml")
    gloo.wait_state("VirtualService", second, "ACCEPTED")
    gloo.wait_answer(shared, "/x", lambda r: r.status == 200 and r.json()["path"] == "/second/x")


def test_an_unknown_host_is_404_where_nobody_claims_all(new_gateway, echo):
    gateway = new_gateway().start()
    gateway.config.write("a.yaml", upstream("echo", echo.port),
                         virtual_service("a", "known.test", [prefix("/", to("echo"))]))
    gateway.wait_status("known.test")
    assert gateway.get("unknown.test").status == 404
    assert gateway.get("a.known.test").status == 404


def test_wildcards_come_and_go_while_traffic_flows(gloo, echo, name, served):
    """The table of domains follows: a new wildcard, an exact host below it, and back."""
    wild, host = f"*.{name}.test", f"a.{name}.test"
    route = prefix("/", to("domains-echo"))
    gloo.config.write(f"{name}-w.yaml", virtual_service(f"{name}-w", [wild], [{**route, "prefixRewrite": "/wild"}]))
    gloo.wait_answer(host, "/", lambda r: r.status == 200 and r.json()["path"] == "/wild")
    gloo.config.write(f"{name}-e.yaml", virtual_service(f"{name}-e", [host], [{**route, "prefixRewrite": "/exact"}]))
    gloo.wait_answer(host, "/", lambda r: r.status == 200 and r.json()["path"] == "/exact")
    assert gloo.get(f"b.{name}.test").json()["path"] == "/wild"
    gloo.config.remove(f"{name}-e.yaml")
    gloo.wait_answer(host, "/", lambda r: r.status == 200 and r.json()["path"] == "/wild")
    gloo.config.remove(f"{name}-w.yaml")
    gloo.wait_answer(host, "/", lambda r: service_of(r) == "star")


def test_no_domains_mean_all_hosts(new_gateway, echo):
    gateway = new_gateway().start()
    service = virtual_service("a", [], [prefix("/", to("echo"))])
    del service["spec"]["domains"]
    gateway.config.write("a.yaml", upstream("echo", echo.port), service)
    gateway.wait_status("whatever.test")


def test_a_new_domain_changes_no_listener(gloo, echo, name, served):
    """Any change of a listener would close connections: domains, certificates and routes never make one."""
    before = gloo.envoy_stat("listener_manager.listener_modified") + gloo.envoy_stat("listener_manager.listener_added")
    gloo.config.write(f"{name}.yaml", virtual_service(name, [f"{name}.test", f"*.{name}.test"], [
        prefix("/", to("domains-echo"))]))
    gloo.wait_answer(f"x.{name}.test", what=lambda r: r.status == 200 and service_of(r) is None)
    after = gloo.envoy_stat("listener_manager.listener_modified") + gloo.envoy_stat("listener_manager.listener_added")
    assert before == after


@pytest.mark.parametrize("domain", ["", "a b.test", "*x.test", "a.*.test", "http://a.test", "a.test:80", "a..test"])
def test_a_domain_that_is_none_is_rejected(gloo, name, domain, served):
    gloo.config.write(f"{name}.yaml", virtual_service(name, [domain, f"{name}.test"], [
        prefix("/", to("domains-echo"))]))
    status = gloo.wait_state("VirtualService", name, "REJECTED")
    assert {i["path"] for i in status["issues"] if i["severity"] == "Error"} == {"spec.domains[0]"}
    gloo.wait_answer(f"{name}.test", what=lambda r: r.status == 200 and service_of(r) is None)
    stays(lambda: gloo.get("www.domain.test").status == 200, "the others' service", 0.05)
