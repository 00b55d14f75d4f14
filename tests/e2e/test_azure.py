"""Azure Functions: the documented contract of a functions host (paths, keys by header), played by a small server.

There is no Azure here: the fake refuses a call without the key that the level of its function asks for, as a functions
host does.
"""

import pytest

from harness.config import API, call, prefix, split, to, virtual_service
from harness.waiting import wait_for

KEYS = {"hello": "key-of-hello-1", "other": "key-of-other-2", "_master": "key-of-master-3"}
LEVELS = {"hello": "function", "other": "function", "unlisted": "function", "boss": "admin", "open": "anonymous"}


@pytest.fixture
def app(backends):
    """A functions host."""
    backend = backends("azure")

    def reply(seen):
        name = seen.path.split("?")[0].removeprefix("/api/").split("/")[0]
        key = [v for k, v in seen.headers if k == "x-functions-key"]
        level = LEVELS.get(name)
        if level is None:
            return 404, {}, ""
        good = {"anonymous": lambda: True, "function": lambda: key in ([KEYS.get(name)], [KEYS["_master"]]),
                "admin": lambda: key == [KEYS["_master"]]}[level]()
        text = f"{seen.method} {seen.path} {seen.header('host')}"
        return (200 if good else 401), {"x-key": ",".join(key) or "none"}, text

    backend.reply = reply
    return backend


def upstream(name, port, functions=None, **spec):
    functions = functions or {n: {"authLevel": level} for n, level in LEVELS.items()}
    return {"apiVersion": API, "kind": "Upstream", "metadata": {"name": name},
            "spec": {"type": "azure",
                     "spec": {"functionAppName": "shop", "host": "127.0.0.1", "port": port, "tls": False, **spec},
                     "functions": [{"name": n, "spec": s} for n, s in functions.items()]}}


@pytest.fixture
def serve(gloo, app, name):
    def write(functions=None, keys=KEYS, routes=(), **spec):
        if keys is not None:
            for key, value in keys.items():
                gloo.secrets.write(f"{name}-keys/{key}", value)
        made = upstream(name, app.port, functions, **{"secretRef": f"{name}-keys", **spec})
        gloo.config.write(f"{name}.yaml", made, virtual_service(name, f"{name}.test", [
            *routes, *(prefix(f"/{f['name']}", call(name, f["name"])) for f in made["spec"]["functions"]),
            prefix("/plain", to(name), prefixRewrite="/api")]))
        return f"{name}.test"
    return write


def test_each_level_gets_its_key(gloo, app, serve, name):
    host = serve()
    gloo.wait_status(host, "/open")
    expected = {"hello": KEYS["hello"], "other": KEYS["other"], "unlisted": KEYS["_master"], "boss": KEYS["_master"],
                "open": "none"}
    for function, key in expected.items():
        answer = gloo.get(host, f"/{function}?a=1&code=mine&b=x%20y", headers={"x-functions-key": "mine"})
        assert (answer.status, answer.header("x-key")) == (200, key), function
        assert answer.text == f"GET /api/{function}?a=1&b=x%20y 127.0.0.1:{app.port}"
    assert not any(k == "x-gloo-call" for seen in app.requests for k, _ in seen.headers)
    assert gloo.status("Upstream", name)["state"] == "ACCEPTED"


def test_a_client_cannot_choose_a_key(gloo, app, serve):
    host = serve()
    gloo.wait_status(host, "/hello")
    # A route to the app as an upstream gives no key, whatever the client says.
    answer = gloo.get(host, "/plain/hello", headers={"x-gloo-call": "hello"})
    assert (answer.status, answer.header("x-key")) == (401, "none")
    answer = gloo.get(host, "/open", headers={"x-gloo-call": "boss"})
    assert (answer.status, answer.header("x-key")) == (200, "none")
    answer = gloo.get(host, "/hello", headers={"x-gloo-call": "boss"})
    assert answer.header("x-key") == KEYS["hello"]


def test_weighted_functions_get_each_its_own(gloo, app, serve, name):
    host = serve(routes=[prefix("/both", split((call(name, "hello"), 1), (call(name, "other"), 1)))])
    gloo.wait_status(host, "/both")
    seen = {gloo.get(host, "/both").header("x-key") for _ in range(40)}
    assert seen == {KEYS["hello"], KEYS["other"]}


def test_a_new_key_is_taken_up(gloo, app, serve, name):
    host = serve()
    gloo.wait_status(host, "/hello")
    gloo.secrets.write(f"{name}-keys/hello", "rotated")
    wait_for(lambda: gloo.get(host, "/hello").header("x-key") == "rotated", "the new key")
    assert gloo.get(host, "/other").header("x-key") == KEYS["other"]


def test_what_is_missing_harms_only_itself(gloo, app, serve, name):
    host = serve(keys={"hello": KEYS["hello"]})
    gloo.wait_status(host, "/hello")
    status = gloo.wait_state("Upstream", name, "WARNING")
    assert "KeyNotFound" in str(status) and '"_master"' in str(status)
    assert gloo.get(host, "/boss").status == 401
    assert gloo.get(host, "/open").status == 200
    gloo.secrets.write(f"{name}-keys/_master", KEYS["_master"])
    gloo.wait_status(host, "/boss")


def test_a_missing_secret_and_a_function_that_disappears(gloo, app, serve, name):
    host = serve(keys=None)
    gloo.wait_status(host, "/open")
    assert "SecretNotFound" in str(gloo.wait_state("Upstream", name, "WARNING"))
    assert gloo.get(host, "/hello").status == 401
    for key, value in KEYS.items():
        gloo.secrets.write(f"{name}-keys/{key}", value)
    gloo.wait_status(host, "/hello")
    gloo.config.write(f"{name}.yaml", upstream(name, app.port, {"open": {"authLevel": "anonymous"}}),
                      virtual_service(name, host, [prefix("/hello", call(name, "hello")),
                                                   prefix("/open", call(name, "open"))]))
    gloo.wait_status(host, "/hello", 503)
    assert gloo.get(host, "/open").status == 200
    assert "FunctionNotFound" in str(gloo.wait_state("VirtualService", name, "WARNING"))


def test_a_wrong_level_is_rejected_with_its_place(gloo, app, serve, name):
    serve(functions={"hello": {"authLevel": "root"}})
    status = gloo.wait_state("Upstream", name, "REJECTED")
    assert "UnknownAuthLevel" in str(status) and "spec.functions[0].spec.authLevel" in str(status)


def test_no_key_is_shown_anywhere(gloo, app, serve):
    host = serve()
    gloo.wait_status(host, "/hello")
    shown = "".join([gloo.admin("/snapshot").text, gloo.admin("/api/v1/objects").text, gloo.admin("/metrics").text,
                     gloo.log(), gloo.envoy_log(), gloo.envoy_admin("/config_dump").text])
    for key in KEYS.values():
        assert key not in shown
