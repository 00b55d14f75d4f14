"""Fixtures of the end to end tests.

Tests of a module share one gateway (`gloo`), each with domains and files of its own; tests that stop, break or count
something start theirs with `new_gateway`.
"""

import pathlib
import re
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from harness import gateway as gateways  # noqa: E402
from harness.backends import Backend, H2Backend  # noqa: E402
from harness.certs import Authority  # noqa: E402
from harness.envoy import Envoy  # noqa: E402
from harness.gateway import Gateway  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "soak: `./test soak` runs it at length")
    if not gateways.GLOO.exists():
        raise pytest.UsageError(f"{gateways.GLOO} is missing: run tools/build, or ./test e2e")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for gateway in gateways.LIVE:
            report.sections.append((f"log of {gateway.root.name}", gateway.log()[-6000:]))
            report.sections.append(("log of its Envoy", gateway.envoy_log()[-2000:]))


@pytest.fixture(scope="module")
def gloo(tmp_path_factory):
    """A gateway that the tests of a module share; `gateway_options` of the module are its options."""
    gateway = Gateway(tmp_path_factory.mktemp("gloo")).start()
    yield gateway
    gateway.stop()


@pytest.fixture
def new_gateway(tmp_path):
    """Makes gateways that end with the test; they are started by the test."""
    made = []

    def make(name="gateway", **options):
        gateway = Gateway(tmp_path / name, **options)
        made.append(gateway)
        return gateway

    yield make
    for gateway in made:
        gateway.stop()


@pytest.fixture
def name(request):
    """A name that no other test has, fit for objects, files and domains."""
    return re.sub(r"[^a-z0-9]+", "-", request.node.name.lower().removeprefix("test_"))[:50].strip("-")


@pytest.fixture
def backends():
    """Makes backends that end with the test."""
    made = []

    def make(name="backend", **options):
        made.append(Backend(name, **options))
        return made[-1]

    yield make
    for backend in made:
        backend.close()


@pytest.fixture
def h2_backend():
    made = []

    def make(name="h2", **options):
        made.append(H2Backend(name, **options))
        return made[-1]

    yield make
    for backend in made:
        backend.close()


@pytest.fixture
def books():
    """Makes gRPC servers (harness/books.proto) that end with the test."""
    from harness.grpc_service import Books
    made = []

    def make(*args, **options):
        made.append(Books(*args, **options))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture(scope="module")
def framework(tmp_path_factory):
    """The port and the log of a function that Google's Functions Framework serves."""
    from harness import functions_framework
    process, port, log = functions_framework.start(tmp_path_factory.mktemp("framework"))
    yield port, log
    process.terminate()
    process.wait()


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    """AWS Lambda, IAM and STS on one port (harness/aws.py)."""
    from harness.aws import Aws
    server = Aws(tmp_path_factory.mktemp("aws"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def echo():
    """One backend for a module: it answers with the request that it got."""
    backend = Backend("echo")
    yield backend
    backend.close()


@pytest.fixture
def start_envoy(tmp_path):
    """Starts Envoys that `gloo serve` serves; they end with the test."""
    made = []

    def start(planes, node_id, *flags, **more):
        made.append(Envoy(planes, node_id, tmp_path / f"envoy-{len(made)}", *flags, **more))
        return made[-1]

    yield start
    for envoy in made:
        envoy.stop()


@pytest.fixture(scope="session")
def authority():
    return Authority()


@pytest.fixture(scope="session")
def ca_file(authority, tmp_path_factory):
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    path.write_text(authority.crt)
    return path
