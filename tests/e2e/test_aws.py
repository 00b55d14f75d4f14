"""AWS Lambda: functions that MiniStack runs, called with signatures that it checks; and what reaches a server of our own,
whose signatures botocore makes anew."""

import base64
import re
import subprocess
import time

import pytest

from harness.aws import REGION, check_signature
from harness.config import API, call, prefix, split, to, virtual_service
from harness.gateway import ROOT, glooctl
from harness.waiting import wait_for


def upstream(name, port, functions, **spec):
    return {"apiVersion": API, "kind": "Upstream", "metadata": {"name": name},
            "spec": {"type": "aws", "spec": {"region": REGION, "endpoint": f"http://127.0.0.1:{port}", **spec},
                     "functions": [{"name": n, "spec": s} for n, s in functions.items()]}}


@pytest.fixture
def serve(gloo, aws, name):
    """Writes an upstream with its secret, and a route to each function by its name; the domain."""
    def write(functions, key=None, port=None, secret=None, routes=(), **spec):
        access, secret_key = key or aws.user(name)
        for file, text in (secret or {"access_key": access, "secret_key": secret_key}).items():
            gloo.secrets.write(f"{name}-keys/{file}", text)
        gloo.config.write(f"{name}.yaml",
                          upstream(name, port or aws.port, functions, secretRef=f"{name}-keys", **spec),
                          virtual_service(name, f"{name}.test", [
                              *routes, *(prefix(f"/{f}", call(name, f)) for f in functions)]))
        return f"{name}.test"
    return write


def counted(gloo, name, label):
    """{value of the label: count} of a counter of the filter."""
    found = re.findall(rf'^envoy_dynamicmodulescustom_gloo_lambda_{name}{{{label}="([a-z_]+)"}} (\d+)$',
                       gloo.envoy_admin("/stats/prometheus").text, re.M)
    return {value: int(count) for value, count in found}


PAYLOADS = ["alb", "apiGatewayV1", "apiGatewayV2"]


def test_a_function_is_called_with_the_body(gloo, serve):
    host = serve({"hello": {}, "echo": {"qualifier": "live"}, "one": {"functionName": "echo", "qualifier": "1"},
                  "arn": {"functionName": f"arn:aws:lambda:{REGION}:000000000000:function:hello"}})
    wait_for(lambda: gloo.post(host, "/hello", "{}").status == 200, "the first call")
    answer = gloo.post(host, "/hello?x=1", '{"name": "you"}', headers={"authorization": "mine", "x-amz-date": "mine"})
    assert (answer.status, answer.json()) == (200, {"hello": "you"})
    assert answer.header("x-amz-executed-version") == "$LATEST"
    assert gloo.post(host, "/arn", '{"name": "me"}').json() == {"hello": "me"}
    for path in ("/echo", "/one"):
        answer = gloo.post(host, path, '{"a": [1]}')
        assert (answer.json(), answer.header("x-amz-executed-version")) == ({"a": [1]}, "1")
    assert gloo.get(host, "/echo").json() == {}


@pytest.mark.parametrize("payload", PAYLOADS)
def test_events_of_requests(gloo, serve, payload):
    host = serve({"web": {"payload": payload}})
    gloo.wait_status(host, "/web", 201)
    answer = gloo.post(host, "/web/a?x=1&x=2%20", '{"n": 1}', headers={
        "content-type": "application/json", "authorization": "Bearer mine", "cookie": "a=1; b=2", "x-a": "1"})
    assert (answer.status, answer.header("content-type")) == (201, "application/json")
    event = answer.json()
    assert event["body"] == '{"n": 1}' and event["isBase64Encoded"] is False
    assert event["headers"]["authorization"] == "Bearer mine"
    assert event["headers"]["host"] == host
    assert not [h for h in event["headers"] if h.startswith(("x-gloo-", "x-amz-", "content-length"))]
    if payload == "apiGatewayV2":
        assert (event["rawPath"], event["rawQueryString"]) == ("/web/a", "x=1&x=2%20")
        assert event["cookies"] == ["a=1", "b=2"]
        assert event["queryStringParameters"] == {"x": "1,2 "}
        http = event["requestContext"]["http"]
        assert (http["method"], http["sourceIp"], http["protocol"]) == ("POST", "127.0.0.1", "HTTP/1.1")
        assert abs(event["requestContext"]["timeEpoch"] / 1000 - time.time()) < 60
        return
    assert (event["httpMethod"], event["path"]) == ("POST", "/web/a")
    assert event["multiValueHeaders"]["x-a"] == ["1"]
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2%20" if payload == "alb" else "2 "]}
    if payload == "apiGatewayV1":
        assert event["requestContext"]["identity"]["sourceIp"] == "127.0.0.1"
        assert event["requestContext"]["requestId"]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_answers_become_responses(gloo, serve, payload):
    name = serve({"web": {"payload": payload}}).removesuffix(".test")
    host = f"all-{name}.test"
    gloo.config.write(f"{name}-all.yaml", virtual_service(f"{name}-all", host, [prefix("/", call(name, "web"))]))
    gloo.wait_status(host, "/none", 204)
    binary = gloo.get(host, "/binary")
    assert (binary.status, binary.header("content-type"), binary.body) == (200, "image/png", base64.b64decode("iVBORw=="))
    redirect = gloo.get(host, "/redirect")
    assert (redirect.status, redirect.header("location"), redirect.body) == (302, "/x", b"")
    cookies = gloo.get(host, "/cookies")
    assert [v for k, v in cookies.headers if k.lower() == "set-cookie"] == ["a=1", "b=2"]
    head = gloo.get(host, "/cookies", method="HEAD")
    assert (head.status, head.header("content-length"), head.body) == (200, "1", b"")
    wrong = gloo.get(host, "/wrong")
    assert (wrong.status, wrong.header("x-gloo-function-error")) == (502, "MalformedResponse")
    assert wrong.header("set-cookie") is None
    failed = gloo.get(host, "/fail")
    assert (failed.status, failed.header("x-gloo-function-error")) == (502, "Unhandled")
    assert "secret detail" not in failed.text
    sent = gloo.post(host, "/x", b"\xff\x00", headers={"content-type": "application/octet-stream"}).json()
    assert (sent["isBase64Encoded"], base64.b64decode(sent["body"])) == (True, b"\xff\x00")
    large = "x" * (1 << 20)
    answer = gloo.post(host, "/large", large, headers={"content-type": "text/plain"})
    assert answer.json()["body"] == large


def test_errors(gloo, aws, serve, name):
    may_not = aws.user(f"{name}-not", {"Effect": "Deny", "Action": "*", "Resource": "*"})
    host = serve({"fail": {}, "none": {}})
    wait_for(lambda: gloo.post(host, "/fail", "{}").header("x-gloo-function-error") == "Unhandled", "the function")
    failed = gloo.post(host, "/fail", "{}")
    assert failed.status == 502 and failed.json()["errorMessage"].startswith("boom")
    missing = gloo.post(host, "/none", "{}")
    assert (missing.status, missing.header("x-gloo-function-error")) == (502, "ResourceNotFoundException")
    assert missing.json() == {"message": "the function could not be called"}
    errors = counted(gloo, "errors", "reason")
    calls = counted(gloo, "calls", "invocation")["sync"]
    for _ in range(3):
        gloo.post(host, "/fail", "{}")
    gloo.post(host, "/none", "{}")
    now = counted(gloo, "errors", "reason")
    assert (now["function"] - errors["function"], now["refused"] - errors["refused"]) == (3, 1)
    assert counted(gloo, "calls", "invocation")["sync"] - calls == 4
    for file, text in zip(("access_key", "secret_key"), may_not):
        gloo.secrets.write(f"{name}-keys/{file}", text)
    wait_for(lambda: gloo.post(host, "/fail", "{}").header("x-gloo-function-error") == "AccessDeniedException",
             "the key of a user who may not")
    refused = gloo.post(host, "/fail", "{}")
    assert refused.status == 502 and "arn:" not in refused.text


def test_asynchronous_calls(gloo, serve):
    host = serve({"hello": {"async": True}, "web": {"async": True, "payload": "apiGatewayV2"}})
    for path in ("/hello", "/web"):
        wait_for(lambda: gloo.post(host, path, "{}").status == 202, path)
        answer = gloo.post(host, path, "{}")
        assert (answer.status, answer.body) == (202, b"")


def test_signatures_are_good(gloo, backends, serve):
    backend = backends("lambda")
    backend.reply = lambda seen: (200, {}, "{}")
    key = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    secret = {"access_key": key[0], "secret_key": key[1] + "\n", "session_token": "to/ken+=="}
    host = serve({"hello": {}, "live": {"qualifier": "$LATEST"}, "web": {"payload": "alb"},
                  "arn": {"functionName": f"arn:aws:lambda:{REGION}:000000000000:function:hello:live"}},
                 key=key, port=backend.port, secret=secret)
    wait_for(lambda: gloo.post(host, "/hello", "{}").status == 200, "the first call")
    backend.requests.clear()
    bodies = ["", "{}", "x" * 100_000, "y" * 5_000_000]
    for path in ("/hello", "/live?a=b", "/web/%C3%A4", "/arn"):
        for body in bodies:
            gloo.post(host, path, body, headers={
                "authorization": "AWS4-HMAC-SHA256 Credential=mine", "x-amz-security-token": "mine",
                "x-amz-content-sha256": "mine", "x-amz-target": "mine", "x-a": "a  b", "content-type": "text/plain"})
    assert len(backend.requests) == 16
    for seen in backend.requests:
        check_signature(seen, *key, "to/ken+==")
        assert seen.method == "POST" and "mine" not in str(seen.headers)
        assert seen.header("x-amz-invocation-type") == "RequestResponse"
    assert [len(r.body) for r in backend.requests[:4]] == [len(b) for b in bodies]
    assert backend.requests[4].path == "/2015-03-31/functions/live/invocations?Qualifier=%24LATEST"


def test_each_try_is_signed_anew(gloo, backends, serve, name):
    backend = backends("lambda")
    tries = []

    def reply(seen):
        tries.append(seen)
        return (503 if len(tries) % 3 else 200), {}, "{}"

    backend.reply = reply
    key = ("AKIDEXAMPLE", "secret")
    host = serve({"hello": {}}, key=key, port=backend.port,
                 routes=[prefix("/again", call(name, "hello"), extensions={"maxRetries": 2})])
    assert wait_for(lambda: gloo.post(host, "/again", '{"a": 1}').status == 200, "the route")
    tries.clear()
    assert gloo.post(host, "/again", '{"a": 1}').status == 200
    assert len(tries) == 3
    for seen in tries:
        check_signature(seen, *key)


def test_keys_are_shown_nowhere(gloo, aws, serve, name):
    key = aws.user(name)
    host = serve({"hello": {}}, key=key)
    wait_for(lambda: gloo.post(host, "/hello", "{}").status == 200, "the first call")
    dumps = [gloo.envoy_admin("/config_dump?include_eds").text, gloo.log(), gloo.envoy_log(),
             gloo.envoy_admin("/clusters").text, gloo.admin("/metrics").text, gloo.admin("/snapshot").text,
             gloo.admin("/api/v1/objects?kind=Upstream").text, gloo.ctl("get", "upstream", name, "-o", "yaml").stdout]
    assert name in dumps[0] and name in dumps[5], "the cluster is dumped"
    assert not [d for d in dumps if key[1] in d]


def test_a_key_is_changed_while_requests_go_on(gloo, aws, serve, name):
    first = aws.user(name)
    host = serve({"hello": {}}, key=first)
    wait_for(lambda: gloo.post(host, "/hello", "{}").status == 200, "the first call")
    second = aws.user(f"{name}-2")
    gloo.secrets.write(f"{name}-keys/access_key", "broken!")
    wait_for(lambda: "access_key" in str(gloo.status("Upstream", name)), "the status of the broken secret")
    assert gloo.post(host, "/hello", "{}").status == 200, "the last good key stays"
    for file, text in zip(("access_key", "secret_key"), second):
        gloo.secrets.write(f"{name}-keys/{file}", text)
    wait_for(lambda: gloo.status("Upstream", name)["state"] == "ACCEPTED", "the good key")
    aws.iam.delete_access_key(UserName=name, AccessKeyId=first[0])
    wait_for(lambda: gloo.post(host, "/hello", "{}").status == 200, "the new key")


def test_a_secret_that_is_missing(gloo, aws, serve, name):
    host = serve({"hello": {}}, routes=[prefix("/other", call(name, "hello"))])
    wait_for(lambda: gloo.post(host, "/hello", "{}").status == 200, "the first call")
    gloo.config.write(f"{name}-2.yaml", upstream(f"{name}-2", aws.port, {"hello": {}}, secretRef="nowhere"),
                      virtual_service(f"{name}-2", f"{name}-2.test", [prefix("/", call(f"{name}-2", "hello"))]))
    status = gloo.wait_state("Upstream", f"{name}-2", "WARNING")
    assert "SecretNotFound" in str(status) and "nowhere" in str(status)
    gloo.wait_status(f"{name}-2.test", "/", 503)
    assert gloo.post(host, "/hello", "{}").status == 200


def test_what_is_wrong_harms_only_itself(gloo, serve, name):
    host = serve({"hello": {}, "bad": {"payload": "v3"}}, routes=[prefix("/plain", to(name))])
    status = gloo.wait_state("Upstream", name, "REJECTED")
    assert "UnknownPayload" in str(status) and "spec.functions[1].spec.payload" in str(status)
    assert "FunctionRequired" in str(gloo.wait_state("VirtualService", name, "REJECTED"))
    wait_for(lambda: gloo.post(host, "/hello", "{}").status == 200, "the good function")
    # No client calls Lambda in the gateway's name.
    assert gloo.post(host, "/plain/2015-03-31/functions/hello/invocations", "{}").status == 500


def test_weighted_functions_of_two_payloads(gloo, serve, name):
    host = serve({"echo": {}, "web": {"payload": "apiGatewayV2"}},
                 routes=[prefix("/both", split((call(name, "echo"), 1), (call(name, "web"), 1)))])
    wait_for(lambda: gloo.post(host, "/both", "{}").status in (200, 201), "the first call")
    seen = {gloo.post(host, "/both", '{"a": 1}').status for _ in range(30)}
    assert seen == {200, 201}


def test_bodies_that_are_too_large(gloo, serve, tmp_path):
    host = serve({"echo": {"maxBodyBytes": 10}, "web": {"payload": "alb"}})
    wait_for(lambda: gloo.post(host, "/echo", "{}").status == 200, "the first call")
    file = tmp_path / "body"
    for path, size in (("/echo", 11), ("/web", (6 << 20) + 1)):
        file.write_text("x" * size)
        # curl reads the answer that comes before it has sent all.
        done = subprocess.run(["curl", "-s", "-w", " %{http_code}", "-H", f"host: {host}", "--data-binary", f"@{file}",
                               f"http://127.0.0.1:{gloo.http_port}{path}"], capture_output=True, text=True, check=False)
        assert done.stdout.endswith(" 413") and f"{size - 1} bytes" in done.stdout, done


def test_parameters_are_fields_of_a_raw_body(gloo, serve, name):
    host = serve({"echo": {}}, routes=[prefix("/of/", call(name, "echo"), extensions={
        "parameters": {"path": "/of/{who}", "query": {"n": "{n}"}}})])
    answer = gloo.wait_status(host, "/of/you?n=7", method="POST", body='{"a": 1}')
    assert answer.json() == {"a": 1, "who": "you", "n": "7"}
    assert gloo.get(host, "/of/me?n=8").json() == {"who": "me", "n": "8"}


def test_explain_says_how_lambda_is_called():
    example = ROOT / "examples/aws"

    def explain(path, *args):
        return glooctl("explain", "-f", example / "config", "--secrets-dir", example / "secrets", "--host", "x", "--path", path,
                       "-H", "cookie: a=1", *args).stdout

    raw = explain("/price", "-d", "{}")
    assert "AWS Lambda, payload raw; Envoy signs it" in raw
    assert "POST /2015-03-31/functions/price/invocations\n" in raw and "host: 127.0.0.1:9089" in raw
    assert "x-amz-invocation-type: RequestResponse" in raw and "cookie" not in raw
    event = explain("/shop/b?x=1")
    assert '"rawPath":"/shop/b"' in event and '"cookies":["a=1"]' in event
    assert "functions/price/invocations?Qualifier=live" in explain("/later", "-d", "{}")


def test_a_response_template_sees_what_the_function_said(gloo, serve, name):
    host = serve({"web": {"payload": "apiGatewayV2"}},
                 routes=[prefix("/said", call(name, "web"),
                                extensions={"responseTemplate": {"body": "{{ rawPath }}", "headers": {"x-a": "b"}}})])
    answer = gloo.wait_status(host, "/said/it", 201)
    assert (answer.text, answer.header("x-a")) == ("/said/it", "b")
