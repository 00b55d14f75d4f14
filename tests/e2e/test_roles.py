"""Roles: which Envoys serve what, and on which listeners."""

import pytest

from harness import http
from harness.config import prefix, role, to, upstream, virtual_service
from harness.ports import free_port
from harness.waiting import wait_for


@pytest.fixture
def serve_only(new_gateway):
    """The control plane alone; Envoys of roles without listeners of their own get ports that are free."""
    gateway = new_gateway(command="serve")
    gateway.flags = gateway.default_flags() | {"bind-address": "127.0.0.1", "http-port": free_port(),
                                               "https-port": free_port()}
    return gateway.start()


def test_roles_are_served_on_their_own_listeners(serve_only, start_envoy, echo):
    ports = {name: free_port() for name in ("a", "b", "extra")}
    serve_only.config.write(
        "all.yaml",
        upstream("echo", echo.port),
        role("alpha", [{"name": "main", "bindAddress": "127.0.0.1", "port": ports["a"]}]),
        role("beta", [{"name": "main", "bindAddress": "127.0.0.1", "port": ports["b"]},
                      {"name": "extra", "bindAddress": "127.0.0.1", "port": ports["extra"]}]),
        virtual_service("for-a", "role.test", [{**prefix("/", to("echo")), "prefixRewrite": "/a"}], roles=["alpha"]),
        virtual_service("for-b", "role.test", [{**prefix("/", to("echo")), "prefixRewrite": "/b"}], roles=["beta"]),
        virtual_service("for-both", "both.test", [prefix("/", to("echo"))], roles=["alpha", "beta"]),
    )
    for name in ("for-a", "for-b", "for-both"):
        serve_only.wait_state("VirtualService", name, "ACCEPTED")
    start_envoy(serve_only, "alpha~1")
    start_envoy(serve_only, "beta~1")

    def path_at(port, host="role.test"):
        return http.request(port, host).json()["path"]

    wait_for(lambda: path_at(ports["a"]) == "/a", "alpha's route")
    wait_for(lambda: path_at(ports["b"]) == "/b", "beta's route")
    wait_for(lambda: path_at(ports["extra"]) == "/b", "beta's second listener")
    for port in ports.values():
        assert path_at(port, "both.test") == "/"
    assert {c["nodeId"] for c in serve_only.clients()} == {"alpha~1", "beta~1"}


def test_envoys_that_start_together_keep_their_first_streams(serve_only, start_envoy):
    # On the same ports, which Envoys of one user share. Each asks for the 128 parts of the table one by one.
    for turn in range(12):
        start_envoy(serve_only, f"ingress~{turn}")
    wait_for(lambda: [client["converged"] for client in serve_only.clients()] == [True] * 12, "all of them", 30)
    assert "disconnected" not in serve_only.log()


def test_a_new_envoy_answers_nothing_before_it_has_its_routes(serve_only, start_envoy, echo):
    ports = [free_port(), free_port()]
    # Envoy takes listeners in the order of their names; what goes for one must go for the others.
    listeners = [{"name": name, "bindAddress": "127.0.0.1", "port": port} for name, port in zip("ab", ports)]
    serve_only.config.write("all.yaml", upstream("echo", echo.port), role("new", listeners),
                            virtual_service("v", "new.test", [prefix("/", to("echo"))], roles=["new"]))
    serve_only.wait_state("VirtualService", "v", "ACCEPTED")
    for turn in range(12):
        envoy = start_envoy(serve_only, f"new~{turn}")
        # Whatever comes first from either; nobody listens before.
        first = [wait_for(lambda port=port: http.request(port, "new.test"), every=0.0005) for port in ports[::-1]]
        assert [answer.status for answer in first] == [200, 200]
        envoy.stop()


def test_the_last_virtual_service_of_a_role_empties_it(serve_only, start_envoy, echo):
    port = free_port()
    serve_only.config.write("base.yaml", upstream("echo", echo.port),
                            role("edge", [{"name": "main", "bindAddress": "127.0.0.1", "port": port}]))
    serve_only.config.write("vs.yaml", virtual_service("vs", "edge.test", [prefix("/", to("echo"))], roles=["edge"]))
    envoy = start_envoy(serve_only, "edge~1")
    wait_for(lambda: http.request(port, "edge.test").status == 200, "the route")
    serve_only.config.remove("vs.yaml")
    wait_for(lambda: http.request(port, "edge.test").status == 404, "an empty role")
    wait_for(lambda: "default/echo" not in envoy.admin("/clusters").text, "the cluster's end")


def test_an_unknown_role_answers_500_with_the_reason(serve_only, start_envoy, echo):
    serve_only.config.write("base.yaml", upstream("echo", echo.port),
                            virtual_service("vs", "known.test", [prefix("/", to("echo"))]))
    serve_only.wait_state("VirtualService", "vs", "ACCEPTED")
    envoy = start_envoy(serve_only, "nobody-defined-this~7")
    listeners = wait_for(lambda: envoy.listeners(), "a listener")
    response = wait_for(lambda: http.request(next(iter(listeners.values())), "known.test"), "an answer")
    assert response.status == 500
    assert "nobody-defined-this" in response.text
    # When somebody defines it, its Envoy serves.
    port = free_port()
    serve_only.config.write("role.yaml", role("nobody-defined-this", [
        {"name": "main", "bindAddress": "127.0.0.1", "port": port}]),
        virtual_service("vs2", "now.test", [prefix("/", to("echo"))], roles=["nobody-defined-this"]))
    wait_for(lambda: http.request(port, "now.test").status == 200, "the role, now known")


def test_a_role_that_is_removed_answers_500_again(serve_only, start_envoy, echo):
    port = free_port()
    serve_only.config.write("base.yaml", upstream("echo", echo.port))
    serve_only.config.write("role.yaml", role("edge", [{"name": "main", "bindAddress": "127.0.0.1", "port": port}]),
                            virtual_service("vs", "edge.test", [prefix("/", to("echo"))], roles=["edge"]))
    envoy = start_envoy(serve_only, "edge~1")
    wait_for(lambda: http.request(port, "edge.test").status == 200, "the route")
    serve_only.config.remove("role.yaml")
    serve_only.wait_gone("Role", "edge")
    # The one that is connected, and one that comes later.
    listeners = wait_for(lambda: (found := envoy.listeners()) and port not in found.values() and found,
                         "the listeners of an unknown role")
    answer = wait_for(lambda: http.request(next(iter(listeners.values())), "edge.test"), "an answer")
    assert answer.status == 500 and "edge" in answer.text
    envoy.stop()
    later = start_envoy(serve_only, "edge~2")
    listeners = wait_for(lambda: later.listeners(), "a listener")
    assert wait_for(lambda: http.request(next(iter(listeners.values())), "edge.test"), "an answer").status == 500


def test_a_role_that_changes_its_port_moves(serve_only, start_envoy, echo):
    first, second = free_port(), free_port()

    def listen(port):
        serve_only.config.write("role.yaml", role("mover", [{"name": "main", "bindAddress": "127.0.0.1", "port": port}]))

    listen(first)
    serve_only.config.write("vs.yaml", upstream("echo", echo.port),
                            virtual_service("vs", "mover.test", [prefix("/", to("echo"))], roles=["mover"]))
    start_envoy(serve_only, "mover~1")
    wait_for(lambda: http.request(first, "mover.test").status == 200, "the first port")
    listen(second)
    wait_for(lambda: http.request(second, "mover.test").status == 200, "the second port")

    def closed():
        try:
            http.request(first, "mover.test")
        except OSError:
            return True
        return False

    wait_for(closed, "the first port's end", timeout=20)


def test_two_envoys_of_a_role_serve_the_same(serve_only, start_envoy, echo):
    # Two Envoys on one machine: the kernel lets both bind the port only with reuse_port, so count clients instead.
    port = free_port()
    serve_only.config.write("all.yaml", upstream("echo", echo.port),
                            role("pair", [{"name": "main", "bindAddress": "127.0.0.1", "port": port}]),
                            virtual_service("vs", "pair.test", [prefix("/", to("echo"))], roles=["pair"]))
    start_envoy(serve_only, "pair~1")
    start_envoy(serve_only, "pair~2")
    wait_for(lambda: http.request(port, "pair.test").status == 200, "the route")

    def programmed():
        nodes = serve_only.status("VirtualService", "vs")["nodes"]
        return {n["id"]: n.get("state", "WAITING") for n in nodes} == {"pair~1": "PROGRAMMED", "pair~2": "PROGRAMMED"}

    wait_for(programmed, "both Envoys to have taken it")


@pytest.mark.parametrize(
    "listeners, path",
    [
        ([{"name": "a", "port": 70000}], "spec.listeners[0].port"),
        ([{"name": "a", "port": 1000}, {"name": "a", "port": 1001}], "spec.listeners[1].name"),
        ([{"name": "a", "port": 1000}, {"name": "b", "port": 1000}], "spec.listeners[1].port"),
        ([{"name": "a", "port": 1000, "bindAddress": "not-an-ip"}], "spec.listeners[0].bindAddress"),
        ([{"name": "a b", "port": 1000}], "spec.listeners[0].name"),
    ],
    ids=["port", "double-name", "double-port", "address", "name"],
)
def test_a_wrong_role_is_rejected_at_its_field(gloo, name, listeners, path):
    gloo.config.write(f"{name}.yaml", role(name, listeners))
    status = gloo.wait_state("Role", name, "REJECTED")
    assert [i["path"] for i in status["issues"] if i["severity"] == "Error"] == [path]
