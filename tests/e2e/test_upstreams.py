"""Upstreams of type static: hosts, names, weights, TLS, HTTP/2."""

import collections

import pytest

from harness.certs import server_tls
from harness.config import prefix, to, upstream, virtual_service
from harness.waiting import wait_for


@pytest.fixture
def serve(gloo, name):
    """Writes an upstream (from a spec) and a route to it; gives the host."""
    def write(spec, **more):
        body = {"type": "static", "spec": spec, **more}
        gloo.config.write(
            f"{name}.yaml",
            {"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": {"name": name}, "spec": body},
            virtual_service(name, f"{name}.test", [prefix("/", to(name))]))
        return f"{name}.test"

    return write


def host_of(port, addr="127.0.0.1", **more):
    return {"addr": addr, "port": port, **more}


def test_several_hosts_share_the_requests(gloo, backends, serve):
    one, two = backends("one"), backends("two")
    host = serve({"hosts": [host_of(one.port), host_of(two.port)]})
    gloo.wait_status(host)
    counts = collections.Counter(gloo.get(host).json()["backend"] for _ in range(60))
    assert counts["one"] > 10 and counts["two"] > 10, counts


def test_weights_of_hosts(gloo, backends, serve):
    one, two = backends("one"), backends("two")
    host = serve({"hosts": [host_of(one.port, weight=9), host_of(two.port, weight=1)]})
    gloo.wait_status(host)
    counts = collections.Counter(gloo.get(host).json()["backend"] for _ in range(200))
    assert 150 < counts["one"] < 200, counts


def test_a_host_can_be_a_name(gloo, echo, serve):
    host = serve({"hosts": [host_of(echo.port, "localhost")]})
    assert gloo.wait_status(host).json()["backend"] == "echo"


def test_a_host_can_be_an_ipv6_address(gloo, backends, serve):
    try:
        six = backends("six", address="::1")
    except OSError:
        pytest.skip("no IPv6 on this machine")
    host = serve({"hosts": [host_of(six.port, "::1")]})
    assert gloo.wait_status(host).json()["backend"] == "six"


def test_endpoints_change_without_a_failed_request(gloo, backends, serve):
    one, two = backends("one"), backends("two")
    host = serve({"hosts": [host_of(one.port)]})
    gloo.wait_status(host)
    serve({"hosts": [host_of(two.port)]})
    statuses = set()

    def moved():
        response = gloo.get(host)
        statuses.add(response.status)
        return response.status == 200 and response.json()["backend"] == "two"

    from harness.waiting import wait_for
    wait_for(moved, "the second backend")
    assert statuses == {200}


def test_nobody_listens_there(gloo, backends, serve):
    gone = backends("gone")
    port = gone.port
    gone.close()
    assert gloo.wait_status(serve({"hosts": [host_of(port)]}), "/", 503)


def test_service_is_another_name_of_static(gloo, echo, name):
    body = {"type": "service", "spec": {"hosts": [host_of(echo.port)]}}
    gloo.config.write(f"{name}.yaml",
                      {"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": {"name": name}, "spec": body},
                      virtual_service(name, f"{name}.test", [prefix("/", to(name))]))
    gloo.wait_status(f"{name}.test")
    assert gloo.status("Upstream", name)["state"] == "ACCEPTED"


def test_tls_verified_against_a_ca(gloo, backends, serve, authority, tmp_path, name):
    secure = backends("secure", tls=server_tls(authority.issue("secure.inside"), tmp_path))
    gloo.secrets.secret(f"{name}-ca", ca_crt=authority.crt)
    host = serve({"hosts": [host_of(secure.port)], "tls": {"caSecretRef": f"{name}-ca", "sni": "secure.inside"}})
    assert gloo.wait_status(host).json()["backend"] == "secure"


def test_tls_refuses_a_certificate_of_another_name(gloo, backends, serve, authority, tmp_path, name):
    other = backends("other", tls=server_tls(authority.issue("other.inside"), tmp_path))
    gloo.secrets.secret(f"{name}-ca", ca_crt=authority.crt)
    host = serve({"hosts": [host_of(other.port)], "tls": {"caSecretRef": f"{name}-ca", "sni": "secure.inside"}})
    gloo.wait_state("Upstream", name, "ACCEPTED")
    gloo.wait_status(host, "/", 503)
    assert other.requests == []


def test_tls_refuses_a_certificate_of_another_authority(gloo, backends, serve, authority, tmp_path, name):
    from harness.certs import Authority

    other = backends("other", tls=server_tls(Authority("stranger").issue("secure.inside"), tmp_path))
    gloo.secrets.secret(f"{name}-ca", ca_crt=authority.crt)
    host = serve({"hosts": [host_of(other.port)], "tls": {"caSecretRef": f"{name}-ca", "sni": "secure.inside"}})
    gloo.wait_state("Upstream", name, "ACCEPTED")
    gloo.wait_status(host, "/", 503)
    assert other.requests == []


@pytest.mark.parametrize("certified, status", [("10.9.8.7", 200), ("10.9.8.6", 503)])
def test_tls_verifies_an_address(gloo, backends, serve, authority, tmp_path, name, certified, status):
    secure = backends("secure", tls=server_tls(authority.issue(certified), tmp_path))
    gloo.secrets.secret(f"{name}-ca", ca_crt=authority.crt)
    host = serve({"hosts": [host_of(secure.port)], "tls": {"caSecretRef": f"{name}-ca", "sni": "10.9.8.7"}})
    gloo.wait_state("Upstream", name, "ACCEPTED")
    gloo.wait_status(host, "/", status)


def test_tls_trusts_the_authorities_of_the_system(new_gateway, backends, authority, ca_file, tmp_path):
    from harness.certs import Authority

    def backend(name, issuer):
        folder = tmp_path / name
        folder.mkdir()
        return backends(name, tls=server_tls(issuer.issue("secure.inside"), folder))

    gateway = new_gateway(args=["--system-ca-file", ca_file]).start()
    for name, issuer in (("known", authority), ("stranger", Authority("stranger"))):
        spec = {"hosts": [host_of(backend(name, issuer).port)], "tls": {"sni": "secure.inside"}}
        gateway.config.write(f"{name}.yaml", upstream(name, spec=spec),
                             virtual_service(name, f"{name}.test", [prefix("/", to(name))]))
    gateway.wait_status("known.test")
    gateway.wait_status("stranger.test", "/", 503)
    gateway.wait_state("Upstream", "stranger", "ACCEPTED")
    # The many certificates are no part of what the admin endpoint shows.
    assert "BEGIN CERTIFICATE" not in gateway.admin("/snapshot").text


def test_a_new_ca_is_taken_up(gloo, backends, serve, authority, tmp_path, name):
    from harness.certs import Authority

    secure = backends("secure", tls=server_tls(authority.issue("secure.inside"), tmp_path))
    gloo.secrets.secret(f"{name}-ca", ca_crt=Authority("before").crt)
    host = serve({"hosts": [host_of(secure.port)], "tls": {"caSecretRef": f"{name}-ca", "sni": "secure.inside"}})
    gloo.wait_state("Upstream", name, "ACCEPTED")
    gloo.wait_status(host, "/", 503)
    gloo.secrets.secret(f"{name}-ca", ca_crt=authority.crt)
    gloo.wait_status(host, "/", 200)


def test_tls_without_its_secret_is_a_warning_and_503(gloo, echo, serve, name):
    host = serve({"hosts": [host_of(echo.port)], "tls": {"caSecretRef": f"{name}-nowhere", "sni": "x.inside"}})
    status = gloo.wait_state("Upstream", name, "WARNING")
    assert status["issues"][0]["path"].startswith("spec.spec.tls")
    assert f"{name}-nowhere" in status["issues"][0]["message"]
    gloo.wait_status(host, "/", 503)


def test_http2_to_the_upstream(gloo, h2_backend, serve):
    backend = h2_backend()
    host = serve({"hosts": [host_of(backend.port)], "http2": True})
    assert gloo.wait_status(host).json()["protocol"] == "HTTP/2"


def test_http2_over_tls_to_the_upstream(gloo, h2_backend, serve, authority, tmp_path, name):
    backend = h2_backend(tls=server_tls(authority.issue("h2.inside"), tmp_path, ["h2"]))
    gloo.secrets.secret(f"{name}-ca", ca_crt=authority.crt)
    host = serve({"hosts": [host_of(backend.port)], "http2": True,
                  "tls": {"caSecretRef": f"{name}-ca", "sni": "h2.inside"}})
    assert gloo.wait_status(host).json()["protocol"] == "HTTP/2"


ODD_UPSTREAMS = [
    {"tls": True, "hosts": [{"addr": "odd.test", "port": 443}]},
    {"tls": {"sni": "10.0.0.1"}, "hosts": [{"addr": "10.0.0.1", "port": 443}]},
    {"tls": {"sni": "A.Test."}, "hosts": [{"addr": "::1", "port": 443}, {"addr": "[0::2]", "port": 443}]},
    {"tls": {"sni": "a b"}, "hosts": [{"addr": "10.0.0.1", "port": 443}]},
    {"tls": {"insecureSkipVerify": True}, "hosts": [{"addr": "10.0.0.1", "port": 443}]},
    {"tls": {"sni": "x.test", "caSecretRef": "nobody", "clientCertSecretRef": "nobody"},
     "hosts": [{"addr": "10.0.0.1", "port": 443}]},
    {"hosts": [{"addr": "::1", "port": 80}, {"addr": "0:0::1", "port": 80}]},
    {"hosts": [{"addr": "::ffff:10.0.0.1", "port": 1}]},
    {"hosts": [{"addr": "0.0.0.0", "port": 65535, "weight": 4294967295}]},
    {"hosts": [{"addr": "a" * 63 + ".test", "port": 80}], "dnsRefreshRate": "0.000000001s"},
    {"hosts": [{"addr": "a.test", "port": 80}], "dnsRefreshRate": "315576000000s", "enableIpv6": True, "http2": True},
    {"hosts": [{"addr": "a.test", "port": 80}], "dnsRefreshRate": "-1s"},
]
ODD_TIMEOUTS = ["1ns", "0s", "0.000000001s", "315576000000s", "-1s", "1h", "9999999999999s"]
ODD_ROUTES = [
    {"timeout": "0s"}, {"timeout": "315576000000s"}, {"timeout": "0.000000001s"},
    {"retries": {"attempts": 0}}, {"retries": {"attempts": 4294967295, "perTryTimeout": "0s"}},
    {"retries": {"attempts": 2, "perTryTimeout": "315576000000s", "retryOn": ["5xx"]}},
    {"addRequestHeaders": [{"key": "x-%", "value": "%"}]},
    {"addRequestHeaders": [{"key": "x-a", "value": "a\nb"}]},
    {"addRequestHeaders": [{"key": "x-a", "value": "%REQ(x)% %DOWNSTREAM_"}]},
    {"addResponseHeaders": [{"key": ":status", "value": "1"}]},
    {"removeRequestHeaders": ["host", "x-a", ""]},
]
ODD_MATCHERS = [
    {"pathPrefix": "/%"}, {"pathExact": "/caf\u00e9"}, {"pathRegex": "(?P<a>x)(?i)"}, {"pathRegex": ""},
    {"pathRegex": "a{1000}"}, {"pathPrefix": "/", "headers": {":path": "/", ":method": "GET", "x_y": ""}},
    {"pathPrefix": "/", "headers": {"x": {"regex": ""}}, "verbs": ["GET", "get", "X|Y"]},
    {"pathPrefix": "/", "queryParams": {"%20": "a&b", "a=b": {"regex": ".*"}}},
]


def test_nothing_that_a_user_writes_is_refused_by_envoy(new_gateway, echo):
    """Odd values become statuses or work; Envoy itself never says no."""
    gateway = new_gateway().start()
    routes = []
    for i, spec in enumerate(ODD_UPSTREAMS):
        gateway.config.write(f"u{i}.yaml", upstream(f"u{i}", spec=spec))
        routes.append(prefix(f"/u{i}", to(f"u{i}")))
    for i, timeout in enumerate(ODD_TIMEOUTS):
        gateway.config.write(f"t{i}.yaml", upstream(f"t{i}", echo.port, connectionTimeout=timeout))
        routes.append(prefix(f"/t{i}", to(f"t{i}")))
    gateway.config.write("all.yaml", upstream("echo", echo.port), virtual_service("all", "all.test", routes))
    for i, extensions in enumerate(ODD_ROUTES):
        gateway.config.write(f"r{i}.yaml", virtual_service(
            f"r{i}", f"r{i}.test", [prefix("/", to("echo"), extensions=extensions), prefix("/x", to("echo"))]))
    for i, matcher in enumerate(ODD_MATCHERS):
        gateway.config.write(f"m{i}.yaml", virtual_service(
            f"m{i}", f"m{i}.test", [{"requestMatcher": matcher, **to("echo")}, prefix("/x", to("echo"))]))
    gateway.config.write("last.yaml", virtual_service("last", "last.test", [prefix("/", to("echo"))]))
    gateway.wait_status("last.test")
    wait_for(lambda: all(client["converged"] for client in gateway.clients()), "Envoy to have taken all")
    assert [client["lastError"] for client in gateway.clients() if client["nacks"]] == []


@pytest.mark.parametrize(
    "spec, path",
    [
        ({"hosts": []}, "spec.spec.hosts"),
        ({}, "spec.spec.hosts"),
        ({"hosts": [{"addr": "127.0.0.1"}]}, "spec.spec.hosts[0].port"),
        ({"hosts": [{"addr": "127.0.0.1", "port": 70000}]}, "spec.spec.hosts[0].port"),
        ({"hosts": [{"addr": "not a host", "port": 80}]}, "spec.spec.hosts[0].addr"),
        ({"hosts": [{"port": 80}]}, "spec.spec.hosts[0].addr"),
        ({"hosts": [{"addr": "127.0.0.1", "prt": 80, "port": 80}]}, "spec.spec.hosts[0].prt"),
    ],
    ids=["empty", "none", "no-port", "high-port", "no-host", "no-addr", "unknown"],
)
def test_a_wrong_spec_is_rejected_at_its_field(gloo, serve, name, spec, path):
    serve(spec)
    status = gloo.wait_state("Upstream", name, "REJECTED")
    assert path in {i["path"] for i in status["issues"]} or path.rsplit(".", 1)[0] in {
        i["path"] for i in status["issues"]}, status


def test_an_unknown_type_is_rejected_with_a_suggestion(gloo, name):
    gloo.config.write(f"{name}.yaml", {"apiVersion": "gloo.solo.io/v1", "kind": "Upstream",
                                       "metadata": {"name": name}, "spec": {"type": "statc", "spec": {}}})
    status = gloo.wait_state("Upstream", name, "REJECTED")
    issue = next(i for i in status["issues"] if i["path"] == "spec.type")
    assert "static" in issue["message"]


def test_only_upstreams_that_a_route_uses_are_sent(gloo, echo, name):
    gloo.config.write(f"{name}.yaml", upstream(f"{name}-used", echo.port), upstream(f"{name}-idle", echo.port),
                      virtual_service(name, f"{name}.test", [prefix("/", to(f"{name}-used"))]))
    gloo.wait_status(f"{name}.test")
    clusters = {c["name"] for c in gloo.snapshot()["clusters"]}
    assert f"default/{name}-used" in clusters
    assert f"default/{name}-idle" not in clusters
