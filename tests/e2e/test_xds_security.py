"""The xDS port over TLS: who is let in, as which role, and what is refused."""

import subprocess

import grpc
import pytest

from harness import gateway as gateways
from harness import http
from harness.ads import Delta, client_status, versions
from harness.certs import Authority
from harness.config import prefix, to, upstream, virtual_service
from harness.ports import free_port
from harness.waiting import wait_for


class Files:
    """Certificates of a test as files: `server`, clients by name, and the authority that signed all of them."""

    def __init__(self, folder, authority):
        self.folder, self.authority = folder, authority
        self.ca = self.write("ca.pem", authority.crt)
        self.pairs = {}
        self.server()

    def write(self, name, text):
        path = self.folder / name
        temporary = self.folder / (name + ".new")
        temporary.write_text(text)
        temporary.rename(path)
        return path

    def server(self):
        """Another certificate of the server, in place of the one before."""
        self.pair = self.authority.issue("127.0.0.1", "control.test")
        self.key = self.write("server.key", self.pair.key)
        self.crt = self.write("server.crt", self.pair.crt)

    def client(self, name, authority=None):
        pair = (authority or self.authority).issue(name)
        return self.write(f"{name}.crt", pair.crt), self.write(f"{name}.key", pair.key)

    def credentials(self, name=None, authority=None):
        """Of a raw client with a certificate for `name`, or with none."""
        if name is None:
            return grpc.ssl_channel_credentials(self.authority.crt.encode())
        pair = (authority or self.authority).issue(name)
        return grpc.ssl_channel_credentials(self.authority.crt.encode(), pair.key.encode(), pair.crt.encode())


@pytest.fixture
def files(tmp_path, authority):
    folder = tmp_path / "tls"
    folder.mkdir()
    return Files(folder, authority)


@pytest.fixture
def serve(new_gateway, files, echo):
    """A control plane with TLS and an upstream `echo` with a route; more flags come from the test."""
    def start(**flags):
        gateway = new_gateway(command="serve")
        gateway.flags = gateway.default_flags() | {
            "bind-address": "127.0.0.1", "http-port": free_port(), "https-port": free_port(),
            "xds-tls-cert": files.crt, "xds-tls-key": files.key} | {k.replace("_", "-"): v for k, v in flags.items()}
        gateway.config.write("all.yaml", upstream("echo", echo.port),
                             virtual_service("vs", "a.test", [prefix("/", to("echo"))]))
        gateway.start()
        gateway.wait_state("VirtualService", "vs", "ACCEPTED")
        return gateway
    return start


def refused(port, node_id, credentials, kind="cluster"):
    """The status with which a stream ends that should not be served."""
    with Delta(port, node_id, credentials=credentials) as stream:
        stream.subscribe(kind)
        stream.ended()
        return stream.error.code(), stream.error.details()


def test_the_whole_gateway_over_mutual_tls(new_gateway, files, echo):
    crt, key = files.client("own.test")
    gateway = new_gateway()
    gateway.flags = gateway.default_flags() | {
        "xds-tls-cert": files.crt, "xds-tls-key": files.key, "xds-client-ca": files.ca, "xds-allow": "own.test=ingress",
        "xds-ca": files.ca, "xds-client-cert": crt, "xds-client-key": key}
    gateway.config.write("all.yaml", upstream("echo", echo.port),
                         virtual_service("vs", "a.test", [prefix("/", to("echo"))]))
    gateway.start()
    gateway.wait_status("a.test")
    assert gateway.clients()[0]["converged"]
    code, _ = refused(gateway.ports["xdsPort"], "ingress~2", None)
    assert code == grpc.StatusCode.UNAVAILABLE


def test_envoys_elsewhere_over_tls_without_certificates_of_their_own(serve, files, start_envoy):
    plane = serve()
    envoy = start_envoy(plane, "ingress~1", "--xds-ca", files.ca)
    port = plane.flags["http-port"]
    wait_for(lambda: http.request(port, "a.test").status == 200, "the route")
    assert envoy.stat("cluster.gloo_xds.ssl.handshake") >= 1
    # One that knows another authority does not trust this control plane.
    other = files.write("other.pem", Authority("another").crt)
    stranger = start_envoy(plane, "ingress~2", "--xds-ca", other)
    wait_for(lambda: stranger.stat("cluster.gloo_xds.ssl.fail_verify_error") >= 1, "the doubt of the stranger")
    # And one that wants another name.
    named = start_envoy(plane, "ingress~3", "--xds-ca", files.ca, "--xds-server-name", "elsewhere.test")
    wait_for(lambda: named.stat("cluster.gloo_xds.ssl.fail_verify_san") >= 1, "the doubt of the one with a name")
    assert [c["nodeId"] for c in plane.clients()] == ["ingress~1"]


def test_identities_may_be_their_roles_only(serve, files, start_envoy):
    plane = serve(xds_client_ca=files.ca, xds_allow="good.test=ingress,*.edge.test=edge")
    port = plane.ports["xdsPort"]
    crt, key = files.client("good.test")
    start_envoy(plane, "ingress~1", "--xds-ca", files.ca, "--xds-client-cert", crt, "--xds-client-key", key,
                "--xds-server-name", "control.test")
    wait_for(lambda: http.request(plane.flags["http-port"], "a.test").status == 200, "the route")
    with Delta(port, "ingress~raw", credentials=files.credentials("good.test")) as stream:
        stream.subscribe("cluster")
        assert set(versions(stream.next("cluster"))) == {"default/echo"}

    for _ in range(3):
        assert refused(port, "edge~1", files.credentials("good.test")) == (
            grpc.StatusCode.PERMISSION_DENIED, 'good.test may not be role "edge"')
    assert refused(port, "ingress~1", files.credentials("a.edge.test")) == (
        grpc.StatusCode.PERMISSION_DENIED, 'a.edge.test may not be role "ingress"')
    wait_for(lambda: plane.metrics().value("gloo_xds_clients_refused_total") == 4, "the refusals to be counted")
    assert plane.log().count('good.test may not be role "edge"') == 1
    # Nor is anybody told of the clients of roles that are not theirs.
    assert set(client_status(port, files.credentials("good.test"))) == {"ingress~1"}
    assert not client_status(port, files.credentials("a.edge.test"))

    # Who has no certificate that is trusted does not get as far.
    for credentials in (files.credentials(), files.credentials("good.test", Authority("another")), None):
        assert refused(port, "ingress~4", credentials)[0] == grpc.StatusCode.UNAVAILABLE
    wait_for(lambda: plane.metrics().value("gloo_xds_handshakes_failed_total") >= 3, "failed handshakes to be counted")
    assert "a TLS handshake failed" in plane.log()
    assert http.request(plane.flags["http-port"], "a.test").status == 200


def test_certificates_change_without_a_restart(serve, files, start_envoy, authority):
    plane = serve(xds_client_ca=files.ca)
    port = plane.ports["xdsPort"]
    crt, key = files.client("good.test")
    start_envoy(plane, "ingress~1", "--xds-ca", files.ca, "--xds-client-cert", crt, "--xds-client-key", key)
    wait_for(lambda: http.request(plane.flags["http-port"], "a.test").status == 200, "the route")
    # A new authority for clients and a new certificate for the server.
    second = Authority("second")
    files.server()
    files.write("ca.pem", authority.crt + second.crt)

    def served():
        with Delta(port, "ingress~new", credentials=files.credentials("new.test", second)) as stream:
            stream.subscribe("cluster")
            stream.next("cluster", timeout=2)
            return True

    wait_for(served, "a client of the new authority")
    tls = http.tls_context(files.ca, alpn=["h2"], client=files.client("peek.test"))
    assert http.peer_certificate(port, "control.test", tls)["serialNumber"].lstrip("0") == files.pair.serial.lstrip("0")
    # Nobody who was connected was cut off.
    assert "disconnected" not in "".join(l for l in plane.log().splitlines(True) if "ingress~1" in l)


def run(command, folder, **flags):
    config = folder / "config"
    config.mkdir(exist_ok=True)
    flags = {"config_dir": config, "state_dir": folder / "state", "xds_port": 0, "admin_port": 0} | flags
    line = [str(gateways.GLOO), command]
    for key, value in flags.items():
        line.append(f"--{key.replace('_', '-')}" + ("" if value is True else f"={value}"))
    return subprocess.run(line, text=True, capture_output=True, timeout=30, env=gateways.clean_environment(), check=False)


def test_plain_text_stays_on_loopback(tmp_path, new_gateway):
    done = run("serve", tmp_path, xds_address="0.0.0.0")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "gloo: --xds-address 0.0.0.0 is not loopback: give --xds-tls-cert and --xds-tls-key, or --xds-insecure to serve "
        "keys in plain text")
    for name, address, more in (("loopback", "127.0.0.2", []), ("asked-for", "0.0.0.0", ["--xds-insecure"])):
        gateway = new_gateway(name, command="serve", args=more)
        gateway.flags = gateway.default_flags() | {"xds-address": address}
        gateway.start()
        gateway.stop()


@pytest.mark.parametrize("command, flags, message", [
    ("serve", {"xds_tls_cert": "CRT"}, "--xds-tls-cert and --xds-tls-key go together: one of them is missing"),
    ("serve", {"xds_client_ca": "CA"}, "--xds-client-ca needs --xds-tls-cert and --xds-tls-key"),
    ("serve", {"xds_allow": "a=b"}, "--xds-allow needs --xds-client-ca: without it clients have no identity"),
    ("serve", {"xds_tls_cert": "CRT", "xds_tls_key": "KEY", "xds_allow": "a=b"},
     "--xds-allow needs --xds-client-ca: without it clients have no identity"),
    ("serve", {"xds_tls_cert": "CRT", "xds_tls_key": "KEY", "xds_client_ca": "CA", "xds_allow": "edge"},
     '--xds-allow: "edge" is not IDENTITY=ROLE'),
    ("serve", {"xds_tls_cert": "CRT", "xds_tls_key": "/nowhere"}, "--xds-tls-key /nowhere: cannot be read"),
    ("serve", {"xds_tls_cert": "CRT", "xds_tls_key": "KEY", "xds_client_ca": "KEY"}, "--xds-client-ca KEY: "),
    ("serve", {"xds_tls_cert": "KEY", "xds_tls_key": "KEY"}, "--xds-tls-cert KEY, --xds-tls-key KEY: "),
    ("up", {"xds_tls_cert": "CRT", "xds_tls_key": "KEY"},
     "gloo up with --xds-tls-cert needs --xds-ca, by which its Envoy knows the control plane"),
    ("up", {"xds_tls_cert": "CRT", "xds_tls_key": "KEY", "xds_client_ca": "CA", "xds_ca": "CA"},
     "gloo up with --xds-client-ca needs --xds-client-cert and --xds-client-key, for its Envoy"),
    ("up", {"xds_ca": "CA"}, "--xds-ca needs --xds-tls-cert: the control plane speaks plain text"),
], ids=range(11))
def test_settings_that_do_not_fit_are_told(tmp_path, files, command, flags, message):
    def place(text):
        for name, path in (("CRT", files.crt), ("KEY", files.key), ("CA", files.ca)):
            text = text.replace(name, str(path))
        return text

    done = run(command, tmp_path, **{flag: place(value) for flag, value in flags.items()})
    assert done.returncode == 1
    line = done.stderr.splitlines()[-1].removeprefix("gloo: ")
    message = message.replace("KEY", str(files.key)) if message.endswith(": ") else message
    assert line.startswith(message) and (line == message or message.endswith(": "))


def test_a_bootstrap_with_half_a_pair_is_refused(files):
    for flags, message in ((["--xds-ca", "ca.pem", "--xds-client-cert", "a.pem"],
                            "--xds-client-cert and --xds-client-key go together: one of them is missing"),
                           (["--xds-client-cert", "a.pem", "--xds-client-key", "a.key"],
                            "--xds-client-cert needs --xds-ca")):
        done = subprocess.run([str(gateways.GLOO), "bootstrap", *flags], text=True, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (2, f"gloo: {message}\n")
