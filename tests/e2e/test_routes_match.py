"""Request matchers: what each of them means, and the order in which routes are tried."""

import pytest

from harness.config import exact, prefix, regex, to, upstream, virtual_service

HOST = "match.test"


@pytest.fixture(scope="module")
def served(gloo, echo):
    """One virtual service with a route for each matcher; the route sets x-route, so that the answer names it."""
    def mark(route, name):
        return {**route, "name": name, "extensions": {"addRequestHeaders": [{"key": "x-route", "value": name}]}}

    e = to("match-echo")
    routes = [
        mark(exact("/exact", e), "exact"),
        mark(regex("/users/[0-9]+/posts", e), "regex"),
        mark(prefix("/h", e, headers={"x-tier": "gold"}), "header-exact"),
        mark(prefix("/h", e, headers={"x-tier": {"regex": "sil.*"}}), "header-regex"),
        mark(prefix("/h", e, headers={"x-tier": {"prefix": "bro"}}), "header-prefix"),
        mark(prefix("/h", e, headers={"x-any": ""}), "header-present"),
        mark(prefix("/h", e, headers={"x-any2": {"present": True}}), "header-present2"),
        mark(prefix("/h", e, headers={"x-none": {"present": False}, "x-both": "1"}), "header-absent"),
        mark(prefix("/dots", e, headers={"x-v": "1.2"}), "header-literal"),
        mark(prefix("/q", e, queryParams={"page": "1", "size": {"regex": "[0-9]+"}}), "query-both"),
        mark(prefix("/q", e, queryParams={"flag": ""}), "query-present"),
        mark(prefix("/v", e, verbs=["GET", "DELETE"]), "verbs"),
        mark(prefix("/pre", e), "prefix"),
        mark(prefix("/pre/longer", e), "shadowed"),
    ]
    gloo.config.write("match.yaml", upstream("match-echo", echo.port), virtual_service("match", HOST, routes))
    gloo.wait_status(HOST, "/exact")
    return gloo


def route_of(gateway, path, **more):
    """The name of the route that took the request; its status when none did."""
    response = gateway.get(HOST, path, **more)
    return response.json()["headers"]["x-route"] if response.status == 200 else response.status


@pytest.mark.parametrize(
    "path, route",
    [
        ("/exact", "exact"),
        ("/exact?a=b", "exact"),
        ("/exact/", 404),
        ("/exactly", 404),
        ("/Exact", 404),
        ("/users/42/posts", "regex"),
        ("/users/42/posts?x=1", "regex"),
        ("/users/x/posts", 404),
        ("/users/42/posts/1", 404),
        ("/a/users/42/posts", 404),
        ("/pre", "prefix"),
        ("/pre/x", "prefix"),
        ("/prefix", "prefix"),
        ("/pr", 404),
        ("/", 404),
    ],
)
def test_paths(served, path, route):
    assert route_of(served, path) == route


@pytest.mark.parametrize(
    "path, headers, route",
    [
        ("/h", {"x-tier": "gold"}, "header-exact"),
        ("/h", {"X-Tier": "gold"}, "header-exact"),
        ("/h", {"x-tier": "golden"}, 404),
        ("/h", {"x-tier": "silver"}, "header-regex"),
        ("/h", {"x-tier": "my silver"}, 404),
        ("/h", {"x-tier": "bronze"}, "header-prefix"),
        ("/h", {"x-any": "whatever"}, "header-present"),
        ("/h", {"x-any2": ""}, "header-present2"),
        ("/h", {"x-both": "1"}, "header-absent"),
        ("/h", {"x-both": "1", "x-none": "1"}, 404),
        ("/h", {}, 404),
        ("/dots", {"x-v": "1.2"}, "header-literal"),
        ("/dots", {"x-v": "1x2"}, 404),
    ],
)
def test_headers(served, path, headers, route):
    assert route_of(served, path, headers=headers) == route


@pytest.mark.parametrize(
    "path, route",
    [
        ("/q?page=1&size=20", "query-both"),
        ("/q?size=20&page=1&more=x", "query-both"),
        ("/q?page=1", 404),
        ("/q?page=1&size=x", 404),
        ("/q?page=11&size=2", 404),
        ("/q?flag=", "query-present"),
        ("/q?flag=on", "query-present"),
        ("/q", 404),
    ],
)
def test_query_parameters(served, path, route):
    assert route_of(served, path) == route


@pytest.mark.parametrize("method, route", [("GET", "verbs"), ("DELETE", "verbs"), ("POST", 404), ("PUT", 404)])
def test_verbs(served, method, route):
    assert route_of(served, "/v", method=method) == route


def test_routes_are_tried_in_the_order_written(served):
    assert route_of(served, "/pre/longer") == "prefix"


def test_a_route_that_can_never_match_is_a_warning_at_that_route(served):
    status = served.wait_state("VirtualService", "match", "WARNING")
    issues = [i for i in status["issues"] if i["path"].startswith("spec.routes[13]")]
    assert len(issues) == 1 and len(status["issues"]) == 1, status
    assert issues[0]["severity"] == "Warning"


PATHS = [f"/x{character}y" for character in map(chr, range(0x21, 0x7f)) if character not in "?#/"] + [
    "//", "/x//y", "/x///", "/x/./y", "/x/../y", "/x/.", "/x/..", "/x/...", "/x/.y", "/x/..;/y", "/x%2fy", "/x%5Cy", "/x%41y",
    "/x%7ey", "/x%2Dy", "/x%5fy", "/x/%2e", "/x/%2E%2e/y", "/x%20y", "/x%7By", "/x%21y", "/x%3by", "/x%c3%a9y", "/x%zzy",
    "/x%", "/x%4", "/x%00y", "/x%01y", "/x%7Fy",
]


def test_the_paths_that_never_match_are_those_that_envoy_changes(gloo, echo, name):
    host = f"{name}.test"
    mark = lambda i: {"addRequestHeaders": [{"key": "x-route", "value": f"route-{i}"}]}
    gloo.config.write(f"{name}.yaml", upstream(name, echo.port), virtual_service(
        name, host, [exact(path, to(name), extensions=mark(i)) for i, path in enumerate(PATHS)] + [prefix("/", to(name))]))
    gloo.wait_status(host)
    # Some come by in another spelling only, and with ".." even from one that is a dead end itself.
    spellings = {"/x/..;/y": "/x/%2e%2E;/y"}
    never = set()
    for i, path in enumerate(PATHS):
        response = gloo.get(host, spellings.get(path, path))
        if response.status != 200 or response.json()["headers"].get("x-route") != f"route-{i}":
            never.add(path)
    status = gloo.wait_state("VirtualService", name, "WARNING")
    said = {PATHS[int(issue["path"].split("[")[1].split("]")[0])] for issue in status["issues"]
            if issue["reason"] == "PathNeverSeen"}
    assert said == never


def test_a_header_that_is_never_seen_is_one_that_envoy_refuses(gloo, echo, name):
    host = f"{name}.test"
    gloo.config.write(f"{name}.yaml", upstream(name, echo.port), virtual_service(
        name, host, [prefix("/a", to(name), headers={"x_tier": "gold"}), prefix("/", to(name))]))
    gloo.wait_status(host)
    assert gloo.get(host, "/a", headers={"x_tier": "gold"}).status == 400
    status = gloo.wait_state("VirtualService", name, "WARNING", "HeaderNeverSeen")
    assert "spec.routes[0].requestMatcher.headers" in status["issues"][0]["path"]


def test_a_long_regex_that_our_checks_take_is_taken_by_envoy(gloo, echo, name):
    """205 instructions: over the 100 that Envoy takes unless the bootstrap says otherwise."""
    gloo.config.write(f"{name}.yaml", virtual_service(name, f"{name}.test", [
        regex("/(abc){40}", to("match-echo"))]))
    assert gloo.wait_status(f"{name}.test", path="/" + "abc" * 40)
    assert gloo.get(f"{name}.test", "/abc").status == 404


def test_a_bad_regex_rejects_with_its_path(gloo, echo, name):
    gloo.config.write(f"{name}.yaml", virtual_service(name, f"{name}.test", [
        regex("/a(b", to("match-echo")), prefix("/", to("match-echo"))]))
    status = gloo.wait_state("VirtualService", name, "REJECTED")
    assert [i["path"] for i in status["issues"] if i["severity"] == "Error"] == [
        "spec.routes[0].requestMatcher.pathRegex"]
    # The good route is served; the wrong one answers 500 where it can be told what it matches.
    assert gloo.wait_status(f"{name}.test", "/good").json()["path"] == "/good"
