"""glooctl: what is there, what is wrong, and which route takes a request; on a gateway or on files alone."""
import json
import pathlib
import re
import jsonschema
import pytest
import yaml
from harness.config import call, exact, prefix, regex, to, upstream, virtual_service
from harness.gateway import ROOT, glooctl


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


def test_help_lists_the_verbs_and_every_verb_has_help():
    text = glooctl("--help").stdout
    for verb in ("validate", "proxy", "schema", "reference", "version"):
        assert re.search(rf"^\s+{verb}\b", text, re.M), text
        done = glooctl(verb, "--help")
        assert done.returncode == 0 and len(done.stdout) > 80, verb


def test_the_example_is_valid():
    done = glooctl("validate", "-f", ROOT / "examples/petstore/config")
    assert done.returncode == 0, done.stdout + done.stderr


def test_messages_about_files_are_relative_to_what_was_given(tmp_path):
    path = pathlib.Path(tmp_path / "x.yaml")
    path.write_text("kind: Upstrem\n")
    done = glooctl("validate", "-f", "x.yaml", cwd=tmp_path)
    assert re.search(r"(^|\s)x\.yaml:1:", done.stdout + done.stderr)
