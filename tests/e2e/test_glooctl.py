"""glooctl: what is there, what is wrong, and which route takes a request; on a gateway or on files alone."""

import json
import os
import pathlib
import re
import shutil
import subprocess

import jsonschema
import pytest
import yaml

from harness import http
from harness.config import Folder, call, exact, prefix, regex, to, upstream, virtual_service
from harness.gateway import GLOOCTL, ROOT, glooctl


@pytest.fixture(scope="module", autouse=True)
def base(gloo, echo):
    gloo.config.write("base.yaml", upstream("ctl-echo", echo.port, functions={
        "find": {"path": "/found/{{ id }}", "headers": {"x-made": "{{ header(\"x-in\") }}"}},
        "add": {"path": "/add", "body": "{\"name\": \"{{ name }}\"}"},
    }))
    gloo.config.write("vs.yaml", virtual_service("ctl", "ctl.test", [
        {**exact("/health", to("ctl-echo")), "name": "health"},
        {**prefix("/pets/", call("ctl-echo", "find"), extensions={"parameters": {"path": "/pets/{id}"}}), "name": "find"},
        {**prefix("/add", call("ctl-echo", "add"), verbs=["POST"]), "name": "add"},
        {**prefix("/", to("ctl-echo")), "name": "rest"},
    ]))
    gloo.config.write("bad.yaml", virtual_service("ctl-bad", "ctl-bad.test", [regex("/(", to("ctl-echo"))]))
    gloo.wait_status("ctl.test")
    gloo.wait_state("VirtualService", "ctl-bad", "REJECTED")
    return gloo


def run(gateway, *args, **more):
    done = gateway.ctl(*args, **more)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.mark.parametrize("word", ["upstreams", "upstream", "us"])
def test_get_upstreams(gloo, word):
    done = gloo.ctl("get", word)
    assert "ctl-echo" in done.stdout and "Accepted" in done.stdout


def test_get_shows_the_state_and_the_mistake(gloo):
    out = run(gloo, "get", "virtualservices")
    lines = {line.split()[0].rsplit("/", 1)[-1]: line for line in out.splitlines() if line.strip()}
    assert "Accepted" in lines["ctl"]
    assert "Rejected" in lines["ctl-bad"]
    assert "pathRegex" in out


def test_get_one_in_each_form(gloo):
    for form, load in (("yaml", yaml.safe_load), ("json", json.loads)):
        out = load(run(gloo, "get", "virtualservices", "ctl", "-o", form))
        found = out[0] if isinstance(out, list) else out
        assert found["kind"] == "VirtualService" and found["metadata"]["name"] == "ctl"
        assert found["status"]["state"].upper() == "ACCEPTED"
    assert "ctl" in run(gloo, "get", "virtualservices", "-o", "table")


def test_get_functions(gloo):
    out = run(gloo, "get", "functions")
    assert "find" in out and "add" in out and "ctl-echo" in out


def test_get_what_is_not_there(gloo):
    done = gloo.ctl("get", "upstreams", "nothing-here")
    assert done.returncode != 0
    assert "nothing-here" in done.stderr


def test_get_an_unknown_kind_suggests(gloo):
    done = gloo.ctl("get", "upstrems")
    assert done.returncode != 0
    assert "upstreams" in done.stderr


def test_without_a_gateway_the_message_says_what_to_do(tmp_path):
    done = glooctl("--admin", "127.0.0.1:1", "get", "upstreams")
    assert done.returncode != 0
    assert "127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr and "terminate" not in done.stderr


def test_apply_and_delete(gloo, echo, name):
    new = Folder(gloo.root / f"in-{name}")
    path = new.write("new.yaml", virtual_service(name, f"{name}.test", [prefix("/", to("ctl-echo"))]))
    run(gloo, "apply", "-f", path)
    gloo.wait_status(f"{name}.test")
    # Again with a change: updated in place.
    new.write("new.yaml", virtual_service(name, f"{name}.test", [{**prefix("/", to("ctl-echo")), "prefixRewrite": "/n"}]))
    run(gloo, "apply", "-f", path)
    gloo.wait_answer(f"{name}.test", what=lambda r: r.status == 200 and r.json()["path"] == "/n")
    run(gloo, "delete", "-f", path)
    gloo.wait_status(f"{name}.test", "/", 404)


def test_apply_from_standard_input(gloo, name):
    from harness.config import to_yaml

    text = to_yaml(virtual_service(name, f"{name}.test", [prefix("/", to("ctl-echo"))]))
    run(gloo, "apply", "-f", "-", stdin=text)
    gloo.wait_status(f"{name}.test")
    run(gloo, "delete", "-f", "-", stdin=text)
    gloo.wait_status(f"{name}.test", "/", 404)


def test_apply_refuses_what_is_wrong_and_writes_nothing(gloo, name):
    new = Folder(gloo.root / f"in-{name}")
    before = sorted(p.name for p in gloo.config.path.rglob("*"))
    path = new.write("new.yaml",
                     virtual_service(name, f"{name}.test", [prefix("/", to("ctl-echo"))]),
                     virtual_service(f"{name}-bad", f"bad-{name}.test", [regex("/(", to("ctl-echo"))]))
    done = gloo.ctl("apply", "-f", path)
    assert done.returncode != 0
    assert "pathRegex" in done.stderr + done.stdout
    assert sorted(p.name for p in gloo.config.path.rglob("*")) == before


def test_apply_and_delete_refuse_what_a_file_of_the_user_defines(gloo, name):
    mine = gloo.config.write(f"{name}.yaml", virtual_service(name, f"{name}.test", [prefix("/", to("ctl-echo"))]))
    gloo.wait_status(f"{name}.test")
    before = mine.read_text()
    path = Folder(gloo.root / f"in-{name}").write("new.yaml", virtual_service(
        name, f"{name}.test", [{**prefix("/", to("ctl-echo")), "prefixRewrite": "/new"}]))
    for verb in ("apply", "delete"):
        done = gloo.ctl(verb, "-f", path)
        assert done.returncode == 1
        assert re.search(rf"VirtualService default/{name} is defined in .*{name}\.yaml:1; edit that file", done.stderr)
    assert mine.read_text() == before
    assert gloo.get(f"{name}.test").status == 200


def test_proxy_snapshot_hides_secrets(gloo, authority, name):
    pair = authority.issue(f"{name}.test")
    gloo.secrets.secret(name, tls_key=pair.key, tls_crt=pair.crt)
    gloo.config.write(f"{name}.yaml", virtual_service(name, f"{name}.test", [prefix("/", to("ctl-echo"))],
                                                     sslConfig={"secretRef": name}))
    gloo.wait_state("VirtualService", name, "ACCEPTED")
    out = run(gloo, "proxy", "snapshot")
    assert f"{name}.test" in out
    assert pair.key.splitlines()[1] not in out
    json.loads(out)


# Offline, on files alone.


@pytest.fixture
def files(tmp_path):
    folder = Folder(tmp_path / "config")
    folder.write("all.yaml", upstream("up", 8000, functions={
        "find": {"path": "/found/{{ id }}", "headers": {"x-made": "{{ header(\"x-in\") }}"}},
        "add": {"path": "/add", "body": "{\"name\": \"{{ name }}\"}"},
        "hop": {"path": "/{{ id }}", "appendHeaders": {"x-hop": "b"}, "onError": "pass"}}),
        virtual_service("vs", ["www.test", "*.wild.test"], [
            {**exact("/health", to("up")), "name": "health"},
            {**prefix("/pets/", call("up", "find"), extensions={"parameters": {"path": "/pets/{id}"}}), "name": "find"},
            {**prefix("/tier", to("up"), headers={"x-tier": "gold"}), "name": "gold"},
            {**prefix("/add", call("up", "add"), verbs=["POST"]), "name": "add"},
            {**prefix("/hop", call("up", "hop"), extensions={"parameters": {"query": {"id": "{id}"}}}), "name": "hop"},
        ]))
    return folder.path


def explain(files, *args):
    return glooctl("explain", "-f", files, *args)


@pytest.mark.parametrize(
    "args, words",
    [
        (["--host", "www.test", "--path", "/health"], ["vs", "health", "up"]),
        (["--host", "WWW.test:8080", "--path", "/health"], ["health"]),
        (["--host", "a.b.wild.test", "--path", "/health"], ["*.wild.test", "health"]),
        (["--host", "www.test", "--path", "/pets/7", "-H", "x-in: yes"], ["find", "/found/7", "x-made", "yes"]),
        (["--host", "www.test", "--path", "/tier/x", "-H", "X-Tier: gold"], ["gold"]),
        (["--host", "www.test", "--path", "/add", "-X", "POST"], ["add"]),
        (["--host", "www.test", "--path", "/hop?id=7", "-H", "x-hop: a"], ["GET /7", "x-hop: a,b"]),
        (["--host", "www.test", "--path", "/hop", "-H", "x-hop: a"], ["GET /hop", "x-hop: a\n"]),
    ],
    ids=["exact", "spelling", "wildcard", "function", "header", "method", "appended", "passed"],
)
def test_explain_names_the_route_and_renders_the_request(files, args, words):
    done = explain(files, *args)
    assert done.returncode == 0, done.stderr
    for word in words:
        assert word in done.stdout, done.stdout


@pytest.mark.parametrize(
    "args, word",
    [
        (["--host", "nobody.test", "--path", "/"], "nobody.test"),
        (["--host", "www.test", "--path", "/none"], "404"),
        (["--host", "www.test", "--path", "/add", "-X", "GET"], "404"),
        (["--host", "www.test", "--path", "/tier", "-H", "x-tier: tin"], "404"),
    ],
)
def test_explain_says_when_no_route_takes_it(files, args, word):
    done = explain(files, *args)
    assert word in done.stdout + done.stderr


# Path, method and headers.
REQUESTS = [
    ("/pets/12", "GET", {"x-in": "v"}), ("/pets/12?a=b", "GET", {}), ("/pets//12", "GET", {}), ("/pets/./12", "GET", {}),
    ("/x/../pets/12", "GET", {}), ("/%70ets/12", "GET", {}), ("/pets%2F12", "GET", {}), ("/pets/1%2f2?q=%2F", "GET", {}),
    ("/pets%5C12", "GET", {}), ("/pets\\12", "GET", {}), ("/pets/%2e%2e/health", "GET", {}), ("/pets/a%20b", "GET", {}),
    ("/pets/{1}", "GET", {}), ("/pets/a%252Fb", "GET", {}), ("/pets/a;b", "GET", {}), ("/pets/12#top", "GET", {}),
    ("/pets/%00", "GET", {}), ("/pets/caf\N{LATIN SMALL LETTER E WITH ACUTE}", "GET", {}), ("/pets/", "GET", {}),
    ("/health", "GET", {}), ("/health/", "GET", {}), ("//health", "GET", {}), ("/HEALTH", "GET", {}), ("/", "GET", {}),
    ("/add", "GET", {}), ("/add", "DELETE", {}), ("/other?x=//y/../z", "GET", {}),
    ("/health", "GET", {"x_y": "1"}), ("/health", "GET", {"x-gloo-scope": "http|other.test"}),
    ("/health", "GET", {"x-envoy-retry-on": "5xx", "x-kept": "1"}), ("/pets/12", "GET", {"keep-alive": "3", "te": "trailers"}),
]


@pytest.mark.parametrize("path, method, headers", REQUESTS)
def test_explain_agrees_with_the_gateway(gloo, path, method, headers):
    """The answer or the request that explain tells is what Envoy answers or what the upstream gets."""
    flags = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    out = glooctl("explain", "-f", gloo.config.path, "--host", "ctl.test", "--path", path, "-X", method, *flags).stdout
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    data = http.raw(gloo.http_port, f"{method} {path} HTTP/1.1\r\nhost: ctl.test\r\n{lines}connection: close\r\n\r\n".encode())
    head, _, body = data.partition(b"\r\n\r\n")
    status = int(head.split()[1])
    answer = re.search(r"^answer +(\d+): (.*)", out, re.MULTILINE)
    if answer:
        assert int(answer[1]) == status, out
        if status == 307:
            location = re.search(rb"^location: (.*?)\r?$", head, re.MULTILINE)[1].decode()
            assert f"redirected to {location}," in answer[2]
        return
    assert status == 200, out
    sent = re.search(r"^sent on +(\S+) (\S+)$", out, re.MULTILINE)
    seen = json.loads(body)
    assert (sent[1], sent[2]) == (seen["method"], seen["path"])
    told = dict(re.findall(r"^ {17}([a-z0-9_-]+): (.*)$", out, re.MULTILINE))
    own = {"x-forwarded-for", "x-forwarded-proto", "x-request-id", "x-envoy-expected-rq-timeout-ms",
           "x-envoy-external-address", "x-envoy-internal", "x-envoy-original-path", "content-length"}
    got = {name.lower(): value for name, value in seen["headers"].items()}
    assert {k: v for k, v in told.items() if k not in own} == {k: v for k, v in got.items() if k not in own}


def test_explain_beside_a_gateway_needs_no_folder(gloo):
    out = run(gloo, "explain", "--host", "ctl.test", "--path", "/pets/12")
    assert "sent on          GET /found/12" in out
    done = glooctl("--admin", "127.0.0.1:1", "explain", "--host", "ctl.test")
    assert done.returncode == 3
    assert done.stderr.startswith("glooctl: give the configuration with -f; ")


def test_schema_describes_the_files(gloo):
    schema = json.loads(glooctl("schema").stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for path in (ROOT / "examples").rglob("*.yaml"):
        if ".state" in path.parts:
            continue
        for document in yaml.safe_load_all(path.read_text()):
            assert not list(validator.iter_errors(document)), path
    wrong = virtual_service("x", "x.test", [{"requestMatcher": {"pathPrefx": "/"}, **to("u")}])
    assert list(validator.iter_errors(wrong))
    wrong = upstream("x", 80)
    wrong["spec"]["spec"]["hosts"][0]["prt"] = 1
    assert list(validator.iter_errors(wrong))
    assert "description" in json.dumps(schema)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell, tmp_path):
    done = glooctl("completion", shell)
    assert done.returncode == 0, done.stderr
    assert "glooctl" in done.stdout and "validate" in done.stdout
    if shell == "bash":
        import subprocess

        script = tmp_path / "completion"
        script.write_text(done.stdout)
        assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0


def test_help_lists_the_verbs_and_every_verb_has_help():
    text = glooctl("--help").stdout
    for verb in ("get", "apply", "delete", "validate", "explain", "proxy", "schema", "completion"):
        assert re.search(rf"^\s+{verb}\b", text, re.M), text
        done = glooctl(verb, "--help")
        assert done.returncode == 0 and len(done.stdout) > 80, verb


def test_the_example_is_valid():
    done = glooctl("validate", "-f", ROOT / "examples/petstore/config")
    assert done.returncode == 0, done.stdout + done.stderr


def test_statuses_can_be_read_while_the_gateway_is_down(new_gateway, echo):
    gateway = new_gateway(command="serve")
    gateway.config.write("a.yaml", upstream("up", echo.port), virtual_service("bad", "x.test", [regex("/(", to("up"))]))
    gateway.start()
    gateway.wait_state("VirtualService", "bad", "REJECTED")
    gateway.stop()
    done = glooctl("get", "virtualservices", "--config-dir", gateway.config.path, "--state-dir", gateway.state)
    if done.returncode != 0:
        pytest.fail(done.stderr)
    assert "Rejected" in done.stdout


def test_messages_about_files_are_relative_to_what_was_given(tmp_path):
    path = pathlib.Path(tmp_path / "x.yaml")
    path.write_text("kind: Upstrem\n")
    done = glooctl("validate", "-f", "x.yaml", cwd=tmp_path)
    assert re.search(r"(^|\s)x\.yaml:1:", done.stdout + done.stderr)


def test_the_reference_in_the_docs_is_what_the_protos_say():
    """Write it anew with: build/bin/glooctl reference > docs/reference/configuration.md"""
    assert (ROOT / "docs/reference/configuration.md").read_text() == glooctl("reference").stdout


COMPLETE = """
source <("$GLOOCTL" completion bash)
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _glooctl
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize("words, offered, not_offered", [
    (["glooctl", ""], {"get", "apply", "explain"}, {"--admin"}),
    (["glooctl", "ge"], {"get"}, {"apply"}),
    (["glooctl", "--"], {"--admin", "--config-dir", "--state-dir", "--help"}, {"get"}),
    (["glooctl", "get", ""], {"upstreams", "virtualservices", "roles", "functions"}, {"apply"}),
    (["glooctl", "get", "--"], {"--output", "--admin"}, {"upstreams"}),
    (["glooctl", "get", "-o", ""], {"table", "yaml", "json"}, {"upstreams"}),
    # The value of a flag is no verb, however bash splits it.
    (["glooctl", "--state-dir", "x", ""], {"get", "apply"}, {"upstreams"}),
    (["glooctl", "--admin", "127.0.0.1", ":", "9091", "get", "u"], {"upstreams"}, {"get"}),
    (["glooctl", "--admin", "=", "127.0.0.1", ":", "9091", "ge"], {"get"}, {"upstreams"}),
    (["glooctl", "proxy", ""], {"snapshot", "clients", "status"}, {"get"}),
    (["glooctl", "proxy", "--"], {"--node", "--role", "--output"}, {"get"}),
])
def test_bash_completes(words, offered, not_offered):
    done = subprocess.run(["bash", "-c", COMPLETE, "bash", *words], text=True, capture_output=True, check=True,
                          env={**os.environ, "GLOOCTL": str(GLOOCTL)}, timeout=30)
    assert done.stderr == ""
    reply = set(done.stdout.split())
    assert offered <= reply and not not_offered & reply, reply


@pytest.mark.parametrize("shell, check", [("bash", ["bash", "-n"]), ("zsh", ["zsh", "-n"]), ("fish", ["fish", "--no-execute"])])
def test_completion_scripts_are_whole(shell, check, tmp_path):
    script = tmp_path / f"glooctl.{shell}"
    script.write_text(glooctl("completion", shell).stdout)
    assert "virtualservices" in script.read_text() and "admin" in script.read_text()
    # The other shells may not be installed.
    if shutil.which(check[0]):
        done = subprocess.run([*check, str(script)], text=True, capture_output=True, check=False, timeout=30)
        assert (done.returncode, done.stderr) == (0, "")
