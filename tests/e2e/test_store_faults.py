"""The disk is full, the folder cannot be read, the clock jumps: what is served stays, it is said, and it passes by itself."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess

import pytest
from harness.changes import HOST, World
from harness.config import prefix, to, virtual_service
from harness.gateway import find_envoy
from harness.load import Load
from harness.waiting import wait_for


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MiB; `fill` leaves no room on it."""
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], check=False).returncode:
        pytest.skip("needs the right to mount a file system")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(folder):
    with open(folder / "filler", "ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


@pytest.fixture
def world(new_gateway, backends, authority, tmp_path):
    gateway = new_gateway()
    gateway.flags = gateway.default_flags() | {"log-level": "info"}
    return World(gateway, backends, authority, tmp_path)


def state_issues(gateway):
    return gateway.broken_places().get(f"{gateway.state}/state.db", [])


def test_a_full_disk(world, small_disk, tmp_path):
    gateway = world.gateway
    gateway.state = small_disk / "state"
    gateway.flags |= {"state-dir": gateway.state}
    world.begin()

    def change(host):
        # Too much for what room is left in the files that there are.
        world.write("more", *[virtual_service(f"more-{i}", f"{i}.{host}", [prefix("/" + "x" * 500, to("up")),
                                                                          prefix("/", to("up"))]) for i in range(200)])
        world.settle()
        assert gateway.get(f"199.{host}").status == 200

    with Load(gateway, tmp_path, HOST, world.backends) as load:
        fill(small_disk)
        # Changes are served; that they will not be remembered is said once.
        change("one.test")
        issue = wait_for(lambda: state_issues(gateway), "the full disk to be said")[0]
        assert (issue["reason"], issue["severity"]) == ("StateNotWritten", "Warning")
        assert issue["message"] == ("cannot be written: database or disk is full; all goes on, but a restart will know an "
                                    "older last good state")
        change("two.test")
        said = lambda: [line.split(" ", 1)[1] for line in gateway.log().splitlines() if "state.db" in line]
        assert said() == [f"warning: {gateway.state}/state.db: {issue['message']} (StateNotWritten)"]
        assert gateway.metrics().value("gloo_broken_places") == 1
        # It is killed and started again on the full disk.
        gateway.stop(signal.SIGKILL, keep_envoy=True)
        gateway.start()
        world.settle()
        assert gateway.get("199.two.test").status == 200
        # Room comes back: nobody has to do anything.
        os.unlink(small_disk / "filler")
        wait_for(lambda: not state_issues(gateway), "the state to be written")
    assert load.failures == []
    # Envoy ends while the disk is full: it is started again all the same.
    fill(small_disk)
    os.kill(gateway.ports["envoyPid"], signal.SIGKILL)
    gateway.wait_status("199.two.test", timeout=20)
    os.unlink(small_disk / "filler")
    # What was written when there was room again is remembered.
    change("three.test")
    wait_for(lambda: not state_issues(gateway), "the state to be written")
    gateway.stop()
    gateway.config.write("more.yaml", "broken: [")
    gateway.start()
    gateway.wait_status("199.three.test")


def test_a_start_on_a_full_disk_is_one_clear_line(new_gateway, small_disk):
    gateway = new_gateway(ready=False)
    gateway.flags = gateway.default_flags() | {"state-dir": small_disk / "state"}
    fill(small_disk)
    gateway.start()
    assert gateway.process.wait(15) == 1
    assert re.fullmatch(rf"gloo: cannot (open|write) {small_disk}/state/\S+: [a-zA-Z/ ]+\n", gateway.log()), gateway.log()


def test_a_folder_that_cannot_be_read(world, tmp_path):
    """Whatever takes the folder away, or the right to read it: what it held is served, also after a restart."""
    gateway = world.gateway
    world.begin()
    away = tmp_path / "away"
    place = str(gateway.config.path)
    with Load(gateway, tmp_path, HOST, world.backends) as load:
        for restart in (False, True):
            os.rename(gateway.config.path, away)
            # Nobody, not even root, can list a file.
            gateway.config.path.write_text("")
            if restart:
                gateway.stop(signal.SIGKILL, keep_envoy=True)
                gateway.start()
            wait_for(lambda: any(place in broken for broken in gateway.broken_places()), "the folder to be told")
            assert gateway.admin("/readyz").status == (503 if restart else 200)
            os.unlink(gateway.config.path)
            os.rename(away, gateway.config.path)
            wait_for(lambda: not gateway.broken_places(), "the folder to be well again")
            world.settle()
    assert load.failures == []


def libfaketime():
    found = sorted(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    return str(found[0]) if found else None


@pytest.mark.skipif(libfaketime() is None, reason="needs the Debian package faketime")
def test_a_clock_that_jumps(world, tmp_path):
    """By years, forwards and back, below the control plane; durations go on as they were."""
    gateway = world.gateway
    offset = tmp_path / "offset"

    def jump(by):
        new = tmp_path / "offset.new"
        new.write_text(by)
        os.rename(new, offset)

    # Envoy does not start with another clock below it.
    envoy = tmp_path / "envoy"
    envoy.write_text(f'#!/bin/sh\nexec env -u LD_PRELOAD {find_envoy()} "$@"\n')
    envoy.chmod(0o755)
    gateway.flags |= {"envoy": envoy}
    jump("+0")
    gateway.env = {"LD_PRELOAD": libfaketime(), "FAKETIME_TIMESTAMP_FILE": str(offset), "FAKETIME_NO_CACHE": "1",
                   "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    world.begin()
    with Load(gateway, tmp_path, HOST, world.backends) as load:
        for turn, by in enumerate(("+400d", "-400d", "+0")):
            jump(by)
            host = f"jump-{turn}.test"
            # The one who was there first keeps the domain, whatever the clock says.
            world.write(f"z-{turn}", virtual_service(f"z-{turn}", host, [prefix("/", to("up"))]))
            gateway.wait_state("VirtualService", f"z-{turn}", "ACCEPTED")
            if turn % 2 == 0:
                jump("-500d")
                gateway.stop(signal.SIGKILL, keep_envoy=True)
                gateway.start()
                gateway.wait_state("VirtualService", f"z-{turn}", "ACCEPTED")
            world.write(f"a-{turn}", virtual_service(f"a-{turn}", host, [prefix("/", to("up"))]))
            gateway.wait_state("VirtualService", f"a-{turn}", "REJECTED", "DomainTaken")
            world.settle()
            assert gateway.get(host).status == 200
        assert all(client["nacks"] == 0 for client in gateway.clients())
    assert load.failures == []
    # An Envoy that ends just before the clock is set back is started again at once.
    killed = gateway.ports["envoyPid"]
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: "starting it again" in gateway.log(), "the end of Envoy to be seen")
    jump("-300d")
    gateway.wait_status(HOST, timeout=20)
