"""Envoys beside the gateway: a backend that answers at once, and one whose Lua filter does what our filter does."""

import json
import pathlib
import re
import subprocess

from harness.gateway import clean_environment, find_envoy
from harness.waiting import wait_for

# The same rewrites as the functions of the benchmark (see transform.py), as a user would write them in Lua.
LUA_HEADERS = """
function envoy_on_request(handle)
  local headers = handle:headers()
  local id = string.match(headers:get(":path"), "^/headers/([%-%._%w]+)$")
  headers:replace(":path", "/pets/" .. id)
  headers:replace("x-agent", "via " .. (headers:get("x-tenant") or "none"))
end
"""
LUA_BODY = """
local function escape(s)
  return (string.gsub(s, '[%c"\\\\]', function(c) return string.format("\\\\u%04x", string.byte(c)) end))
end
function envoy_on_request(handle)
  local body = handle:body()
  local text = body:getBytes(0, body:length())
  local name = string.match(text, '"name"%s*:%s*"([^"]*)"')
  local tag = string.match(text, '"tag"%s*:%s*"([^"]*)"')
  local city = string.match(text, '"city"%s*:%s*"([^"]*)"')
  body:setBytes('{"pet": "' .. escape(name) .. '", "kind": "' .. escape(tag) .. '", "where": "' .. escape(city) .. '"}')
  handle:headers():replace(":path", "/api/pets")
end
"""


class Envoy:
    def __init__(self, folder, name, listeners_and_clusters):
        self.folder = pathlib.Path(folder)
        config = self.folder / f"{name}.json"
        self.admin_path = self.folder / f"{name}.admin"
        config.write_text(json.dumps({
            "admin": {"address": _address(0)},
            "static_resources": listeners_and_clusters,
            # As in the gateway's bootstrap: what every request would count is left out on both sides.
            "stats_config": {"stats_matcher": {"exclusion_list": {"patterns": [{"prefix": "vhost."},
                                                                               {"prefix": "cluster.backend"}]}}},
        }))
        self.log = open(self.folder / f"{name}.log", "wb")
        self.process = subprocess.Popen(
            [find_envoy(), "-c", str(config), "--admin-address-path", str(self.admin_path), "--use-dynamic-base-id",
             "--concurrency", "1", "-l", "warning"],
            stdout=self.log, stderr=subprocess.STDOUT, env=clean_environment())
        self.pid = self.process.pid
        wait_for(lambda: self.admin_path.exists() and self.admin_path.read_text(), f"Envoy {name}", 20)
        self.port = wait_for(self._port, f"the listener of {name}", 20)

    def _port(self):
        from harness import http

        admin = int(self.admin_path.read_text().rsplit(":", 1)[1])
        match = re.search(r"::127\.0\.0\.1:(\d+)", http.request(admin, "x", "/listeners").text)
        return int(match[1]) if match else None

    def stop(self):
        self.process.terminate()
        self.process.wait(15)
        self.log.close()


def _address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _listener(filters, routes):
    return {
        "name": "main", "address": _address(0),
        "filter_chains": [{"filters": [{"name": "hcm", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "bench",
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
            "http_filters": [*filters, {"name": "envoy.filters.http.router", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
        }}]}],
    }


def backend(folder):
    """Answers everything with a short JSON, once it has read the request: else it would close the connection."""
    whole = {"name": "envoy.filters.http.buffer", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer", "max_request_bytes": 1 << 20}}
    return Envoy(folder, "backend", {"listeners": [_listener([whole], [{
        "match": {"prefix": "/"},
        "direct_response": {"status": 200, "body": {"inline_string": "{\"ok\": true}"}},
    }])]})


def lua(folder, backend_port):
    """The routes /plain, /headers/ID and /body, the latter two rewritten by Lua."""
    def route(path, source=None):
        out = {"match": {"prefix": path}, "route": {"cluster": "backend"}}
        if source:
            out["typed_per_filter_config"] = {"envoy.filters.http.lua": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.LuaPerRoute",
                "source_code": {"inline_string": source}}}
        return out

    filters = [{"name": "envoy.filters.http.lua", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
        "clear_route_cache": False}}]
    cluster = {"name": "backend", "type": "STATIC", "connect_timeout": "5s", "load_assignment": {
        "cluster_name": "backend",
        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(backend_port)}}]}]}}
    return Envoy(folder, "lua", {
        "listeners": [_listener(filters, [route("/headers/", LUA_HEADERS), route("/body", LUA_BODY), route("/plain")])],
        "clusters": [cluster]})
