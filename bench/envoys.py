"""Envoys beside the gateway: a backend that answers at once, one that filters with Lua, one that a peer serves."""

import json
import pathlib
import re
import subprocess

from harness import http
from harness.gateway import GLOO, clean_environment, find_envoy
from harness.waiting import wait_for

# The same rewrites as the functions of the benchmark (see parts/transform.py), as a user would write them in Lua.
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
    """One Envoy with one worker; `listeners` are the names whose ports are waited for."""

    def __init__(self, folder, name, bootstrap, listeners=("main",)):
        folder = pathlib.Path(folder)
        config, admin_path = folder / f"{name}.json", folder / f"{name}.admin"
        admin_path.unlink(missing_ok=True)
        config.write_text(json.dumps(bootstrap))
        self.log = open(folder / f"{name}.log", "wb")
        self.process = subprocess.Popen(
            [find_envoy(), "-c", str(config), "--admin-address-path", str(admin_path), "--use-dynamic-base-id",
             "--concurrency", "1", "-l", "warning"],
            stdout=self.log, stderr=subprocess.STDOUT, env=clean_environment())
        self.pid = self.process.pid
        try:
            wait_for(lambda: admin_path.exists() and admin_path.read_text(), f"Envoy {name}", 20)
            self.admin_port = int(admin_path.read_text().rsplit(":", 1)[1])
            self.listening = wait_for(lambda: self._ports(listeners), f"the listeners of {name}", 180)
        except BaseException:
            self.stop()
            raise

    def _ports(self, names):
        found = {name: int(port) for name, port in
                 re.findall(r"^(\S+)::127\.0\.0\.1:(\d+)$", http.request(self.admin_port, "x", "/listeners").text, re.M)}
        return found if all(name in found for name in names) else None

    @property
    def port(self):
        return self.listening["main"]

    def stat(self, name):
        text = http.request(self.admin_port, "x", f"/stats?filter=^{name}$").text
        return int(text.rsplit(":", 1)[1]) if ":" in text else 0

    def allocated_mb(self):
        """What its allocator has handed out."""
        return int(http.request(self.admin_port, "x", "/memory").json()["allocated"]) / 1e6

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()


def _address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _listener(name, filters, routes):
    return {
        "name": name, "address": _address(0),
        "filter_chains": [{"filters": [{"name": "hcm", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "bench",
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
            "http_filters": [*filters, {"name": "envoy.filters.http.router", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
        }}]}],
    }


def _static(listeners, clusters=()):
    return {
        "admin": {"address": _address(0)},
        "static_resources": {"listeners": listeners, "clusters": list(clusters)},
        # As in the gateway's bootstrap: what every request would count is left out on both sides.
        "stats_config": {"stats_matcher": {"exclusion_list": {"patterns": [{"prefix": "vhost."},
                                                                           {"prefix": "cluster.backend"}]}}},
    }


def backend(folder):
    """Answers everything with a short JSON, once it has read the request: else it would close the connection.

    The listener `main` answers 200, the listener `other` 201.
    """
    whole = {"name": "envoy.filters.http.buffer", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer", "max_request_bytes": 1 << 20}}
    return Envoy(folder, "backend", _static([
        _listener(name, [whole], [{
            "match": {"prefix": "/"},
            "direct_response": {"status": status, "body": {"inline_string": "{\"ok\": true}"}},
        }]) for name, status in (("main", 200), ("other", 201))]), ("main", "other"))


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
    return Envoy(folder, "lua", _static(
        [_listener("main", filters, [route("/headers/", LUA_HEADERS), route("/body", LUA_BODY), route("/plain")])],
        [cluster]))


def served_by(folder, name, xds_port, delta=True):
    """An Envoy with the bootstrap that `gloo bootstrap` gives, served by somebody else on a port."""
    text = subprocess.run([str(GLOO), "bootstrap", "--node-id", "ingress~bench", "--xds", f"127.0.0.1:{xds_port}"],
                          check=True, text=True, stdout=subprocess.PIPE, env=clean_environment()).stdout
    bootstrap = json.loads(text if delta else text.replace('"DELTA_GRPC"', '"GRPC"'))
    bootstrap["admin"] = {"address": _address(0)}
    return Envoy(folder, name, bootstrap)
