"""HTTPS: virtual services with an sslConfig are served by SNI, beside those in the clear."""

import ssl
import subprocess

import pytest

from harness import http
from harness.certs import Authority
from harness.config import prefix, to, upstream, virtual_service
from harness.waiting import wait_for


@pytest.fixture(scope="module", autouse=True)
def base(gloo, echo):
    gloo.config.write("tls-base.yaml", upstream("tls-echo", echo.port))
    return gloo


@pytest.fixture
def trusted(ca_file):
    return http.tls_context(ca_file)


def serve(gateway, name, domains, secret, marker=None, **ssl_config):
    route = prefix("/", to("tls-echo"))
    if marker:
        route["prefixRewrite"] = f"/{marker}"
    gateway.config.write(f"{name}.yaml", virtual_service(
        name, domains, [route], sslConfig={"secretRef": secret, **ssl_config}))


def put_secret(gateway, name, pair):
    # The key first: a reader that comes between sees a pair that does not match, keeps the old, and reads again.
    gateway.secrets.secret(name, tls_key=pair.key, tls_crt=pair.crt)


def https(gateway, host, tls, path="/", **more):
    return http.request(gateway.https_port, host, path, tls=tls, **more)


def wait_https(gateway, host, tls, status=200, **more):
    def answered():
        try:
            response = https(gateway, host, tls, **more)
        except (ssl.SSLError, ConnectionError) as error:
            raise AssertionError(f"{host}: {error}") from error
        assert response.status == status, response
        return response

    return wait_for(answered, f"{status} for https://{host}")


def refused(gateway, sni, tls):
    """True when the handshake for a server name fails."""
    try:
        http.peer_certificate(gateway.https_port, sni, tls)
        return False
    except (ssl.SSLError, ConnectionError):
        return True


def serial(gateway, sni, tls):
    try:
        return http.peer_certificate(gateway.https_port, sni, tls)["serialNumber"].lstrip("0")
    except (ssl.SSLError, ConnectionError):
        return None


def test_a_virtual_service_with_ssl_config_is_served_over_tls(gloo, authority, trusted, name):
    host = f"{name}.test"
    put_secret(gloo, name, authority.issue(host))
    serve(gloo, name, host, name)
    assert wait_https(gloo, host, trusted).json()["headers"]["host"] == host
    assert gloo.wait_state("VirtualService", name, "ACCEPTED")
    # And only over TLS.
    assert gloo.get(host).status == 404


def test_plain_and_tls_side_by_side(gloo, authority, trusted, name):
    host = f"{name}.test"
    put_secret(gloo, name, authority.issue(host))
    serve(gloo, f"{name}-tls", host, name, "secure")
    gloo.config.write(f"{name}-plain.yaml", virtual_service(f"{name}-plain", host, [
        {**prefix("/", to("tls-echo")), "prefixRewrite": "/clear"}]))
    assert wait_https(gloo, host, trusted).json()["path"] == "/secure"
    assert gloo.wait_status(host).json()["path"] == "/clear"
    for kind in (f"{name}-tls", f"{name}-plain"):
        gloo.wait_state("VirtualService", kind, "ACCEPTED")


def test_each_name_gets_its_certificate(gloo, authority, trusted, name):
    one, two = f"one-{name}.test", f"two-{name}.test"
    pairs = {one: authority.issue(one), two: authority.issue(two)}
    for i, host in enumerate((one, two)):
        put_secret(gloo, f"{name}-{i}", pairs[host])
        serve(gloo, f"{name}-{i}", host, f"{name}-{i}", f"service-{i}")
    for i, host in enumerate((one, two)):
        assert wait_https(gloo, host, trusted).json()["path"] == f"/service-{i}"
        assert serial(gloo, host, trusted) == pairs[host].serial.lstrip("0")


def test_a_wildcard_certificate(gloo, authority, trusted, name):
    pair = authority.issue(f"*.{name}.test", f"a.b.{name}.test")
    put_secret(gloo, name, pair)
    serve(gloo, name, f"*.{name}.test", name)
    assert wait_https(gloo, f"x.{name}.test", trusted)
    assert wait_https(gloo, f"a.b.{name}.test", trusted)
    assert refused(gloo, f"{name}.test", trusted)


def test_sni_domains_choose_the_certificate(gloo, authority, trusted, name):
    pair = authority.issue(f"{name}.test", f"other-{name}.test")
    put_secret(gloo, name, pair)
    serve(gloo, name, [f"{name}.test", f"other-{name}.test"], name, sniDomains=[f"other-{name}.test"])
    assert wait_https(gloo, f"other-{name}.test", trusted)
    assert refused(gloo, f"{name}.test", trusted)


def test_an_unknown_name_is_refused(gloo, authority, trusted, name):
    put_secret(gloo, name, authority.issue(f"{name}.test"))
    serve(gloo, name, f"{name}.test", name)
    wait_https(gloo, f"{name}.test", trusted)
    assert refused(gloo, f"nobody-{name}.test", http.tls_context())
    assert wait_https(gloo, f"{name}.test", trusted)


def test_invented_names_reach_no_secret_of_an_upstream(gloo, echo, authority, trusted, name):
    pair = authority.issue(f"client-{name}.internal")
    gloo.secrets.secret(name, tls_crt=pair.crt, tls_key=pair.key, ca_crt=authority.crt)
    put_secret(gloo, f"{name}-tls", authority.issue(f"{name}.test"))
    gloo.config.write(f"{name}-up.yaml", upstream(f"{name}-up", spec={
        "hosts": [{"addr": "127.0.0.1", "port": echo.port}],
        "tls": {"sni": "x.test", "caSecretRef": name, "clientCertSecretRef": name}}),
        virtual_service(f"{name}-w", f"w-{name}.test", [prefix("/", to(f"{name}-up"))]))
    serve(gloo, name, f"{name}.test", f"{name}-tls")
    wait_https(gloo, f"{name}.test", trusted)
    gloo.wait_status(f"w-{name}.test", "/", 503)
    for sni in (f"cert:default/{name}", f"ca:default/{name}", f"default/{name}", "a b", "x" * 255):
        shake = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{gloo.https_port}", "-servername", sni],
                               input="", text=True, capture_output=True, timeout=5, check=False)
        assert f"client-{name}.internal" not in shake.stdout, sni
        assert "no peer certificate available" in shake.stdout, (sni, shake.stdout[:500])
    assert wait_https(gloo, f"{name}.test", trusted)
    assert all(client["nacks"] == 0 for client in gloo.clients())


def test_letter_case_port_and_dot_do_not_matter(gloo, authority, trusted, name):
    host = f"{name}.test"
    put_secret(gloo, name, authority.issue(host))
    serve(gloo, name, host, name)
    wait_https(gloo, host, trusted)
    for spelling in (host.upper(), f"{host}:8443", f"{host}."):
        assert https(gloo, spelling, trusted, sni=host).status == 200
    assert https(gloo, host, trusted, sni=host.upper()).status == 200


def test_a_new_certificate_is_served_without_a_new_listener(gloo, authority, trusted, name):
    host = f"{name}.test"
    first, second = authority.issue(host), authority.issue(host)
    put_secret(gloo, name, first)
    serve(gloo, name, host, name)
    wait_https(gloo, host, trusted)
    assert serial(gloo, host, trusted) == first.serial.lstrip("0")
    before = gloo.envoy_stat("listener_manager.listener_modified")
    put_secret(gloo, name, second)
    wait_for(lambda: serial(gloo, host, trusted) == second.serial.lstrip("0"), "the second certificate")
    assert gloo.envoy_stat("listener_manager.listener_modified") == before


def test_the_secret_may_come_later(gloo, authority, trusted, name):
    host = f"{name}.test"
    serve(gloo, name, host, name)
    status = gloo.wait_state("VirtualService", name, "WARNING")
    assert status["issues"][0]["path"] == "spec.sslConfig.secretRef"
    assert refused(gloo, host, http.tls_context())
    put_secret(gloo, name, authority.issue(host))
    wait_https(gloo, host, trusted)
    gloo.wait_state("VirtualService", name, "ACCEPTED")


def test_a_key_that_does_not_match_keeps_what_was_good(gloo, authority, trusted, name):
    host = f"{name}.test"
    good, other = authority.issue(host), authority.issue(host)
    put_secret(gloo, name, good)
    serve(gloo, name, host, name)
    wait_https(gloo, host, trusted)
    gloo.secrets.secret(name, tls_key=other.key)
    status = wait_for(lambda: (s := gloo.status("VirtualService", name))["state"] != "ACCEPTED" and s, "a complaint")
    issue = status["issues"][0]
    assert issue["path"] == "spec.sslConfig.secretRef"
    assert "key" in issue["message"]
    assert good.key not in str(status) and other.key not in str(status)
    assert wait_https(gloo, host, trusted)
    assert serial(gloo, host, trusted) == good.serial.lstrip("0")
    # Others are not touched by it.
    assert gloo.envoy_stat("control_plane.connected_state") == 1


@pytest.mark.parametrize("content", ["", "no pem at all", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_certificate_that_is_none_is_said_so(gloo, authority, name, content):
    gloo.secrets.secret(name, tls_crt=content, tls_key=authority.issue("x.test").key)
    serve(gloo, name, f"{name}.test", name)
    status = wait_for(lambda: (s := gloo.status("VirtualService", name)) and s["state"] in ("WARNING", "REJECTED") and s,
                      "a complaint")
    assert status["issues"][0]["path"] == "spec.sslConfig.secretRef"
    assert refused(gloo, f"{name}.test", http.tls_context())


def test_http2_over_tls(gloo, authority, ca_file, name):
    host = f"{name}.test"
    put_secret(gloo, name, authority.issue(host))
    serve(gloo, name, host, name)
    wait_https(gloo, host, http.tls_context(ca_file))
    response = http.request_h2(gloo.https_port, host, tls=http.tls_context(ca_file, alpn=["h2", "http/1.1"]))
    assert (response.status, response.json()["headers"]["host"]) == (200, host)


def test_a_client_that_trusts_another_authority_is_not_fooled(gloo, authority, trusted, name, tmp_path):
    host = f"{name}.test"
    put_secret(gloo, name, authority.issue(host))
    serve(gloo, name, host, name)
    wait_https(gloo, host, trusted)
    stranger = tmp_path / "ca.pem"
    stranger.write_text(Authority("stranger").crt)
    with pytest.raises(ssl.SSLCertVerificationError):
        https(gloo, host, http.tls_context(stranger))


def test_no_key_is_ever_shown(gloo, authority, trusted, name):
    host = f"{name}.test"
    pair = authority.issue(host)
    put_secret(gloo, name, pair)
    serve(gloo, name, host, name)
    wait_https(gloo, host, trusted)
    line = pair.key.splitlines()[1]
    shown = [gloo.admin("/snapshot").text, gloo.admin("/api/v1/objects?kind=VirtualService").text,
             gloo.admin("/metrics").text, gloo.admin("/api/v1/info").text, gloo.log(),
             gloo.envoy_admin("/config_dump").text]
    for text in shown:
        assert line not in text
    # The certificate itself is there: the snapshot does hold secrets.
    assert any(secret["name"] == host for secret in gloo.snapshot()["secrets"])
