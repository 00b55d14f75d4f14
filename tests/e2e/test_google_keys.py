"""Identity tokens by a service account key: an endpoint that verifies the grants and issues short-lived tokens, and a
function that Google's Functions Framework serves."""

import base64
import json
import signal
import threading
import time
import urllib.parse

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from harness import http
from harness.config import call, prefix, to, virtual_service
from harness.waiting import wait_for
from test_google import audience_of, jwt, upstream

KEY = rsa.generate_private_key(65537, 2048)


def part(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Endpoint:
    def __init__(self, backend):
        self.backend = backend
        self.seconds = 3600
        self.broken = False
        # Not set: it does not answer yet.
        self.answers = threading.Event()
        self.answers.set()
        self.issued = 0
        self.url = f"http://127.0.0.1:{backend.port}/token"
        backend.reply = self.reply

    def reply(self, seen):
        self.answers.wait(10)
        if self.broken:
            return 503, {}, "the endpoint's own words"
        form = dict(urllib.parse.parse_qsl(seen.body.decode()))
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        signed, signature = form["assertion"].rsplit(".", 1)
        KEY.public_key().verify(part(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        header, claims = (json.loads(part(p)) for p in signed.split("."))
        assert (header["alg"], header["kid"]) == ("RS256", "one")
        assert (claims["iss"], claims["aud"]) == ("caller@shop.test", self.url)
        assert claims["exp"] - claims["iat"] == 3600
        self.issued += 1
        return 200, {"content-type": "application/json"}, json.dumps({"id_token": jwt(claims["target_audience"], self.seconds)})


@pytest.fixture
def endpoint(backends):
    return Endpoint(backends("token"))


def key_file(url):
    pem = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return json.dumps({"type": "service_account", "client_email": "caller@shop.test", "private_key_id": "one",
                       "private_key": pem.decode(), "token_uri": url})


@pytest.fixture
def serve(gloo, echo, endpoint, name):
    def write(port=None, key=None, audience=None):
        gloo.secrets.write(f"{name}-key/key.json", key or key_file(endpoint.url))
        gloo.config.write(f"{name}.yaml", upstream(name, port or echo.port, {"f": {}}, secretRef=f"{name}-key",
                                                   audience=audience or f"https://{name}"),
                          virtual_service(name, f"{name}.test", [prefix("/plain", to(name)), prefix("/", call(name, "f"))]))
        return f"{name}.test"
    return write


def token_of(gloo, host):
    """What the function got; None is no token. A client's own never comes through."""
    answer = gloo.get(host, headers={"authorization": "Bearer mine", "x-gloo-call": "identity"})
    assert answer.status == 200
    assert "x-gloo-call" not in answer.json()["headers"]
    return answer.json()["headers"].get("authorization")


def wait_token(gloo, host):
    gloo.wait_status(host)
    return wait_for(lambda: token_of(gloo, host), "a token")


def test_a_function_gets_a_token_of_the_key(gloo, serve, name):
    host = serve()
    token = wait_token(gloo, host)
    assert audience_of(token) == f"https://{name}"
    plain = gloo.get(host, "/plain", headers={"x-gloo-call": "identity"}).json()["headers"]
    assert "authorization" not in plain and "x-gloo-call" not in plain
    status = gloo.wait_state("Upstream", name, "WARNING")
    assert "TokenInClear" in str(status) and "Token" not in str(status).replace("TokenInClear", "")
    assert f'secret="default/{name}-key"' in wait_for(
        lambda: (lambda t: t if "gloo_credentials_age_seconds{" in t else None)(gloo.admin("/metrics").text), "the age")


def test_the_functions_framework_gets_it(gloo, serve, framework, name):
    port, log = framework
    host = serve(port)

    def token():
        answer = gloo.get(host)
        assert answer.status == 200
        return answer.json()["authorization"]

    assert audience_of(wait_for(token, f"a token at the Functions Framework: {log}", timeout=30)) == f"https://{name}"


def test_tokens_are_refreshed_and_no_request_is_lost(gloo, serve, endpoint, name):
    endpoint.seconds = 4
    host = serve()
    tokens = {wait_token(gloo, host)}

    def third():
        token = token_of(gloo, host)
        assert token is not None and audience_of(token) == f"https://{name}"
        tokens.add(token)
        return len(tokens) >= 3

    # Not by wait_for: here an assertion that fails is a request that was lost.
    while not third():
        assert endpoint.issued < 10


def test_while_the_endpoint_is_down_the_old_token_stays(gloo, serve, endpoint, name):
    endpoint.seconds = 8
    host = serve()
    token = wait_token(gloo, host)
    endpoint.broken = True
    status = wait_for(lambda: (lambda s: s if "TokenNotIssued" in str(s) else None)(gloo.status("Upstream", name)),
                      "the warning", timeout=15)
    assert "it answers 503" in str(status) and "used until it expires" in str(status)
    assert "own words" not in str(status)
    assert token_of(gloo, host) == token
    wait_for(lambda: token_of(gloo, host) is None, "the end of the token", timeout=15)
    endpoint.broken = False
    endpoint.seconds = 3600
    wait_for(lambda: token_of(gloo, host), "a token again", timeout=15)
    wait_for(lambda: "TokenNotIssued" not in str(gloo.status("Upstream", name)), "no warning")


def test_a_broken_key_is_said(gloo, serve, endpoint, name):
    broken = json.loads(key_file(endpoint.url))
    broken["private_key"] = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"
    host = serve(key=json.dumps(broken))
    gloo.wait_status(host)
    status = wait_for(
        lambda: (lambda s: s if "BadServiceAccountKey" in str(s) else None)(gloo.status("Upstream", name)), "the warning")
    assert f"default/{name}-key" in str(status) and "private_key" in str(status) and "spec.spec.secretRef" in str(status)
    assert "c2VjcmV0" not in str(status)
    assert token_of(gloo, host) is None
    gloo.secrets.write(f"{name}-key/key.json", key_file(endpoint.url))
    wait_token(gloo, host)


def test_a_secret_that_is_missing_is_said(gloo, serve, name):
    host = serve()
    wait_token(gloo, host)
    gloo.secrets.remove(f"{name}-key/key.json")
    wait_for(lambda: "SecretNotFound" in str(gloo.status("Upstream", name))
             or "BadServiceAccountKey" in str(gloo.status("Upstream", name)), "the warning")
    wait_for(lambda: token_of(gloo, host) is None, "no token")


def test_no_token_and_no_key_is_shown(gloo, serve, name):
    token = wait_token(gloo, serve()).split(" ")[1]
    shown = "".join([gloo.admin("/snapshot").text, gloo.admin("/metrics").text, gloo.log(), gloo.envoy_log(),
                     gloo.envoy_admin("/config_dump").text, str(gloo.status("Upstream", name))])
    assert token not in shown
    assert "PRIVATE KEY" not in shown


def test_another_audience_is_taken_without_a_request_that_has_no_token(gloo, serve, name):
    host = serve()
    wait_token(gloo, host)
    serve(audience="https://other")

    def other():
        token = token_of(gloo, host)
        assert token is not None
        return audience_of(token) == "https://other"

    # Not by wait_for: here an assertion that fails is a request that was lost.
    end = time.monotonic() + 10
    while not other():
        assert time.monotonic() < end


def test_a_restart_takes_no_token_from_an_envoy(new_gateway, echo, endpoint, name):
    gateway = new_gateway().start()
    host = f"{name}.test"
    gateway.secrets.write(f"{name}/key.json", key_file(endpoint.url))
    gateway.config.write("a.yaml", upstream(name, echo.port, {"f": {}}, secretRef=name),
                         virtual_service(name, host, [prefix("/", call(name, "f"))]))
    wait_token(gateway, host)
    issued, tokens, ended, port = endpoint.issued, [], threading.Event(), gateway.http_port

    def ask():
        while not ended.is_set():
            answer = http.request(port, host)
            tokens.append(answer.json()["headers"].get("authorization") if answer.status == 200 else answer)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        gateway.stop(signal.SIGKILL, keep_envoy=True)
        endpoint.answers.clear()
        gateway.start(wait=False)
        # The configuration is complete; Envoy is not answered before the token is there.
        wait_for(lambda: "waiting for 1 tokens" in gateway.log(), "the control plane to wait")
        seen = len(tokens)
        wait_for(lambda: len(tokens) > seen + 50, "requests meanwhile")
        endpoint.answers.set()
        gateway.wait_ready()
        wait_for(lambda: endpoint.issued > issued, "the next token")
        wait_for(lambda: len(set(tokens)) > 1, "the next token at the function")
    finally:
        ended.set()
        asking.join()
    assert len(set(tokens)) == 2 and None not in tokens
