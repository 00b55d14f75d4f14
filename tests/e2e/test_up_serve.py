"""The programs: flags, environment, settings file, ports, signals, restarts."""

import json
import os
import re
import signal
import socket
import subprocess
import threading

import pytest

from harness import gateway as gateways
from harness import http
from harness.config import prefix, role, to, upstream, virtual_service
from harness.waiting import wait_for


def gloo(*args, env=None, timeout=30, cwd=None):
    return subprocess.run([str(gateways.GLOO), *map(str, args)], text=True, capture_output=True, check=False,
                          timeout=timeout, env={**gateways.clean_environment(), **(env or {})}, cwd=cwd)


def children_of(pid):
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                    if int(file.read().rsplit(")", 1)[1].split()[1]) == pid:
                        found.append(int(entry))
            except (OSError, IndexError):
                continue
    return found


def test_help_names_every_flag():
    text = gloo("up", "--help").stdout
    for flag in ("config-dir", "state-dir", "secrets-dir", "artifacts-dir", "bind-address", "http-port", "https-port",
                 "xds-port", "admin-port", "envoy-admin-port", "envoy", "concurrency", "log-level", "ready-file", "settings"):
        assert f"--{flag}" in text
    assert "GLOO_HTTP_PORT" in text
    for verb in ("up", "serve", "bootstrap"):
        assert verb in gloo("--help").stdout


def test_version():
    done = gloo("--version")
    assert done.returncode == 0
    assert re.search(r"\d+\.\d+\.\d+", done.stdout)


HERE = ["--config-dir", "."]


@pytest.mark.parametrize(
    "args, env, line",
    [
        (["up"], {}, "the folder of the configuration is missing: give it with --config-dir DIR"),
        (["up", *HERE, "--http-prot", "1"], {}, "unknown flag --http-prot; did you mean --http-port?"),
        (["serve", *HERE, "--colour=1"], {}, "unknown flag --colour; see gloo serve --help"),
        (["up", *HERE, "--http-port", "x"], {}, '--http-port: "x" must be a number from 0 to 65535'),
        (["up", *HERE, "--http-port", "70000"], {}, '--http-port: "70000" must be a number from 0 to 65535'),
        (["up", *HERE, "--concurrency", "9999"], {}, '--concurrency: "9999" must be a number from 0 to 1024'),
        (["up", *HERE, "--http-port"], {}, "--http-port needs a value"),
        (["up", *HERE], {"GLOO_HTTP_PORT": "x"}, 'GLOO_HTTP_PORT: "x" must be a number from 0 to 65535'),
        (["up", *HERE, "--log-level", "loud"], {}, '--log-level: "loud" must be one of debug, info, warn, error'),
        (["up", *HERE, "--node-id", "ingress"], {},
         '--node-id: "ingress" must be ROLE~ANYTHING, for instance ingress~1'),
        (["bootstrap", "--node-id", "~1"], {}, '--node-id: "~1" must be ROLE~ANYTHING, for instance ingress~1'),
        (["bootstrap", "--xds", "nonsense"], {},
         '--xds: "nonsense" must be HOST:PORT, for instance gloo.internal:9977'),
        (["bootstrap"], {"GLOO_XDS": "a:99999"},
         'GLOO_XDS: "a:99999" must be HOST:PORT, for instance gloo.internal:9977'),
        (["up", *HERE, "--envoy", "/no/such/envoy"], {},
         "there is no program at /no/such/envoy: give Envoy's binary with --envoy PATH"),
        (["up", *HERE, "--settings", "/no/such/file"], {}, "cannot read the settings file /no/such/file"),
        (["up", *HERE, "--system-ca-file", "/no/such/file"], {}, "--system-ca-file /no/such/file: there is no such file"),
        (["serve", *HERE, "--system-ca-file", "/etc/passwd"], {},
         "--system-ca-file /etc/passwd: the CA bundle holds no certificate; PEM text with -----BEGIN CERTIFICATE----- is "
         "needed"),
        (["up", *HERE, "more"], {}, '"more" belongs to no flag; see gloo up --help'),
        (["upp"], {}, 'unknown verb "upp"; did you mean "up"?'),
    ],
)
def test_wrong_flags_are_one_clear_line(tmp_path, args, env, line):
    (tmp_path / "c").mkdir()
    done = gloo(*args, env=env, cwd=tmp_path / "c")
    assert done.returncode != 0
    assert done.stderr + done.stdout == f"gloo: {line}\n"


def test_without_a_verb_the_help_is_shown():
    done = gloo()
    assert done.returncode == 2
    assert "gloo up --config-dir" in done.stderr


def test_up_serves_prints_its_ports_and_stops_cleanly(new_gateway, echo):
    gateway = new_gateway()
    gateway.config.write("a.yaml", upstream("echo", echo.port), virtual_service("a", "a.test", [prefix("/", to("echo"))]))
    gateway.start()
    assert set(gateway.ports) >= {"httpPort", "httpsPort", "xdsPort", "adminPort", "envoyAdminPort", "pid", "envoyPid"}
    assert gateway.ports["pid"] == gateway.process.pid
    # The ready file means: traffic is served, at once.
    assert gateway.get("a.test").status == 200
    assert str(gateway.http_port) in gateway.log()
    envoy, pid = gateway.ports["envoyPid"], gateway.process.pid
    assert envoy in children_of(pid)
    assert gateway.stop(keep_envoy=True) == 0
    assert not gateways.alive(envoy)


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_stop_everything(new_gateway, sig):
    gateway = new_gateway().start()
    envoy = gateway.ports["envoyPid"]
    assert gateway.stop(sig=sig, keep_envoy=True) in (0, 128 + sig, -sig)
    survived = gateways.alive(envoy)
    if survived:
        os.kill(envoy, signal.SIGKILL)
    assert not survived


def test_an_envoy_outlives_a_killed_gateway_and_is_taken_over(new_gateway, echo):
    """A crash of the control plane costs no request: Envoy goes on, and the next start takes it over."""
    gateway = new_gateway()
    gateway.config.write("a.yaml", upstream("echo", echo.port), virtual_service("a", "a.test", [prefix("/", to("echo"))]))
    gateway.start()
    ports, failed, stop = dict(gateway.ports), [], threading.Event()

    def load():
        while not stop.is_set():
            try:
                if (status := http.request(ports["httpPort"], "a.test").status) != 200:
                    failed.append(status)
            except OSError as error:
                failed.append(repr(error))

    thread = threading.Thread(target=load)
    thread.start()
    try:
        gateway.stop(sig=signal.SIGKILL, keep_envoy=True)
        assert gateways.alive(ports["envoyPid"])
        gateway.start()
        assert gateway.ports["envoyPid"] == ports["envoyPid"]
        assert gateway.http_port == ports["httpPort"]
        gateway.config.write("b.yaml", virtual_service("b", "b.test", [prefix("/", to("echo"))]))
        gateway.wait_status("b.test")
    finally:
        stop.set()
        thread.join()
    assert not failed, failed[:5]
    gateway.stop()
    assert not gateways.alive(ports["envoyPid"])


def test_an_envoy_that_dies_is_noticed(new_gateway, echo):
    """Either started again or the end of the program with a word about it; never a gateway that silently serves nothing."""
    gateway = new_gateway()
    gateway.config.write("a.yaml", upstream("echo", echo.port), virtual_service("a", "a.test", [prefix("/", to("echo"))]))
    gateway.start()
    os.kill(gateway.ports["envoyPid"], signal.SIGKILL)

    def noticed():
        if gateway.process.poll() is not None:
            return gateway.process.returncode != 0 and "nvoy" in gateway.log()
        try:
            return gateway.get("a.test").status == 200
        except OSError:
            return False

    wait_for(noticed, "the gateway to notice", 15)


@pytest.mark.parametrize("command, flag", [("up", "http-port"), ("up", "https-port"), ("up", "xds-port"),
                                           ("up", "admin-port"), ("up", "envoy-admin-port"), ("serve", "xds-port"),
                                           ("serve", "admin-port")])
def test_a_busy_port_is_one_clear_line(new_gateway, command, flag):
    gateway = new_gateway(ready=False, command=command)
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        gateway.flags = gateway.default_flags() | {flag: port, "log-level": "warn"}
        gateway.start()
        status = gateway.process.wait(20)
    assert status != 0
    if flag == "admin-port":
        assert gateway.log() == (f"gloo: cannot listen on 127.0.0.1:{port} for the admin endpoint: Address already in use; "
                                 "choose another port with --admin-port\n")
    else:
        assert gateway.log() == f"gloo: port {port} on 127.0.0.1 is in use; choose another with --{flag} (0: any free one)\n"
    assert not gateway.ready_file.exists()


def test_a_role_with_ports_of_its_own_is_ready_on_them(new_gateway, echo):
    """Ready means that the role's own listeners answer; they are what the log and the ready file tell."""
    from harness.ports import free_port

    plain, tls = sorted((free_port(), free_port()))
    gateway = new_gateway()
    gateway.config.write("a.yaml", upstream("echo", echo.port), role("ingress", [
        {"name": "plain", "bindAddress": "127.0.0.1", "port": plain},
        {"name": "safe", "bindAddress": "127.0.0.1", "port": tls, "tls": True},
    ]), virtual_service("a", "a.test", [prefix("/", to("echo"))]))
    gateway.start()
    assert (gateway.ports["httpPort"], gateway.ports["httpsPort"]) == (plain, tls)
    assert gateway.ports["listeners"] == [{"name": "plain", "address": "127.0.0.1", "port": plain, "tls": False},
                                          {"name": "safe", "address": "127.0.0.1", "port": tls, "tls": True}]
    assert gateway.get("a.test").status == 200
    assert f"HTTP on 127.0.0.1:{plain}, HTTPS on 127.0.0.1:{tls}" in gateway.log()


def test_a_second_gateway_leaves_the_first_and_its_envoy_alone(new_gateway, echo):
    first = new_gateway("first")
    first.config.write("a.yaml", upstream("echo", echo.port), virtual_service("a", "a.test", [prefix("/", to("echo"))]))
    first.start()
    second = new_gateway("second", ready=False)
    second.flags = second.default_flags() | {"state-dir": first.state}
    second.start()
    assert second.process.wait(15) == 1
    assert second.log() == f"gloo: state directory {first.state} is in use by another gloo (pid {first.process.pid})\n"
    assert gateways.alive(first.ports["envoyPid"])
    assert first.get("a.test").status == 200


def test_an_envoy_that_was_left_goes_on_while_the_new_ports_are_busy(new_gateway, echo):
    gateway = new_gateway()
    gateway.config.write("a.yaml", upstream("echo", echo.port), virtual_service("a", "a.test", [prefix("/", to("echo"))]))
    gateway.start()
    ports = dict(gateway.ports)
    gateway.stop(sig=signal.SIGKILL, keep_envoy=True)
    with socket.create_server(("127.0.0.1", 0)) as busy:
        gateway.flags = gateway.default_flags() | {"http-port": busy.getsockname()[1]}
        gateway.start(wait=False)
        assert gateway.process.wait(15) == 1
        assert gateways.alive(ports["envoyPid"])
        assert http.request(ports["httpPort"], "a.test").status == 200
    # With a port that is free the Envoy of other settings makes room.
    gateway.flags = gateway.default_flags() | {"http-port": 0, "https-port": 0, "concurrency": 2, "node-id": "ingress~9"}
    gateway.start()
    assert not gateways.alive(ports["envoyPid"])
    assert gateway.get("a.test").status == 200


def test_settings_from_the_environment(new_gateway, echo):
    gateway = new_gateway(flags={})
    gateway.env = {"GLOO_" + key.replace("-", "_").upper(): str(value) for key, value in gateway.default_flags().items()}
    gateway.config.write("a.yaml", upstream("echo", echo.port), virtual_service("a", "a.test", [prefix("/", to("echo"))]))
    gateway.start()
    assert gateway.wait_status("a.test")


def test_settings_from_a_file_and_their_order(new_gateway, echo):
    """A flag goes before the environment, the environment before the file."""
    gateway = new_gateway()
    values = gateway.default_flags()
    settings = gateway.root / "settings.yaml"
    names = {"http-port": "httpPort", "log-level": "log_level"}
    settings.write_text("".join(f"{names.get(k, k)}: {v}\n" for k, v in values.items()
                                if k not in ("ready-file", "admin-port")) + "admin-port: 1\n")
    other = gateway.root / "other-ready.json"
    gateway.flags = {"settings": settings, "ready-file": gateway.ready_file}
    gateway.env = {"GLOO_ADMIN_PORT": "0", "GLOO_READY_FILE": str(other)}
    gateway.config.write("a.yaml", upstream("echo", echo.port), virtual_service("a", "a.test", [prefix("/", to("echo"))]))
    gateway.start()
    assert gateway.wait_status("a.test")
    assert not other.exists()


@pytest.mark.parametrize("text, line", [
    ("http-prot: 1\n", ', line 1: unknown setting "http-prot"; did you mean "http-port"?'),
    ("# ports\nhttp-port: x\n", ', line 2: http-port: "x" must be a number from 0 to 65535'),
    ("- a\n", ", line 1: must be a mapping of flags to values, for instance `http-port: 8080`"),
    ("http-port: [1]\n", ', line 1: "http-port" must be a single value'),
    ("http-port: 1\nhttpPort: 2\n", ', line 2: "httpPort" is set on line 1 already'),
    ("http-port: 1\nhttp-port: 1\n", ', line 2: "http-port" is set on line 1 already'),
])
def test_a_wrong_settings_file_is_said_so(tmp_path, text, line):
    settings = tmp_path / "s.yaml"
    settings.write_text(text)
    done = gloo("up", "--config-dir", tmp_path, "--settings", settings)
    assert done.returncode != 0
    assert done.stderr == f"gloo: settings file {settings}{line}\n"


def test_bootstrap_takes_its_flags_from_the_environment_and_the_settings_file(tmp_path):
    settings = tmp_path / "s.yaml"
    # A file is one for all verbs: what another one has a flag for does not disturb.
    settings.write_text("node-id: edge~1\nenvoy-admin-port: 1234\nconfig-dir: /somewhere\n")
    done = gloo("bootstrap", "--settings", settings, "--xds", "[::1]:7", env={"GLOO_NODE_ID": "edge~2", "GLOO_XDS": "a:1"})
    assert done.returncode == 0, done.stderr
    bootstrap = json.loads(done.stdout)
    assert bootstrap["node"]["id"] == "edge~2"
    assert bootstrap["admin"]["address"]["socket_address"]["port_value"] == 1234
    assert '"port_value": 7' in done.stdout


def test_bootstrap_is_a_bootstrap_that_envoy_takes(new_gateway, tmp_path):
    done = gloo("bootstrap", "--node-id", "ingress~7", "--xds", "127.0.0.1:12345")
    assert done.returncode == 0, done.stderr
    bootstrap = json.loads(done.stdout)
    assert bootstrap["node"]["id"] == "ingress~7"
    assert "12345" in done.stdout
    path = tmp_path / "b.json"
    path.write_text(done.stdout)
    checked = subprocess.run([gateways.find_envoy(), "--mode", "validate", "-c", str(path)], text=True,
                             capture_output=True, check=False, timeout=30)
    assert checked.returncode == 0, checked.stderr


def test_two_gateways_do_not_share_a_state(new_gateway):
    first = new_gateway("first", command="serve").start()
    second = new_gateway("second", command="serve", ready=False)
    second.flags = second.default_flags() | {"state-dir": first.state}
    second.start()
    assert second.process.wait(15) != 0
    assert str(first.state) in second.log()


def test_a_state_directory_that_cannot_be_written_is_said_so(new_gateway, tmp_path):
    gateway = new_gateway(command="serve", ready=False)
    blocked = tmp_path / "file"
    blocked.write_text("")
    gateway.flags = gateway.default_flags() | {"state-dir": blocked / "state"}
    gateway.start()
    assert gateway.process.wait(15) != 0
    assert str(blocked) in gateway.log()


def test_an_envoy_goes_on_while_its_control_plane_restarts(new_gateway, echo, tmp_path):
    """No request fails, and the reconnected Envoy takes the next change."""
    from harness.envoy import Envoy
    from harness.ports import free_port

    control = new_gateway(command="serve")
    port = free_port()
    control.config.write("a.yaml", upstream("echo", echo.port),
                         role("ingress", [{"name": "main", "bindAddress": "127.0.0.1", "port": port}]),
                         virtual_service("a", "a.test", [prefix("/", to("echo"))]))
    control.start()
    envoy = Envoy(control, "ingress~1", tmp_path / "envoy")
    try:
        wait_for(lambda: http.request(port, "a.test").status == 200, "the route")
        failed, stop = [], threading.Event()

        def load():
            while not stop.is_set():
                try:
                    if (status := http.request(port, "a.test").status) != 200:
                        failed.append(status)
                except OSError as error:
                    failed.append(repr(error))

        thread = threading.Thread(target=load)
        thread.start()
        xds_port = control.ports["xdsPort"]
        control.stop()
        control.flags = control.default_flags() | {"xds-port": xds_port}
        control.start()
        wait_for(lambda: [c["nodeId"] for c in control.clients()] == ["ingress~1"], "the reconnection", 20)
        control.config.write("b.yaml", virtual_service("b", "b.test", [prefix("/", to("echo"))]))
        wait_for(lambda: http.request(port, "b.test").status == 200, "the next change", 20)
        stop.set()
        thread.join()
        assert not failed, failed[:5]
    finally:
        stop.set()
        envoy.stop()


def test_up_is_ready_within_three_seconds(new_gateway, echo):
    import time

    gateway = new_gateway()
    gateway.config.write("a.yaml", upstream("echo", echo.port), virtual_service("a", "a.test", [prefix("/", to("echo"))]))
    gateway.start()
    gateway.stop()
    started = time.monotonic()
    gateway.start()
    assert gateway.get("a.test").status == 200
    assert time.monotonic() - started < 3


def test_envoy_keeps_few_time_series(new_gateway, echo):
    gateway = new_gateway().start()
    hosts = [f"h{i}.test" for i in range(50)]
    gateway.config.write("all.yaml", *[upstream(f"u{i}", echo.port) for i in range(50)],
                         *[virtual_service(f"v{i}", host, [prefix("/", to(f"u{i}"))]) for i, host in enumerate(hosts)])
    for host in hosts:
        gateway.wait_status(host)
    series = [line for line in gateway.envoy_admin("/stats/prometheus").text.splitlines()
              if line and not line.startswith("#")]
    assert any(line.startswith("envoy_http_downstream_rq_total") for line in series)
    assert len(series) < 1000
