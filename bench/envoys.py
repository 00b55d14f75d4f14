"""Envoys beside the gateway: a backend that answers at once, one that a peer serves, and what others are made of."""

import json
import pathlib
import re
import subprocess

import measure
from harness import http
from harness.gateway import GLOO, clean_environment, find_envoy
from harness.waiting import wait_for


class Envoy:
    """One Envoy with one worker; `listeners` are the names whose ports are waited for, `module` the folder of ours."""

    def __init__(self, folder, name, bootstrap, listeners=("main",), module=None):
        folder = pathlib.Path(folder)
        config, admin_path = folder / f"{name}.json", folder / f"{name}.admin"
        admin_path.unlink(missing_ok=True)
        config.write_text(json.dumps(bootstrap))
        self.log = open(folder / f"{name}.log", "w+b")
        self.process = subprocess.Popen(
            [find_envoy(), "-c", str(config), "--admin-address-path", str(admin_path), "--use-dynamic-base-id",
             "--concurrency", "1", "-l", "warning"],
            stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True,
            env={**clean_environment(), **({"ENVOY_DYNAMIC_MODULES_SEARCH_PATH": str(module)} if module else {})})
        self.pid = self.process.pid
        measure.alike(self.pid)
        try:
            wait_for(lambda: self._lives() and admin_path.exists() and admin_path.read_text(), f"Envoy {name}", 20)
            self.admin_port = int(admin_path.read_text().rsplit(":", 1)[1])
            self.listening = wait_for(lambda: self._ports(listeners), f"the listeners of {name}", 180)
        except BaseException:
            self.stop()
            raise

    def _lives(self):
        if self.process.poll() is not None:
            self.log.seek(0)
            raise RuntimeError(f"Envoy ended with status {self.process.returncode}: {self.log.read().decode()[-2000:]}")
        return True

    def _ports(self, names):
        self._lives()
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


def address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def listener(name, filters, routes, **manager):
    """On a free port; `manager` is what else the connection manager is told."""
    return {
        "name": name, "address": address(0),
        "filter_chains": [{"filters": [{"name": "hcm", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "bench",
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
            "http_filters": [*filters, {"name": "envoy.filters.http.router", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
            **manager,
        }}]}],
    }


def static(listeners, clusters=()):
    """A bootstrap that asks nobody."""
    return {
        "admin": {"address": address(0)},
        "static_resources": {"listeners": listeners, "clusters": list(clusters)},
        # As in the gateway's bootstrap: what every request would count is left out on both sides.
        "stats_config": {"stats_matcher": {"exclusion_list": {"patterns": [{"prefix": "vhost."},
                                                                           {"prefix": "cluster.backend"}]}}},
    }


def cluster(name, port, **options):
    """Of one host on loopback; `options` are its HttpProtocolOptions."""
    made = {"name": name, "type": "STATIC", "connect_timeout": "5s", "load_assignment": {
        "cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(port)}}]}]}}
    if options:
        kind = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
        made["typed_extension_protocol_options"] = {kind: {"@type": f"type.googleapis.com/{kind}", **options}}
    return made


def reads_whole():
    """A filter that has a request read before it is answered: else Envoy closes the connection."""
    return {"name": "envoy.filters.http.buffer", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer", "max_request_bytes": 1 << 20}}


def backend(folder):
    """Answers everything with a short JSON: the listener `main` with 200, the listener `other` with 201."""
    return Envoy(folder, "backend", static([
        listener(name, [reads_whole()], [{
            "match": {"prefix": "/"},
            "direct_response": {"status": status, "body": {"inline_string": "{\"ok\": true}"}},
        }]) for name, status in (("main", 200), ("other", 201))]), ("main", "other"))


def served_by(folder, name, xds_port, delta=True):
    """An Envoy with the bootstrap that `gloo bootstrap` gives, served by somebody else on a port."""
    text = subprocess.run([str(GLOO), "bootstrap", "--node-id", "ingress~bench", "--xds", f"127.0.0.1:{xds_port}"],
                          check=True, text=True, stdout=subprocess.PIPE, env=clean_environment()).stdout
    bootstrap = json.loads(text if delta else text.replace('"DELTA_GRPC"', '"GRPC"'))
    bootstrap["admin"] = {"address": address(0)}
    return Envoy(folder, name, bootstrap)
