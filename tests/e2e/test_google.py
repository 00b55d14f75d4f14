"""Google Cloud functions: paths, hosts and identity tokens, seen by a server that answers what it got, and by a function
that Google's Functions Framework serves.

The metadata server plays the documented endpoint, for there is none outside Google's cloud; its tokens are signed.
"""

import base64
import json
import time
import uuid

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from harness.backends import Backend
from harness.certs import Authority, server_tls
from harness.config import API, call, prefix, split, to, virtual_service
from harness.gateway import Gateway
from harness.waiting import wait_for

KEY = rsa.generate_private_key(65537, 2048)

def jwt(audience, seconds=3600):
    def part(value):
        return base64.urlsafe_b64encode(value).rstrip(b"=")

    claims = {"aud": audience, "iat": int(time.time()), "exp": int(time.time()) + seconds, "jti": str(uuid.uuid4())}
    signed = part(b'{"alg": "RS256", "typ": "JWT"}') + b"." + part(json.dumps(claims).encode())
    return (signed + b"." + part(KEY.sign(signed, padding.PKCS1v15(), hashes.SHA256()))).decode()


def audience_of(authorization):
    """Of a token that came as it was signed."""
    scheme, token = authorization.split(" ")
    assert scheme == "Bearer"
    signed, signature = token.rsplit(".", 1)

    def bytes_of(text):
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

    KEY.public_key().verify(bytes_of(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return json.loads(bytes_of(signed.split(".")[1]))["aud"]


@pytest.fixture(scope="module")
def metadata():
    backend = Backend("metadata")
    backend.seconds = 3600
    backend.reply = lambda seen: (
        (200, {"content-type": "text/html"}, jwt(seen.path.split("audience=")[1], backend.seconds))
        if seen.header("metadata-flavor") == "Google" and seen.path.startswith(
            "/computeMetadata/v1/instance/service-accounts/default/identity?audience=")
        else (403, {}, ""))
    yield backend
    backend.close()


@pytest.fixture(scope="module")
def google(metadata, tmp_path_factory):
    gateway = Gateway(tmp_path_factory.mktemp("google"),
                      args=["--google-metadata-server", f"127.0.0.1:{metadata.port}"]).start()
    yield gateway
    gateway.stop()


def upstream(name, port, functions, **spec):
    return {"apiVersion": API, "kind": "Upstream", "metadata": {"name": name},
            "spec": {"type": "google", "spec": {"url": f"http://127.0.0.1:{port}", **spec},
                     "functions": [{"name": n, "spec": s} for n, s in functions.items()]}}


def test_a_function_gets_a_token_of_its_audience(google, metadata, echo, name):
    google.config.write(f"{name}.yaml",
                        upstream(name, echo.port, {"hello": {"path": "/hello"}, "as-it-came": {}}, identity="metadata"),
                        virtual_service(name, f"{name}.test", [
                            prefix("/hello", call(name, "hello")), prefix("/plain", to(name)),
                            prefix("/", call(name, "as-it-came"))]))
    google.wait_status(f"{name}.test", "/hello")
    for _ in range(20):
        seen = google.get(f"{name}.test", "/hello?a=1", headers={"authorization": "Bearer mine"}).json()
        assert seen["path"] == "/hello?a=1"
        assert seen["headers"]["host"] == f"127.0.0.1:{echo.port}"
        assert audience_of(seen["headers"]["authorization"]) == f"http://127.0.0.1:{echo.port}"
    asked = [r for r in metadata.requests if f"{echo.port}" in r.path]
    assert len(asked) < 15, "tokens are kept"
    assert google.get(f"{name}.test", "/x/y?b=2").json()["path"] == "/x/y?b=2"
    plain = google.get(f"{name}.test", "/plain", headers={"authorization": "Bearer mine"}).json()
    assert plain["headers"]["authorization"] == "Bearer mine"
    assert "TokenInClear" in str(google.wait_state("Upstream", name, "WARNING"))


def test_the_functions_framework_gets_the_token(google, framework, name):
    port, log = framework
    google.config.write(f"{name}.yaml", upstream(name, port, {"hello": {}, "at": {"path": "/at"}}, identity="metadata"),
                        virtual_service(name, f"{name}.test", [prefix("/at", call(name, "at")),
                                                               prefix("/", call(name, "hello"))]))

    def answers():
        return google.get(f"{name}.test", "/").status == 200

    wait_for(answers, f"the Functions Framework: {log}", timeout=30)
    origin = f"http://127.0.0.1:{port}"
    answer = google.post(f"{name}.test", "/a/b?c=d%20e", "text", headers={"authorization": "Bearer mine"}).json()
    assert audience_of(answer.pop("authorization")) == origin
    assert answer == {"method": "POST", "path": "/a/b?c=d%20e", "body": "text", "host": f"127.0.0.1:{port}"}
    assert google.get(f"{name}.test", "/at/other?x=1").json()["path"] == "/at?x=1"


def test_over_verified_tls(google, tmp_path, name):
    authority = Authority()
    secure = Backend("secure", tls=server_tls(authority.issue("secure.inside"), tmp_path))
    try:
        google.secrets.write(f"{name}-ca/ca.crt", authority.crt)
        origin = f"https://127.0.0.1:{secure.port}"
        google.config.write(f"{name}.yaml", upstream(name, 0, {"f": {}}, identity="metadata", url=origin,
                                                     tls={"caSecretRef": f"{name}-ca", "sni": "secure.inside"}),
                            virtual_service(name, f"{name}.test", [prefix("/", call(name, "f"))]))
        answer = google.wait_status(f"{name}.test").json()
        assert audience_of(answer["headers"]["authorization"]) == origin
        assert google.status("Upstream", name)["state"] == "ACCEPTED"
    finally:
        secure.close()


def test_a_token_is_fetched_anew_a_minute_before_its_end(google, metadata, echo, name):
    """Of two audiences, one whose tokens end within the minute: no request goes with one that is kept."""
    asked = {}
    for seconds in (50, 3600):
        host, audience = f"{name}-{seconds}.test", f"https://{name}-{seconds}"
        metadata.seconds = seconds
        try:
            google.config.write(f"{name}-{seconds}.yaml",
                                upstream(f"{name}-{seconds}", echo.port, {"f": {}}, identity="metadata", audience=audience),
                                virtual_service(f"{name}-{seconds}", host, [prefix("/", call(f"{name}-{seconds}", "f"))]))
            google.wait_status(host)
            before = len(metadata.requests)
            for _ in range(20):
                seen = google.get(host).json()["headers"]["authorization"]
                assert audience_of(seen) == audience
            asked[seconds] = len([r for r in metadata.requests[before:] if r.path.endswith(audience)])
        finally:
            metadata.seconds = 3600
    assert asked[50] == 20
    assert asked[3600] < 20


def test_without_an_identity_nothing_is_added(google, echo, name):
    google.config.write(f"{name}.yaml", upstream(name, echo.port, {"hello": {"path": "/hello"}}),
                        virtual_service(name, f"{name}.test", [prefix("/", call(name, "hello"))]))
    seen = google.wait_status(f"{name}.test", "/", headers={"authorization": "Bearer mine"}).json()
    assert seen["headers"]["authorization"] == "Bearer mine"
    assert google.status("Upstream", name)["state"] == "ACCEPTED"


def test_weighted_functions_of_two_upstreams(google, backends, name):
    one, two = backends("one"), backends("two")
    google.config.write(f"{name}.yaml",
                        upstream(f"{name}-1", one.port, {"f": {"path": "/f"}}, identity="metadata"),
                        upstream(f"{name}-2", two.port, {"f": {"path": "/f"}}, identity="metadata"),
                        virtual_service(name, f"{name}.test", [
                            prefix("/", split((call(f"{name}-1", "f"), 1), (call(f"{name}-2", "f"), 1)))]))
    google.wait_status(f"{name}.test")
    for _ in range(30):
        google.get(f"{name}.test")
    for backend in (one, two):
        assert {audience_of(r.header("authorization")) for r in backend.requests} == {f"http://127.0.0.1:{backend.port}"}


def test_a_token_that_cannot_be_had(google, metadata, echo, name):
    reply, metadata.reply = metadata.reply, lambda seen: (500, {}, "broken")
    try:
        google.config.write(f"{name}.yaml",
                            upstream(name, echo.port, {"f": {}}, identity="metadata", audience="https://other.test"),
                            virtual_service(name, f"{name}.test", [prefix("/", call(name, "f"))]))
        seen = google.wait_status(f"{name}.test", headers={"authorization": "Bearer mine"}).json()
        assert "authorization" not in seen["headers"]
    finally:
        metadata.reply = reply


def test_no_metadata_server_is_said(gloo, echo, name):
    gloo.config.write(f"{name}.yaml", upstream(name, echo.port, {"f": {}}, identity="metadata"),
                      virtual_service(name, f"{name}.test", [prefix("/", call(name, "f"))]))
    gloo.wait_status(f"{name}.test")
    status = gloo.wait_state("Upstream", name, "WARNING")
    assert "NoMetadataServer" in str(status) and "--google-metadata-server" in str(status)


def test_what_is_wrong_harms_only_itself(google, echo, name):
    google.config.write(f"{name}.yaml",
                        upstream(name, echo.port, {"good": {"path": "/g"}, "bad": {"url": "https://other.test/f"}}),
                        virtual_service(name, f"{name}.test", [prefix("/good", call(name, "good")),
                                                               prefix("/bad", call(name, "bad"))]))
    status = google.wait_state("Upstream", name, "REJECTED")
    assert "HostMismatch" in str(status) and "spec.functions[1].spec.url" in str(status)
    google.wait_status(f"{name}.test", "/good")
    google.wait_status(f"{name}.test", "/bad", 503)


def test_no_token_is_shown(google, echo, name):
    google.config.write(f"{name}.yaml", upstream(name, echo.port, {"f": {}}, identity="metadata"),
                        virtual_service(name, f"{name}.test", [prefix("/", call(name, "f"))]))
    token = google.wait_status(f"{name}.test").json()["headers"]["authorization"].split(" ")[1]
    shown = "".join([google.admin("/snapshot").text, google.admin("/metrics").text, google.log(), google.envoy_log(),
                     google.envoy_admin("/config_dump").text])
    assert token not in shown
