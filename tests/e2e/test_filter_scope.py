"""The scope key and the table of domains on the real Envoy: scoped routes by host, the table by ECDS from a file."""

import json
import os

import pytest

import envoy_static
from envoy_static import CLIENTS, Envoy, H1Client, listener, scope_mutation, wait_for

DOMAINS = ["*", "*.example.com", "*.deep.example.com", "a.example.com", "plain.org", "[::1]", "new.example.com",
           "*.later.org", ""]


def scoped_routes(listener_name, reply):
    """A scope for each of DOMAINS; `reply(domain)` is what its route answers."""
    scopes = []
    for domain in DOMAINS:
        route = {"match": {"prefix": "/"}, **reply(domain)}
        scopes.append({"name": f"{listener_name}|{domain}",
                       "key": {"fragments": [{"string_key": f"{listener_name}|{domain}"}]},
                       "route_configuration": {"name": f"{listener_name}|{domain}", "virtual_hosts": [
                           {"name": "all", "domains": ["*"], "routes": [route]}]}})
    fragment = {"header_value_extractor": {"name": "x-gloo-scope", "index": 0}}
    return {"name": "scopes", "scope_key_builder": {"fragments": [fragment]},
            "scoped_route_configurations_list": {"scoped_route_configurations": scopes}}


def says(listener_name):
    return lambda domain: {"direct_response": {"status": 200, "body": {"inline_string": f"{listener_name}|{domain}"}}}


class Table:
    """The resource of gloo.domains in a file, replaced atomically as Envoy wants it."""

    def __init__(self, directory):
        self.path = directory / "ecds.json"

    def write(self, listeners, raw=None):
        config = {"table": "ingress", "listeners": listeners} if raw is None else raw
        resource = {"@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig", "name": "gloo.domains",
                    "typed_config": envoy_static.module_filter("gloo.domains", config)}
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps({"resources": [resource]}))
        os.replace(fresh, self.path)

    def filter(self, disabled=False):
        kind = "type.googleapis.com/envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter"
        config = {"name": "gloo.domains", "config_discovery": {
            "config_source": {"path_config_source": {"path": str(self.path)}, "resource_api_version": "V3"},
            "type_urls": [kind]}}
        return {**config, "disabled": True} if disabled else config


def chain(table_filter, name, routes):
    return listener(name, {"early_header_mutation_extensions": [scope_mutation("ingress", name)],
                           "http_filters": [table_filter, envoy_static.ROUTER], "scoped_routes": routes})


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return Table(tmp_path_factory.mktemp("table"))


FIRST = {"http": ["*", "*.example.com", "*.deep.example.com", "a.example.com"], "https": ["*.example.com"]}


@pytest.fixture(scope="module", params=[False, True], ids=["enabled", "disabled"])
def envoy(request, tmp_path_factory, table):
    table.write(FIRST)
    table_filter = table.filter(disabled=request.param)
    listeners = [chain(table_filter, name, scoped_routes(name, says(name))) for name in ("http", "https")]
    with Envoy(tmp_path_factory.mktemp("envoy"), listeners, [], log_level="info") as running:
        yield running


def scope_of(envoy, host, listener_name="http", protocol="h1", headers=()):
    with CLIENTS[protocol](envoy.ports[listener_name]) as client:
        answer = client.request("GET", "/", headers, host=host)
        return answer.text if answer.status == 200 else answer.status


@pytest.mark.parametrize("protocol", ["h1", "h2"])
@pytest.mark.parametrize("host,domain", [
    ("a.example.com", "a.example.com"),
    ("A.Example.COM", "a.example.com"),
    ("a.example.com:8080", "a.example.com"),
    ("a.example.com.", "a.example.com"),
    ("a.example.com.:8080", "a.example.com"),
    ("b.example.com", "*.example.com"),
    ("c.b.example.com", "*.example.com"),
    ("x.DEEP.example.com:80", "*.deep.example.com"),
    ("deep.example.com", "*.example.com"),
    ("example.com", "*"),
    ("other.net", "*"),
    ("[::1]:8080", "*"),
])
def test_scope_by_host(envoy, protocol, host, domain):
    assert scope_of(envoy, host, protocol=protocol) == f"http|{domain}"


@pytest.mark.parametrize("host,scope", [
    ("b.example.com", "https|*.example.com"),
    ("plain.org", "https|plain.org"),
    ("[::1]:8443", "https|[::1]"),
    ("other.net", 404),
])
def test_listeners_have_domains_of_their_own(envoy, host, scope):
    assert scope_of(envoy, host, listener_name="https") == scope


@pytest.mark.parametrize("protocol", ["h1", "h2"])
def test_a_clients_own_scope_never_counts(envoy, protocol):
    forged = [("x-gloo-scope", "http|plain.org"), ("x-gloo-scope", "http|new.example.com")]
    if protocol == "h1":
        forged += [("X-GLOO-Scope", "http|plain.org"), ("X-Gloo-Scope", "")]
    assert scope_of(envoy, "a.example.com", protocol=protocol, headers=forged) == "http|a.example.com"
    assert scope_of(envoy, "other.net", protocol=protocol, headers=forged) == "http|*"


def test_a_request_without_a_host(envoy):
    assert scope_of(envoy, "") == "http|*"
    assert scope_of(envoy, ".") == "http|*"
    assert scope_of(envoy, "a." * 3000) == "http|*", "a host that is too long is none"
    assert scope_of(envoy, "a." * 3000, listener_name="https") == "https|", "nobody serves all hosts there"
    with H1Client(envoy.ports["http"]) as client:
        client.send("GET / HTTP/1.0\r\n\r\n")
        assert client.read().status == 400, "Envoy itself wants a host"


def test_an_update_changes_the_table_and_no_listener(envoy, table):
    with H1Client(envoy.ports["http"]) as kept:
        assert kept.request("GET", "/", host="new.example.com").text == "http|*.example.com"
        table.write({"http": [*FIRST["http"], "new.example.com", "*.later.org"], "https": ["*.later.org"]})
        wait_for(lambda: kept.request("GET", "/", host="new.example.com").text == "http|new.example.com",
                 "the new table")
        # The same connection, and both listeners.
        assert kept.request("GET", "/", host="x.later.org").text == "http|*.later.org"
        assert scope_of(envoy, "x.later.org", listener_name="https") == "https|*.later.org"
        assert scope_of(envoy, "b.example.com", listener_name="https") == 404
        table.write(FIRST)
        wait_for(lambda: kept.request("GET", "/", host="x.later.org").text == "http|*", "the first table")
    for name in ("listener_modified", "listener_removed", "total_listeners_draining"):
        assert f"listener_manager.{name}: 0" in envoy.admin(f"/stats?filter=listener_manager.{name}$")


def test_a_bad_table_leaves_the_last_one_in_force(envoy, table):
    mistake = 'gloo.domains: listeners.http[0]: a wildcard must be "*" or "*." and a suffix'
    table.write({}, raw={"table": "ingress", "listeners": {"http": ["a.*"]}})
    wait_for(lambda: mistake in envoy.log(), "Envoy to refuse the table")
    assert scope_of(envoy, "b.example.com") == "http|*.example.com"
    table.write(FIRST)


def test_the_abi_is_the_one_that_envoy_expects(envoy):
    assert "Dynamic module ABI version v0.2.0 matched." in envoy.log()


def test_a_wrong_scope_configuration_is_refused(tmp_path):
    bad = chain(envoy_static.TRANSFORMATION_FILTER, "http", scoped_routes("http", says("http")))
    hcm = bad["filter_chains"][0]["filters"][0]["typed_config"]
    hcm["early_header_mutation_extensions"][0]["typed_config"]["early_header_mutation_config"] = \
        envoy_static.text("ingress http")
    log = Envoy(tmp_path, [bad], []).start_and_fail()
    assert "gloo.scope: must be an object, an array, a string or a bool at byte 0" in log
