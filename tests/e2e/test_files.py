"""The file source: whatever editors, ConfigMap mounts and people do to a folder is followed, and nothing is written."""

import os
import pathlib
import shutil
import stat

import pytest

from harness.config import Folder, prefix, to, to_yaml, upstream, virtual_service
from harness.waiting import stays, wait_for


@pytest.fixture(scope="module", autouse=True)
def base(gloo, echo):
    gloo.config.write("base.yaml", upstream("files-echo", echo.port))
    return gloo


def service(name, marker="/", host=None):
    return virtual_service(name, host or f"{name}.test", [{**prefix("/", to("files-echo")), "prefixRewrite": marker}])


def wait_marker(gateway, host, marker, timeout=10):
    gateway.wait_answer(host, "/", lambda r: r.status == 200 and r.json()["path"] == marker, timeout)


def wait_404(gateway, host, timeout=10):
    gateway.wait_status(host, "/", 404, timeout)


def test_a_file_is_served_edited_and_removed(gloo, name):
    gloo.config.write(f"{name}.yaml", service(name, "/one"))
    wait_marker(gloo, f"{name}.test", "/one")
    gloo.config.write(f"{name}.yaml", service(name, "/two"))
    wait_marker(gloo, f"{name}.test", "/two")
    gloo.config.remove(f"{name}.yaml")
    wait_404(gloo, f"{name}.test")
    gloo.wait_gone("VirtualService", name)


def test_json_and_yaml_and_yml(gloo, name):
    for ending in ("json", "yaml", "yml"):
        gloo.config.write(f"{name}-{ending}.{ending}", service(f"{name}-{ending}", f"/{ending}"))
    for ending in ("json", "yaml", "yml"):
        wait_marker(gloo, f"{name}-{ending}.test", f"/{ending}")


def test_a_file_written_in_place(gloo, name):
    gloo.config.write_in_place(f"{name}.yaml", service(name, "/one"))
    wait_marker(gloo, f"{name}.test", "/one")
    gloo.config.write_in_place(f"{name}.yaml", service(name, "/two"))
    wait_marker(gloo, f"{name}.test", "/two")


def test_a_file_half_written_keeps_what_was_good(gloo, name):
    gloo.config.write(f"{name}.yaml", service(name, "/whole"))
    wait_marker(gloo, f"{name}.test", "/whole")
    text = to_yaml(service(name, "/later"))
    path = gloo.config.path / f"{name}.yaml"
    with open(path, "w", encoding="utf-8") as file:
        # The writer stops in the middle of a word, flushes and goes on later.
        file.write(text[: len(text) // 2])
        file.flush()
        stays(lambda: gloo.get(f"{name}.test").json()["path"] == "/whole", "the good form", 0.3)
        file.write(text[len(text) // 2:])
    wait_marker(gloo, f"{name}.test", "/later")


def test_an_empty_file_while_an_editor_saves(gloo, name):
    """Truncate and write: what lies between must not take the route away."""
    gloo.config.write(f"{name}.yaml", service(name, "/0"))
    wait_marker(gloo, f"{name}.test", "/0")
    for turn in range(1, 15):
        gloo.config.write_in_place(f"{name}.yaml", service(name, f"/{turn}"))
        assert gloo.get(f"{name}.test").status == 200
    wait_marker(gloo, f"{name}.test", "/14")


def test_backups_and_hidden_files_of_editors_are_no_configuration(gloo, name):
    gloo.config.write(f"{name}.yaml", service(name, "/one"))
    for other in (f".{name}.yaml.swp", f"{name}.yaml~", f"#{name}.yaml#", f".{name}.yaml", f"{name}.yaml.bak"):
        gloo.config.write(other, service(f"{name}-other", "/other"))
    gloo.config.write(f"{name}-last.yaml", service(f"{name}-last", "/last"))
    wait_marker(gloo, f"{name}-last.test", "/last")
    assert gloo.status("VirtualService", f"{name}-other") is None
    for other in (f".{name}.yaml.swp", f"{name}.yaml~", f"#{name}.yaml#", f".{name}.yaml", f"{name}.yaml.bak"):
        gloo.config.remove(other)


def test_a_rename_of_a_file_changes_nothing(gloo, name):
    gloo.config.write(f"{name}.yaml", service(name, "/same"))
    wait_marker(gloo, f"{name}.test", "/same")
    os.rename(gloo.config.path / f"{name}.yaml", gloo.config.path / f"{name}-moved.yaml")
    gloo.config.write(f"{name}-other.yaml", service(f"{name}-other", "/other"))
    wait_marker(gloo, f"{name}-other.test", "/other")
    wait_marker(gloo, f"{name}.test", "/same")
    assert gloo.status("VirtualService", name)["state"] == "ACCEPTED"


def test_an_object_moves_between_files(gloo, name):
    gloo.config.write(f"{name}-a.yaml", service(name, "/a"))
    wait_marker(gloo, f"{name}.test", "/a")
    gloo.config.write(f"{name}-b.yaml", service(name, "/b"))
    gloo.config.remove(f"{name}-a.yaml")
    wait_marker(gloo, f"{name}.test", "/b")
    gloo.wait_state("VirtualService", name, "ACCEPTED")


def test_a_name_twice_is_rejected_and_the_first_stays(gloo, name):
    gloo.config.write(f"{name}-a.yaml", service(name, "/a"))
    wait_marker(gloo, f"{name}.test", "/a")
    gloo.config.write(f"{name}-b.yaml", service(name, "/b"))

    def said():
        status = gloo.status("VirtualService", name)
        text = str(status["issues"]) + str(gloo.broken_places())
        return f"{name}-a.yaml" in text and f"{name}-b.yaml" in text

    wait_for(said, "both places to be named")
    assert gloo.get(f"{name}.test").json()["path"] == "/a"
    gloo.config.remove(f"{name}-a.yaml")
    wait_marker(gloo, f"{name}.test", "/b")
    gloo.wait_state("VirtualService", name, "ACCEPTED")


def test_folders_come_and_go(gloo, name):
    gloo.config.write(f"{name}/deep/er/file.yaml", service(name, "/deep"))
    wait_marker(gloo, f"{name}.test", "/deep")
    gloo.config.write(f"{name}/deep/er/file.yaml", service(name, "/deeper"))
    wait_marker(gloo, f"{name}.test", "/deeper")
    shutil.rmtree(gloo.config.path / name)
    wait_404(gloo, f"{name}.test")


def test_a_folder_moved_in_with_its_files(gloo, name, tmp_path):
    outside = Folder(tmp_path / "outside")
    outside.write("sub/file.yaml", service(name, "/moved"))
    os.rename(outside.path, gloo.config.path / name)
    wait_marker(gloo, f"{name}.test", "/moved")
    gloo.config.write(f"{name}/sub/file.yaml", service(name, "/edited"))
    wait_marker(gloo, f"{name}.test", "/edited")
    os.rename(gloo.config.path / name, outside.path)
    wait_404(gloo, f"{name}.test")


def test_the_symlink_swap_of_a_config_map(gloo, name):
    """Kubernetes mounts a ConfigMap as file -> ..data/file, ..data -> a dated folder, and swaps ..data."""
    mount = gloo.config.path / name
    mount.mkdir()

    def publish(version, marker):
        dated = mount / f"..2026_{version}"
        dated.mkdir()
        (dated / "file.yaml").write_text(to_yaml(service(name, marker)))
        (mount / "..data_tmp").symlink_to(dated.name)
        os.rename(mount / "..data_tmp", mount / "..data")
        if not (mount / "file.yaml").is_symlink():
            (mount / "file.yaml").symlink_to("..data/file.yaml")

    publish(1, "/v1")
    wait_marker(gloo, f"{name}.test", "/v1")
    for version in range(2, 6):
        publish(version, f"/v{version}")
        shutil.rmtree(mount / f"..2026_{version - 1}")
        wait_marker(gloo, f"{name}.test", f"/v{version}")


def test_a_symlink_to_a_file_elsewhere(gloo, name, tmp_path):
    outside = Folder(tmp_path)
    outside.write("one.yaml", service(name, "/one"))
    outside.write("two.yaml", service(name, "/two"))
    link = gloo.config.path / f"{name}.yaml"
    link.symlink_to(tmp_path / "one.yaml")
    wait_marker(gloo, f"{name}.test", "/one")
    new = gloo.config.path / f"{name}.link"
    new.symlink_to(tmp_path / "two.yaml")
    os.rename(new, link)
    wait_marker(gloo, f"{name}.test", "/two")


def test_a_symlink_that_leads_nowhere_or_in_circles_harms_nobody(gloo, name):
    (gloo.config.path / f"{name}-dangling.yaml").symlink_to("nowhere.yaml")
    (gloo.config.path / f"{name}-circle").symlink_to(".")
    (gloo.config.path / f"{name}-self.yaml").symlink_to(f"{name}-self.yaml")
    gloo.config.write(f"{name}.yaml", service(name, "/fine"))
    wait_marker(gloo, f"{name}.test", "/fine")
    for ending in ("-dangling.yaml", "-circle", "-self.yaml"):
        os.unlink(gloo.config.path / f"{name}{ending}")


def test_a_file_that_no_longer_parses_keeps_its_objects_and_says_so(gloo, name):
    gloo.config.write(f"{name}.yaml", service(f"{name}-a", "/a"), service(f"{name}-b", "/b"))
    wait_marker(gloo, f"{name}-a.test", "/a")
    gloo.config.write(f"{name}.yaml", "this: [is\nno: yaml\n")
    place = wait_for(lambda: next((v for k, v in gloo.broken_places().items() if f"{name}.yaml" in k), None),
                     "the broken place")
    assert place[0]["line"] > 0
    for letter in "ab":
        assert gloo.get(f"{name}-{letter}.test").json()["path"] == f"/{letter}"
        status = gloo.wait_state("VirtualService", f"{name}-{letter}", "WARNING")
        assert status["reason"] == "SourceBroken"
        assert f"{name}.yaml" in str(status)
    gloo.config.write(f"{name}.yaml", service(f"{name}-a", "/a2"))
    wait_marker(gloo, f"{name}-a.test", "/a2")
    wait_404(gloo, f"{name}-b.test")
    wait_for(lambda: not any(f"{name}.yaml" in k for k in gloo.broken_places()), "the place to be well again")


def test_an_unreadable_file_keeps_its_objects_and_says_so(gloo, name):
    path = gloo.config.write(f"{name}.yaml", service(name, "/kept"))
    wait_marker(gloo, f"{name}.test", "/kept")
    if os.geteuid() == 0:
        # Root reads everything: a folder in the file's place cannot be read as a file by anybody.
        os.unlink(path)
        path.mkdir()
        wait_404(gloo, f"{name}.test")
        path.rmdir()
    else:
        path.chmod(0)
        wait_for(lambda: any(f"{name}.yaml" in k for k in gloo.broken_places()), "the broken place")
        assert gloo.get(f"{name}.test").json()["path"] == "/kept"
        path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    gloo.config.write(f"{name}.yaml", service(name, "/again"))
    wait_marker(gloo, f"{name}.test", "/again")


def test_pipes_and_sockets_are_not_read(gloo, name):
    os.mkfifo(gloo.config.path / f"{name}.yaml")
    gloo.config.write(f"{name}-next.yaml", service(f"{name}-next", "/next"))
    wait_marker(gloo, f"{name}-next.test", "/next")
    os.unlink(gloo.config.path / f"{name}.yaml")


def test_odd_file_names(gloo, name):
    for i, odd in enumerate(("with space.yaml", "\u00fcml\u00e4ut.yaml", "quote'\".yaml", "new\nline.yaml")):
        gloo.config.write(f"{name}/{odd}", service(f"{name}-{i}", f"/{i}"))
    for i in range(4):
        wait_marker(gloo, f"{name}-{i}.test", f"/{i}")


def test_the_folder_vanishes_and_returns(new_gateway, echo):
    gateway = new_gateway().start()
    gateway.config.write("a.yaml", upstream("files-echo", echo.port), service("a", "/a"))
    wait_marker(gateway, "a.test", "/a")
    away = gateway.config.path.with_name("away")
    os.rename(gateway.config.path, away)
    wait_for(lambda: gateway.broken_places(), "the complaint about the folder")
    # A folder that is away as a whole is a fault, not a wish: what was good stays.
    stays(lambda: gateway.get("a.test").status == 200, "the good form", 0.5)
    os.rename(away, gateway.config.path)
    wait_for(lambda: not gateway.broken_places(), "the end of the complaint")
    gateway.config.write("b.yaml", service("b", "/b"))
    wait_marker(gateway, "b.test", "/b")
    wait_marker(gateway, "a.test", "/a")


def test_a_storm_of_events_ends_in_the_last_state(new_gateway, echo):
    """Far more events than the kernel's queue holds: the folder is listed again and nothing is lost."""
    gateway = new_gateway().start()
    limit = int(pathlib.Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    gateway.config.write("base.yaml", upstream("files-echo", echo.port))
    junk = gateway.config.path / "junk"
    junk.mkdir()
    count = min(limit, 20000) + 5000
    for i in range(count):
        path = junk / f"{i % 50}.txt"
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        os.unlink(path)
    for i in range(100):
        gateway.config.write(f"s{i}.yaml", service(f"s{i}", f"/{i}"))
    for i in range(0, 100, 2):
        gateway.config.remove(f"s{i}.yaml")
    for i in range(1, 100, 2):
        wait_marker(gateway, f"s{i}.test", f"/{i}", timeout=20)
    for i in range(0, 100, 2):
        wait_404(gateway, f"s{i}.test")


def test_the_users_files_are_never_written(new_gateway, echo):
    gateway = new_gateway()
    gateway.config.write("good.yaml", upstream("files-echo", echo.port), service("good"))
    gateway.config.write("bad.yaml", "kind: [")
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in gateway.config.path.rglob("*")}
    gateway.start()
    gateway.wait_status("good.test")
    gateway.stop()
    after = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in gateway.config.path.rglob("*")}
    assert before == after
    assert (gateway.state / "state.db").exists()


def test_a_read_only_configuration_folder_is_enough(new_gateway, echo):
    gateway = new_gateway()
    gateway.config.write("good.yaml", upstream("files-echo", echo.port), service("good"))
    gateway.config.path.chmod(0o555)
    try:
        gateway.start()
        gateway.wait_status("good.test")
    finally:
        gateway.config.path.chmod(0o755)
