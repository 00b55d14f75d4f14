"""Destinations: upstreams and functions, weighted or not; what is missing; prefix rewrite; the route extensions."""

import collections
import threading
import time

import pytest

from harness.config import call, exact, prefix, regex, split, to, upstream, virtual_service


@pytest.fixture(scope="module")
def base(gloo, echo):
    gloo.config.write("base.yaml", upstream("base", echo.port, functions={
        "hello": {"path": "/hello/{{ default(name, \"you\") }}"},
        "post": {"path": "/posted", "body": "{\"fixed\": true}"},
    }))
    gloo.wait_state("Upstream", "base", "ACCEPTED")
    return gloo


def serve(gateway, name, *routes):
    gateway.config.write(f"{name}.yaml", virtual_service(name, f"{name}.test", list(routes)))
    return f"{name}.test"


def test_an_upstream_gets_the_request_as_it_is(base, name):
    host = serve(base, name, prefix("/", to("base")))
    base.wait_status(host)
    seen = base.post(host, "/a/b?c=d&e=%20", body="some body", headers={"x-one": "1", "content-type": "text/plain"}).json()
    assert (seen["method"], seen["path"], seen["body"]) == ("POST", "/a/b?c=d&e=%20", "some body")
    assert seen["headers"]["x-one"] == "1"
    assert seen["headers"]["content-type"] == "text/plain"


def test_a_function_is_called(base, name):
    host = serve(base, name, prefix("/f", call("base", "hello")))
    assert base.wait_status(host, "/f").json()["path"] == "/hello/you"


def test_weighted_destinations_mix_functions_and_upstreams(base, backends, name):
    other = backends("other")
    base.config.write(f"{name}-other.yaml", upstream(f"{name}-other", other.port))
    host = serve(base, name, prefix("/", split((to("base"), 50), (call("base", "hello"), 30), (to(f"{name}-other"), 20))))
    base.wait_status(host)
    counts = collections.Counter()
    for _ in range(300):
        answer = base.get(host, "/x").json()
        counts["other" if answer["backend"] == "other" else "function" if "/hello" in answer["path"] else "base"] += 1
    # Binomial: five standard deviations around each share.
    for key, share in (("base", 0.5), ("function", 0.3), ("other", 0.2)):
        sigma = (300 * share * (1 - share)) ** 0.5
        assert abs(counts[key] - 300 * share) < 5 * sigma, counts


def test_a_weight_of_zero_gets_nothing(base, name):
    host = serve(base, name, prefix("/", split((to("base"), 1), (call("base", "hello"), 0))))
    base.wait_status(host)
    assert {base.get(host, "/x").json()["path"] for _ in range(50)} == {"/x"}


def test_weights_that_sum_to_zero_are_rejected(base, name):
    serve(base, name, prefix("/", split((to("base"), 0), (call("base", "hello"), 0))))
    status = base.wait_state("VirtualService", name, "REJECTED")
    assert status["issues"][0]["path"].startswith("spec.routes[0].multipleDestinations")


def test_an_upstream_that_is_not_there_is_503_until_it_comes(base, echo, name):
    host = serve(base, name, prefix("/gone", to(f"{name}-late")), prefix("/", to("base")))
    status = base.wait_state("VirtualService", name, "WARNING")
    issue = status["issues"][0]
    assert issue["path"].startswith("spec.routes[0].singleDestination.upstream")
    assert f"{name}-late" in issue["message"]
    assert base.wait_status(host, "/gone", 503).header("content-type") != "application/json"
    assert base.get(host, "/other").status == 200
    base.config.write(f"{name}-late.yaml", upstream(f"{name}-late", echo.port))
    base.wait_status(host, "/gone", 200)
    base.wait_state("VirtualService", name, "ACCEPTED")
    base.config.remove(f"{name}-late.yaml")
    base.wait_status(host, "/gone", 503)
    base.wait_state("VirtualService", name, "WARNING")


def test_a_function_that_is_not_there_is_503_until_it_comes(base, echo, name):
    up = upstream(f"{name}-up", echo.port, functions={"one": {"path": "/one"}})
    base.config.write(f"{name}-up.yaml", up)
    host = serve(base, name, prefix("/one", call(f"{name}-up", "one")), prefix("/two", call(f"{name}-up", "two")))
    status = base.wait_state("VirtualService", name, "WARNING")
    assert status["issues"][0]["path"].startswith("spec.routes[1].singleDestination.function")
    assert base.wait_status(host, "/one").json()["path"] == "/one"
    assert base.get(host, "/two").status == 503
    up["spec"]["functions"].append({"name": "two", "spec": {"path": "/two"}})
    base.config.write(f"{name}-up.yaml", up)
    assert base.wait_status(host, "/two").json()["path"] == "/two"
    base.wait_state("VirtualService", name, "ACCEPTED")


def test_the_gateways_own_errors_name_nothing_secret(base, name):
    host = serve(base, name, prefix("/", to("the-secret-name")))
    response = base.wait_status(host, "/", 503)
    assert "the-secret-name" not in response.text


def test_a_route_without_a_destination_is_500_and_its_neighbours_are_served(base, name):
    host = serve(base, name, {"requestMatcher": {"pathPrefix": "/bad"}}, prefix("/", to("base")))
    status = base.wait_state("VirtualService", name, "REJECTED")
    assert [i["path"] for i in status["issues"] if i["severity"] == "Error"] == ["spec.routes[0]"]
    base.wait_status(host, "/good", 200)
    assert base.wait_status(host, "/bad", 500)


@pytest.mark.parametrize(
    "route, path, sent",
    [
        (prefix("/api/v1", to("base"), prefixRewrite="/"), "/api/v1", "/"),
        (prefix("/api/v1/", to("base"), prefixRewrite="/"), "/api/v1/users", "/users"),
        (prefix("/api", to("base"), prefixRewrite="/internal"), "/api/users?a=b", "/internal/users?a=b"),
        (exact("/one", to("base"), prefixRewrite="/two"), "/one?x=y", "/two?x=y"),
        (regex("/r/[0-9]+", to("base"), prefixRewrite="/fixed"), "/r/12", None),
    ],
    ids=["all", "slash", "prefix", "exact", "regex"],
)
def test_prefix_rewrite(base, name, route, path, sent):
    host = serve(base, name, route)
    if sent is None:
        # A regex has no prefix to replace: a mistake, said so.
        status = base.wait_state("VirtualService", name, "REJECTED")
        assert status["issues"][0]["path"] == "spec.routes[0].prefixRewrite"
        return
    assert base.wait_status(host, path).json()["path"] == sent


def test_timeout(base, backends, name):
    slow = backends("slow")
    release = threading.Event()

    def reply(seen):
        release.wait(10)
        return 200, {}, "late"

    slow.reply = reply
    base.config.write(f"{name}-up.yaml", upstream(f"{name}-up", slow.port))
    host = serve(base, name, prefix("/", to(f"{name}-up"), extensions={"timeout": "0.2s"}))
    base.wait_state("VirtualService", name, "ACCEPTED")
    started = time.monotonic()
    response = base.wait_status(host, "/", 504)
    assert response.status == 504
    assert time.monotonic() - started < 5
    release.set()


def test_retries(base, backends, name):
    flaky = backends("flaky")
    failures = iter([503, 500])
    flaky.reply = lambda seen: (next(failures, 200), {}, "answer")
    base.config.write(f"{name}-up.yaml", upstream(f"{name}-up", flaky.port))
    host = serve(base, name, prefix("/", to(f"{name}-up"), extensions={"maxRetries": 3}))
    base.wait_state("VirtualService", name, "ACCEPTED")
    assert base.wait_answer(host, "/", lambda r: r.status != 404).status == 200
    assert len(flaky.requests) == 3


def test_header_changes(base, backends, name):
    talkative = backends("talkative")
    talkative.reply = lambda seen: (200, {"x-internal": "secret", "x-kept": "yes", "content-type": "text/plain"},
                                    str(dict(seen.headers)))
    base.config.write(f"{name}-up.yaml", upstream(f"{name}-up", talkative.port))
    host = serve(base, name, prefix("/", to(f"{name}-up"), extensions={
        "addRequestHeaders": [{"key": "x-added", "value": "in", "append": True}],
        "addResponseHeaders": [{"key": "x-out", "value": "out"}],
        "removeResponseHeaders": ["x-internal"],
    }))
    response = base.wait_status(host)
    assert response.header("x-out") == "out"
    assert response.header("x-internal") is None
    assert response.header("x-kept") == "yes"
    base.get(host, headers={"x-added": "client"})
    assert [v for k, v in talkative.requests[-1].headers if k == "x-added"] in (["client", "in"], ["client,in"])


def test_a_percent_sign_in_a_header_is_itself(base, echo, name):
    host = serve(base, name, prefix("/", to("base"), extensions={
        "addRequestHeaders": [{"key": "x-share", "value": "100% of %REQ(host)%"}]}))
    assert base.wait_status(host).json()["headers"]["x-share"] == "100% of %REQ(host)%"


def test_host_rewrite(base, name):
    host = serve(base, name, prefix("/", to("base"), extensions={"hostRewrite": "inside.example"}))
    assert base.wait_status(host).json()["headers"]["host"] == "inside.example"


@pytest.mark.parametrize(
    "extensions, path, word",
    [
        ({"timeot": "1s"}, "spec.routes[1].extensions.timeot", "timeout"),
        ({"timeout": "soon"}, "spec.routes[1].extensions.timeout", "soon"),
        ({"timeout": "-1s"}, "spec.routes[1].extensions.timeout", ""),
        ({"maxRetries": "many"}, "spec.routes[1].extensions.maxRetries", "many"),
        ({"maxRetries": -1}, "spec.routes[1].extensions.maxRetries", ""),
        ({"parameters": {"pth": "/x"}}, "spec.routes[1].extensions.parameters.pth", "path"),
    ],
    ids=["unknown", "no-duration", "negative", "no-number", "below-zero", "nested"],
)
def test_route_extensions_are_decoded_strictly(base, name, extensions, path, word):
    serve(base, name, prefix("/a", to("base")), prefix("/b", to("base"), extensions=extensions))
    status = base.wait_state("VirtualService", name, "REJECTED")
    errors = [i for i in status["issues"] if i["severity"] == "Error"]
    assert [i["path"] for i in errors] == [path]
    assert word in errors[0]["message"]


def test_an_edit_moves_traffic_without_one_failed_request(base, backends, name):
    """Make before break: upstreams and routes change under load and no request fails."""
    one, two = backends("one"), backends("two")
    ups = [f"{name}-1", f"{name}-2"]
    base.config.write(f"{name}-1.yaml", upstream(ups[0], one.port))
    host = serve(base, name, prefix("/", to(ups[0])))
    base.wait_status(host)
    stop = threading.Event()
    statuses = collections.Counter()

    def load():
        while not stop.is_set():
            try:
                statuses[base.get(host).status] += 1
            except OSError as error:
                statuses[type(error).__name__] += 1

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for turn in range(10):
            new, old = ups[(turn + 1) % 2], ups[turn % 2]
            port = (two if new == ups[1] else one).port
            base.config.write(f"{new}.yaml", upstream(new, port))
            serve(base, name, prefix("/", to(new)))
            base.config.remove(f"{old}.yaml")
            want = "two" if new == ups[1] else "one"
            base.wait_answer(host, "/", lambda r: r.status == 200 and r.json()["backend"] == want)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert set(statuses) == {200}, statuses
    assert statuses[200] > 20
