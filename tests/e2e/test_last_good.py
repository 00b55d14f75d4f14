"""Last good state: a bad object never stops a good one, and a restart with a bad one equals none."""

import shutil
import signal
import sqlite3
import stat

import pytest

from harness import http
from harness.config import call, prefix, regex, to, upstream, virtual_service
from harness.waiting import wait_for


@pytest.fixture
def served(new_gateway, echo):
    gateway = new_gateway()
    gateway.config.write("up.yaml", upstream("echo", echo.port, functions={"f": {"path": "/f"}}))
    gateway.config.write("a.yaml", virtual_service("a", "a.test", [{**prefix("/", to("echo")), "prefixRewrite": "/good"}]))
    gateway.config.write("b.yaml", virtual_service("b", "b.test", [prefix("/", call("echo", "f"))]))
    gateway.start()
    gateway.wait_status("a.test")
    gateway.wait_status("b.test")
    return gateway


BAD = virtual_service("a", "a.test", [regex("/(", to("echo"))])


def test_a_rejected_edit_keeps_the_last_good_form_while_others_change(served):
    served.config.write("a.yaml", BAD)
    served.wait_state("VirtualService", "a", "REJECTED")
    assert served.get("a.test", "/x").json()["path"] == "/goodx" or served.get("a.test").json()["path"] == "/good"
    served.config.write("b.yaml", virtual_service("b", "b2.test", [prefix("/", to("echo"))]))
    served.wait_status("b2.test")
    assert served.get("a.test").json()["path"] == "/good"
    # Repaired: in force again.
    served.config.write("a.yaml", virtual_service("a", "a.test", [{**prefix("/", to("echo")), "prefixRewrite": "/new"}]))
    served.wait_answer("a.test", what=lambda r: r.json()["path"] == "/new")
    served.wait_state("VirtualService", "a", "ACCEPTED")


def test_a_wrong_form_that_never_was_good_is_replaced_by_the_next(served, echo):
    mixed = lambda path: virtual_service("m", "m.test", [prefix(path, to("echo")), regex("/(", to("echo"))])
    served.config.write("m.yaml", mixed("/one"))
    served.wait_state("VirtualService", "m", "REJECTED")
    served.wait_status("m.test", "/one")
    served.config.write("m.yaml", mixed("/two"))
    served.wait_status("m.test", "/two")
    served.wait_status("m.test", "/one", 404)
    served.restart()
    served.wait_status("m.test", "/two")
    assert served.wait_state("VirtualService", "m", "REJECTED")


def test_the_last_good_key_pair_survives_a_restart(new_gateway, echo, authority, ca_file):
    gateway = new_gateway()
    tls = http.tls_context(ca_file)
    pair, other = authority.issue("s.test"), authority.issue("s.test")
    gateway.secrets.secret("pair", tls_crt=pair.crt, tls_key=pair.key)
    gateway.config.write("a.yaml", upstream("echo", echo.port),
                         virtual_service("s", "s.test", [prefix("/", to("echo"))], sslConfig={"secretRef": "pair"}))
    gateway.start()
    answered = lambda: http.request(gateway.https_port, "s.test", tls=tls).status == 200
    wait_for(answered, "TLS")
    gateway.secrets.secret("pair", tls_crt=pair.crt, tls_key=other.key)
    gateway.wait_state("VirtualService", "s", "WARNING")
    gateway.restart()
    wait_for(answered, "TLS with the pair that was good")
    assert gateway.wait_state("VirtualService", "s", "WARNING")["reason"] == "BadSecret"


def test_a_restart_with_a_broken_file_serves_what_was_good(served):
    served.config.write("a.yaml", "apiVersion: [broken\n")
    wait_for(lambda: served.broken_places(), "the broken place")
    served.restart()
    assert served.wait_status("a.test").json()["path"] == "/good"
    assert served.wait_status("b.test").json()["path"] == "/f"
    assert served.wait_state("VirtualService", "a", "WARNING", "SyntaxError")["reason"] == "SourceBroken"


def test_a_restart_with_a_rejected_object_serves_what_was_good(served):
    served.config.write("a.yaml", BAD)
    served.wait_state("VirtualService", "a", "REJECTED")
    served.restart()
    assert served.wait_status("a.test").json()["path"] == "/good"
    assert served.wait_state("VirtualService", "a", "REJECTED")


def test_an_edit_made_while_stopped_is_taken_or_refused(served):
    served.stop()
    served.config.write("a.yaml", BAD)
    served.config.write("b.yaml", virtual_service("b", "b.test", [{**prefix("/", to("echo")), "prefixRewrite": "/later"}]))
    served.start()
    assert served.wait_answer("b.test", what=lambda r: r.status == 200 and r.json()["path"] == "/later")
    assert served.wait_status("a.test").json()["path"] == "/good"


def test_an_object_removed_while_stopped_is_gone(served):
    served.stop()
    served.config.remove("a.yaml")
    served.start()
    served.wait_status("b.test")
    served.wait_status("a.test", "/", 404)
    served.wait_gone("VirtualService", "a")


def test_a_restart_without_the_folder_serves_what_was_good(served):
    served.stop()
    away = served.config.path.with_name("away")
    served.config.path.rename(away)
    served.start(wait=False)
    served.wait_ready(20)
    assert served.wait_status("a.test").json()["path"] == "/good"
    assert served.wait_status("b.test").json()["path"] == "/f"
    assert served.admin("/readyz").status == 503
    away.rename(served.config.path)
    wait_for(lambda: served.admin("/readyz").status == 200, "readiness once the folder is back")
    assert served.get("a.test").json()["path"] == "/good"


def test_a_kill_loses_nothing_that_was_served(served):
    served.config.write("c.yaml", virtual_service("c", "c.test", [{**prefix("/", to("echo")), "prefixRewrite": "/c"}]))
    served.wait_status("c.test")
    # Only what is on disk counts after a kill: the status shows that the change was reported, and both are one write.
    served.wait_state("VirtualService", "c", "ACCEPTED")
    wait_for(lambda: "default/c" in str(rows(served.state / "state.db")) or b"c.test" in blob(served.state), "the write")
    served.stop(signal.SIGKILL)
    served.config.write("c.yaml", "broken: [")
    served.start()
    assert served.wait_status("c.test").json()["path"] == "/c"


def rows(path):
    """Everything in the state, read by another reader than ours."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        tables = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
        return {table: connection.execute(f"select * from {table}").fetchall() for table in tables}
    finally:
        connection.close()


def blob(folder):
    return b"".join(path.read_bytes() for path in folder.glob("state.db*"))


def test_the_state_is_private(served):
    assert stat.S_IMODE(served.state.stat().st_mode) & 0o077 == 0
    for path in served.state.glob("state.db*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_damaged_state_is_set_aside(served):
    served.stop()
    for path in served.state.glob("state.db*"):
        path.unlink()
    (served.state / "state.db").write_bytes(b"this is no database" * 1000)
    served.start()
    assert served.wait_status("a.test").json()["path"] == "/good"
    assert any(p.name != "state.db" and b"this is no database" in p.read_bytes()
               for p in served.state.iterdir() if p.is_file())


def test_the_state_may_be_removed(served):
    served.stop()
    shutil.rmtree(served.state)
    served.start()
    assert served.wait_status("a.test").json()["path"] == "/good"


def test_without_a_last_good_form_the_good_routes_are_served(served):
    served.config.write("new.yaml", virtual_service("new", "new.test", [
        {"requestMatcher": {"pathExact": "/bad"}}, prefix("/ok", to("echo")), regex("/(", to("echo"))]))
    served.wait_state("VirtualService", "new", "REJECTED")
    served.wait_status("new.test", "/ok", 200)
    assert served.get("new.test", "/bad").status == 500
    assert served.get("new.test", "/else").status in (404, 500)


def test_secrets_survive_a_restart_without_their_folder(new_gateway, echo, authority, ca_file):
    gateway = new_gateway()
    pair = authority.issue("s.test")
    gateway.secrets.secret("pair", tls_crt=pair.crt, tls_key=pair.key)
    gateway.config.write("a.yaml", upstream("echo", echo.port),
                         virtual_service("s", "s.test", [prefix("/", to("echo"))], sslConfig={"secretRef": "pair"}))
    gateway.start()
    tls = http.tls_context(ca_file)
    wait_for(lambda: http.request(gateway.https_port, "s.test", tls=tls).status == 200, "the TLS route")
    gateway.stop()
    gateway.secrets.path.rename(gateway.secrets.path.with_name("away"))
    gateway.start(wait=False)
    gateway.wait_ready()
    wait_for(lambda: http.request(gateway.https_port, "s.test", tls=tls).status == 200, "the TLS route, from the state")
