"""Many updates of the module's configurations under traffic: nothing fails, and nothing is left behind."""

import json
import os

import envoy_static
from envoy_static import Envoy, H1Client, Reply, Upstream, cluster, listener, scope_mutation, transformation, wait_for
from harness.traffic import Traffic

UPDATES = 60
ROUTES = 40
DOMAINS = 3000
# A leak of routes (each update compiles 40 of them) or of tables (3,000 domains each) would pass this.
GROWTH = 6 << 20


def replace(path, resource):
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"resources": [resource]}))
    os.replace(fresh, path)


def source(path):
    return {"path_config_source": {"path": str(path)}, "resource_api_version": "V3"}


def write_routes(path, version):
    routes = []
    for i in range(ROUTES):
        config = {"request": {"path": "/x/{{ header(\"x-a\") }}/" + "y" * 2000},
                  "response": {"body": "{{ body() }}" + "z" * 2000 + str(version)}}
        routes.append({"match": {"prefix": f"/r{i}/"}, "route": {"cluster": "one"},
                       "typed_per_filter_config": transformation(config)})
    replace(path, {"@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration", "name": "routes",
                   "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]})


def write_table(path, version):
    domains = [f"d{i}.v{version}.example.com" for i in range(DOMAINS)]
    config = {"table": "ingress", "listeners": {"http": [*domains, "*.example.com", f"*.v{version}.example.com"]}}
    replace(path, {"@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig", "name": "gloo.domains",
                   "typed_config": envoy_static.module_filter("gloo.domains", config)})


def test_routes(tmp_path):
    path = tmp_path / "routes.json"
    write_routes(path, 0)
    upstream = Upstream(lambda exchange: Reply(body=exchange.body))
    http = listener("http", {"http_filters": [envoy_static.TRANSFORMATION_FILTER, envoy_static.ROUTER],
                             "rds": {"route_config_name": "routes", "config_source": source(path)}})
    with Envoy(tmp_path, [http], [cluster("one", upstream.port)]) as envoy, H1Client(envoy.ports["http"]) as probe:
        def update(version):
            write_routes(path, version)
            wait_for(lambda: probe.request("POST", "/r0/", [("x-a", "1")], body=b"abc").text.endswith(f"z{version}"),
                     "the new routes")

        with Traffic(envoy.ports["http"], "test", "POST", "/r1/", [("x-a", "1")]) as traffic:
            for version in range(1, UPDATES // 3):
                update(version)
            before = envoy.memory()
            for version in range(UPDATES // 3, UPDATES + 1):
                update(version)
            growth = envoy.memory() - before
        assert not traffic.failures and traffic.count > UPDATES
        assert growth < GROWTH, f"{growth >> 20} MiB"
    upstream.close()


def test_tables(tmp_path):
    path = tmp_path / "table.json"
    write_table(path, 0)
    keys = ["http|*.example.com"] + [f"http|*.v{v}.example.com" for v in range(UPDATES + 1)]
    scopes = [{"name": key, "key": {"fragments": [{"string_key": key}]},
               "route_configuration": {"name": key, "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
                   {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": key}}}]}]}}
              for key in keys]
    table_filter = {"name": "gloo.domains", "disabled": True, "config_discovery": {
        "config_source": source(path),
        "type_urls": ["type.googleapis.com/envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter"]}}
    fragment = {"header_value_extractor": {"name": "x-gloo-scope", "index": 0}}
    http = listener("http", {
        "early_header_mutation_extensions": [scope_mutation("ingress", "http")],
        "http_filters": [table_filter, envoy_static.ROUTER],
        "scoped_routes": {"name": "s", "scope_key_builder": {"fragments": [fragment]},
                          "scoped_route_configurations_list": {"scoped_route_configurations": scopes}}})
    with Envoy(tmp_path, [http], []) as envoy, H1Client(envoy.ports["http"]) as probe:
        def update(version):
            write_table(path, version)
            host = f"a.v{version}.example.com"
            wait_for(lambda: probe.request("GET", "/", host=host).text == f"http|*.v{version}.example.com",
                     "the new table")

        with Traffic(envoy.ports["http"], "x.example.com") as traffic:
            for version in range(1, UPDATES // 3):
                update(version)
            before = envoy.memory()
            for version in range(UPDATES // 3, UPDATES + 1):
                update(version)
            growth = envoy.memory() - before
        assert not traffic.failures and traffic.count > UPDATES
        assert growth < GROWTH, f"{growth >> 20} MiB"
