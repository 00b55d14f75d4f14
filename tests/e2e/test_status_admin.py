"""Statuses, and the admin endpoint on loopback."""

import json
import re
import socket

import pytest

from harness import http
from harness.config import call, prefix, regex, role, to, to_yaml, upstream, virtual_service
from harness.gateway import ROOT
from harness.waiting import wait_for


@pytest.fixture(scope="module", autouse=True)
def base(gloo, echo):
    gloo.config.write("base.yaml", upstream("status-echo", echo.port, functions={"one": {"path": "/1"}, "two": {"path": "/2"}}))
    gloo.config.write("vs.yaml", virtual_service("status", "status.test", [
        prefix("/one", call("status-echo", "one")), prefix("/", to("status-echo"))]))
    gloo.wait_status("status.test")
    return gloo


def test_a_status_is_accepted_with_reason_generation_and_node(gloo):
    status = gloo.wait_state("VirtualService", "status", "ACCEPTED")
    assert status["reason"] == "Accepted"
    assert int(status["observedGeneration"]) >= 1
    assert status["issues"] == []
    status = wait_for(lambda: (s := gloo.status("VirtualService", "status"))["nodes"]
                      and s["nodes"][0].get("state") == "PROGRAMMED" and s, "Envoy to have taken it")
    assert [n["id"] for n in status["nodes"]] == [gloo.clients()[0]["nodeId"]]
    assert re.match(r"\d{4}-\d\d-\d\dT", status["lastTransitionTime"])


def test_the_generation_counts_changes_of_the_spec(gloo, name):
    gloo.config.write(f"{name}.yaml", virtual_service(name, f"{name}.test", [prefix("/", to("status-echo"))]))
    first = int(gloo.wait_state("VirtualService", name, "ACCEPTED")["observedGeneration"])
    gloo.config.write(f"{name}.yaml", virtual_service(name, f"{name}-2.test", [prefix("/", to("status-echo"))]))
    wait_for(lambda: int(gloo.status("VirtualService", name)["observedGeneration"]) == first + 1, "the next generation")
    # A change of the text alone is none of the spec.
    gloo.config.write(f"{name}.yaml", "# a comment\n" + gloo.config.read(f"{name}.yaml"))
    gloo.config.write(f"{name}-next.yaml", virtual_service(f"{name}-next", f"{name}-3.test", [prefix("/", to("status-echo"))]))
    gloo.wait_state("VirtualService", f"{name}-next", "ACCEPTED")
    assert int(gloo.status("VirtualService", name)["observedGeneration"]) == first + 1


def test_a_rejected_status_has_all_of_it(gloo, name):
    gloo.config.write(f"{name}.yaml", virtual_service(name, f"{name}.test", [regex("/(", to("status-echo"))]))
    status = gloo.wait_state("VirtualService", name, "REJECTED")
    issue = status["issues"][0]
    assert issue["severity"] == "Error"
    assert re.fullmatch(r"[A-Z][A-Za-z0-9]+", issue["reason"])
    assert issue["path"] == "spec.routes[0].requestMatcher.pathRegex"
    assert issue["file"].endswith(f"{name}.yaml") and issue["line"] > 0 and issue["column"] > 0
    assert status["reason"] == issue["reason"]
    assert status["message"]


def test_transition_time_moves_only_when_the_state_does(gloo, name):
    gloo.config.write(f"{name}.yaml", virtual_service(name, f"{name}.test", [prefix("/", to("status-echo"))]))
    before = gloo.wait_state("VirtualService", name, "ACCEPTED")
    gloo.config.write(f"{name}.yaml", virtual_service(name, f"{name}-2.test", [prefix("/", to("status-echo"))]))
    after = wait_for(lambda: (s := gloo.status("VirtualService", name))["observedGeneration"]
                     != before["observedGeneration"] and s, "the next generation")
    assert after["lastTransitionTime"] == before["lastTransitionTime"]


def test_nothing_of_ours_is_ever_refused_by_envoy(gloo):
    assert [c["nacks"] for c in gloo.clients()] == [0]
    assert gloo.metrics().value("gloo_xds_nacks_total") == 0


def test_healthz_and_readyz(gloo):
    for path in ("/healthz", "/readyz"):
        assert gloo.admin(path).status == 200


def test_readyz_waits_for_the_first_listing(new_gateway):
    gateway = new_gateway(command="serve")
    gateway.config.path.rmdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    gateway.flags = gateway.default_flags() | {"admin-port": port}
    gateway.start(wait=False)
    wait_for(lambda: http.request(port, "x", "/healthz").status == 200, "health")
    response = http.request(port, "x", "/readyz")
    assert response.status == 503
    assert response.text.strip()
    gateway.config.path.mkdir()
    wait_for(lambda: http.request(port, "x", "/readyz").status == 200, "readiness")


def test_metrics_are_prometheus_and_complete(gloo):
    metrics = gloo.metrics()
    assert all(name in metrics.types or re.sub(r"_(bucket|sum|count)$", "", name) in metrics.types
               for name in metrics.names())
    assert metrics.value("gloo_objects", kind="Upstream", state="accepted") >= 1
    assert metrics.value("gloo_translation_seconds_count") >= 1
    assert {labels["queue"] for n, labels, _ in metrics.samples if n == "gloo_queue_depth"} == {"changes", "statuses"}
    assert metrics.value("gloo_xds_streams", type="delta") == 1 and metrics.value("gloo_xds_streams", type="sotw") == 0
    assert metrics.value("gloo_xds_pushes_total", type="cluster") >= 1
    assert metrics.value("gloo_xds_acks_total") >= 1
    assert metrics.types["gloo_changes_merged_total"] == "counter"
    assert metrics.types["gloo_xds_nacks_total"] == "counter"
    assert metrics.types["gloo_change_to_ack_seconds"] == "histogram"


def test_the_table_of_metrics_in_the_documentation_is_complete(gloo):
    page = (ROOT / "docs/operations.md").read_text()
    documented = {m[1]: set(re.findall("`([a-z]+)`", m[2])) for m in
                  re.finditer(r"^\| `(gloo_[a-z_]+)` \|([^|]*)\|", page, re.MULTILINE)}
    metrics = gloo.metrics()
    # There only while an Envoy refuses something (test_refusals.py).
    assert documented.pop("gloo_refused_resources") == {"node", "type"}
    # There only while a token is there (test_google_keys.py).
    assert documented.pop("gloo_credentials_age_seconds") == {"secret", "audience"}
    assert set(documented) == set(metrics.types)
    for name, labels in documented.items():
        found = {label for n, have, _ in metrics.samples for label in have
                 if re.sub(r"_(bucket|sum|count)$", "", n) in (name, n) and n.startswith(name) and label != "le"
                 and (n == name or metrics.types[name] == "histogram")}
        assert found == labels, name


def test_metrics_count_objects_by_state(gloo, name):
    def objects(state):
        metrics = gloo.metrics()
        return sum(v for n, labels, v in metrics.samples
                   if n == "gloo_objects" and state.lower() in {x.lower() for x in labels.values()})

    before = objects("Rejected")
    gloo.config.write(f"{name}.yaml", virtual_service(name, f"{name}.test", [regex("/(", to("status-echo"))]))
    gloo.wait_state("VirtualService", name, "REJECTED")
    wait_for(lambda: objects("Rejected") == before + 1, "one more rejected object")
    gloo.config.remove(f"{name}.yaml")
    wait_for(lambda: objects("Rejected") == before, "one rejected object less")


def test_the_time_from_change_to_ack_is_measured(gloo, name):
    def measured():
        metrics = gloo.metrics()
        return metrics.value("gloo_change_to_ack_seconds_count"), metrics.value("gloo_change_to_ack_seconds_sum")

    # What came before is in force.
    wait_for(lambda: all(c["converged"] for c in gloo.clients()), "a quiet Envoy")
    count, total = measured()
    gloo.config.write(f"{name}.yaml", virtual_service(name, f"{name}.test", [prefix("/", to("status-echo"))]))
    gloo.wait_status(f"{name}.test")
    wait_for(lambda: measured()[0] > count, "one more acknowledged change")
    assert 0 < measured()[1] - total < 10


def test_the_snapshot_shows_what_is_served(gloo):
    snapshot = gloo.snapshot()
    for field in ("secrets", "endpoints", "clusters", "routes", "scopedRoutes", "extensionConfigs", "listeners"):
        assert isinstance(snapshot[field], list)
    assert "default/status" in {r["name"] for r in snapshot["routes"]}
    assert "http|status.test" in {r["name"] for r in snapshot["scopedRoutes"]}
    assert all(r["version"] for r in snapshot["routes"])
    assert gloo.admin("/snapshot?role=nobody").status == 404


def test_functions_clients_info_and_objects(gloo):
    functions = {f["name"]: f for f in gloo.admin("/api/v1/functions").json()["functions"]
                 if f["upstream"] == "default/status-echo"}
    assert functions["one"]["routes"] == 1 and functions["two"]["routes"] == 0
    assert functions["one"]["type"] == "REST"
    client = wait_for(lambda: next((c for c in gloo.clients() if c["converged"]), None), "a converged client")
    assert client["role"] == "ingress" and client["delta"] is True and client["acks"] > 0
    info = gloo.info()
    assert info["ready"] is True and info["configDir"] == str(gloo.config.path)
    assert set(gloo.entries("Upstream")) >= {"default/status-echo"}
    assert gloo.admin("/api/v1/objects?kind=Nonsense").status == 400


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_the_admin_endpoint_only_reads(gloo, method):
    assert gloo.admin("/healthz", method=method).status == 405


def test_an_unknown_page_lists_those_that_there_are(gloo):
    response = gloo.admin("/nothing")
    assert response.status == 404
    assert "/metrics" in response.text


def test_what_envoy_refuses_is_a_warning_and_holds_nothing_up(new_gateway, echo):
    gateway = new_gateway().start()
    gateway.config.write("a.yaml", upstream("echo", echo.port),
                         virtual_service("a", "a.test", [prefix("/", to("echo"))]))
    gateway.wait_status("a.test")
    listener = {"name": "http", "bindAddress": "127.0.0.1", "port": gateway.http_port}
    # An address that this machine does not have.
    gateway.config.write("role.yaml", role("ingress", [
        listener, {"name": "other", "bindAddress": "203.0.113.9", "port": 8099}]))
    status = gateway.wait_state("Role", "ingress", "WARNING", "RefusedByEnvoy")
    assert gateway.clients()[0]["nodeId"] in status["message"]
    assert "203.0.113.9" in status["message"]
    assert "\n" not in status["message"]
    # Neither other changes nor a start wait for it.
    gateway.config.write("b.yaml", virtual_service("b", "b.test", [prefix("/", to("echo"))]))
    gateway.wait_status("b.test")
    gateway.restart()
    wait_for(lambda: http.request(listener["port"], "b.test").status == 200, "traffic after the restart")
    gateway.wait_state("Role", "ingress", "WARNING", "RefusedByEnvoy")
    gateway.config.write("role.yaml", role("ingress", [listener]))
    gateway.wait_state("Role", "ingress", "ACCEPTED")


def test_the_admin_endpoint_survives_nonsense(gloo):
    for data in (b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x00\xff" * 100, b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n"):
        try:
            http.raw(gloo.ports["adminPort"], data, timeout=5)
        except OSError:
            pass
    assert gloo.admin("/healthz").status == 200


def test_the_control_plane_listens_on_loopback_alone(gloo):
    own = {p for p in (gloo.ports["adminPort"], gloo.ports["xdsPort"], gloo.ports["envoyAdminPort"])}
    with open("/proc/net/tcp", encoding="ascii") as file:
        listening = [line.split()[1] for line in file.readlines()[1:] if line.split()[3] == "0A"]
    for entry in listening:
        address, port = entry.split(":")
        if int(port, 16) in own:
            assert socket.inet_ntoa(bytes.fromhex(address)[::-1]) == "127.0.0.1"


def log_lines(gateway):
    return [json.loads(line) for line in gateway.log().splitlines()]


def test_the_log_can_be_json_with_fields(new_gateway, echo):
    gateway = new_gateway(args=["--log-format", "json"]).start()
    gateway.config.write("bad.yaml", "kind: [")
    gateway.config.write("vs.yaml", upstream("echo", echo.port), virtual_service("a", "a.test", [regex("/(", to("echo"))]))
    gateway.wait_state("VirtualService", "a", "REJECTED")
    wait_for(lambda: "bad.yaml" in gateway.log() and "BadRegex" in gateway.log(), "the log lines")
    lines = log_lines(gateway)
    assert all({"time", "level", "message"} <= set(line) for line in lines)
    broken = next(line for line in lines if line.get("file") == "bad.yaml")
    assert broken["level"] == "error" and broken["line"] == 1 and re.fullmatch("[A-Z][A-Za-z]+", broken["reason"])
    wrong = next(line for line in lines if line.get("object") == "VirtualService default/a")
    assert wrong["level"] == "error"
    assert wrong["file"] == "vs.yaml" and wrong["line"] > 1
    assert wrong["path"] == "spec.routes[0].requestMatcher.pathRegex" and wrong["reason"] == "BadRegex"
    # The level stands in its place, and there alone.
    assert "error:" not in wrong["message"] and "warning:" not in wrong["message"]
    connected = [line for line in lines if line.get("node") == "ingress~1"]
    assert [line["role"] for line in connected] == ["ingress"] and "connected" in connected[0]["message"]


def test_the_log_level_is_the_least_that_is_logged(new_gateway):
    levels = {}
    for level in ("debug", "info", "warn", "error"):
        gateway = new_gateway(level, command="serve", args=["--log-format", "json"])
        gateway.flags = gateway.default_flags() | {"log-level": level}
        gateway.config.write("good.yaml", upstream("unused", 1))
        gateway.config.write("bad.yaml", "kind: [")
        gateway.start()
        wait_for(lambda: "bad.yaml" in gateway.log(), "the error")
        gateway.stop()
        levels[level] = {line["level"] for line in log_lines(gateway)}
    assert levels["debug"] >= {"debug", "info", "error"}
    assert "debug" not in levels["info"] and levels["info"] >= {"info", "error"}
    assert levels["warn"] <= {"warning", "error"}
    assert levels["error"] == {"error"}


def test_a_file_name_that_is_no_text_breaks_no_answer(new_gateway, echo):
    gateway = new_gateway(args=["--log-format", "json"]).start()
    folder = str(gateway.config.path).encode()
    with open(folder + b"/caf\xe9.yaml", "w", encoding="ascii") as file:
        file.write(to_yaml(upstream("echo", echo.port)))
    with open(folder + b"/bad\xe9.yaml", "w", encoding="ascii") as file:
        file.write("kind: [")
    with open(folder + b"/wrong\xe9.yaml", "w", encoding="ascii") as file:
        file.write(to_yaml(virtual_service("a", "a.test", [regex("/(", to("echo"))])))
    gateway.wait_state("Upstream", "echo", "ACCEPTED")
    assert gateway.entries("Upstream")["default/echo"]["origin"].endswith("caf\N{REPLACEMENT CHARACTER}.yaml:1")
    status = gateway.wait_state("VirtualService", "a", "REJECTED")
    assert status["issues"][0]["file"].endswith("wrong\N{REPLACEMENT CHARACTER}.yaml")
    wait_for(lambda: [place for place in gateway.broken_places() if "bad\N{REPLACEMENT CHARACTER}" in place], "the place")
    wait_for(lambda: any("bad\N{REPLACEMENT CHARACTER}" in line["message"] for line in log_lines(gateway)), "the log line")
    # It is kept and taken up again, too.
    gateway.restart()
    gateway.wait_state("VirtualService", "a", "REJECTED")
