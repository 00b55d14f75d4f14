"""What is wrong with a file is said exactly: file, line, column, object, field as typed, and what would be right.

`glooctl validate` reads the files with the very code of the gateway, so most of it is checked offline.
"""

import pathlib
import re

import pytest

from harness.config import prefix, to, upstream, virtual_service
from harness.gateway import glooctl
from harness.waiting import stays, wait_for

GOOD = """\
apiVersion: gloo.solo.io/v1
kind: Upstream
metadata:
  name: good
spec:
  type: static
  spec:
    hosts:
      - addr: 127.0.0.1
        port: 80
"""

SERVICE = """\
apiVersion: gloo.solo.io/v1
kind: VirtualService
metadata:
  name: service
spec:
  domains: [a.test]
  routes:
    - requestMatcher:
        {matcher}
      singleDestination:
        upstream:
          name: good
"""


def validate(folder):
    done = glooctl("validate", "-f", folder)
    return done.returncode, done.stdout + done.stderr


def check(tmp_path, text, name="file.yaml"):
    """Validates one file (and a good upstream beside it); gives the output, which must name the file."""
    (tmp_path / "good.yaml").write_text(GOOD)
    data = text if isinstance(text, bytes) else text.encode()
    (tmp_path / name).write_bytes(data)
    status, output = validate(tmp_path)
    assert status != 0, output
    assert name in output, output
    return output


def test_a_near_miss_has_file_line_column_object_path_and_suggestion(tmp_path):
    output = check(tmp_path, SERVICE.format(matcher="pathPrefx: /a"))
    assert "file.yaml:9:9" in output
    assert "spec.routes[0].requestMatcher.pathPrefx" in output
    assert "pathPrefix" in output
    assert "service" in output


def test_the_path_is_shown_as_typed(tmp_path):
    output = check(tmp_path, SERVICE.replace("requestMatcher", "request_matcher").format(matcher="path_prefx: /a"))
    assert "spec.routes[0].request_matcher.path_prefx" in output
    assert "path_prefix" in output or "pathPrefix" in output


def test_all_mistakes_at_once(tmp_path):
    text = SERVICE.format(matcher="pathPrefx: /a").replace("name: good", "nme: good").replace("domains: [a.test]",
                                                                                               "domains: 7")
    output = check(tmp_path, text)
    for part in ("pathPrefx", "nme", "domains"):
        assert part in output
    assert len(re.findall(r"file\.yaml:\d+:\d+", output)) >= 3


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("port: 80", "port: eighty", ["spec.spec.hosts[0].port", "file.yaml:10:"]),
        ("port: 80", "port: 80.5", ["spec.spec.hosts[0].port"]),
        ("port: 80", "port: -1", ["spec.spec.hosts[0].port"]),
        ("port: 80", "port: [80]", ["spec.spec.hosts[0].port"]),
        ("name: good", "name: n", None),
        ("name: good", "name: 7", ["metadata.name"]),
        ("name: good", "name: Bad_Name", ["metadata.name", "file.yaml:4:"]),
        ("name: good", "nmae: good", ["metadata.nmae", "name"]),
        ("kind: Upstream", "kind: Upstrem", ["kind", "Upstream"]),
        ("kind: Upstream", "knd: Upstream", ["kind"]),
        ("gloo.solo.io/v1", "gloo.solo.io/v2", ["apiVersion", "gloo.solo.io/v1"]),
        ("hosts:", "hosts: &h", None),
        ("    hosts:\n", "    hosts:\n      - *nothing\n", ["file.yaml:9:"]),
        ("  type: static", "  type: static\n  type: static", ["type"]),
        ("  type: static", "\ttype: static", ["file.yaml:6:", "tab"]),
        ("  type: static", "  type: static\n  status: {}", ["spec.status"]),
        ("spec:\n  type", "spec:\n  - type", ["spec"]),
    ],
    ids=["text", "fraction", "negative", "list", "name-n", "name-number", "bad-name", "nmae", "kind", "no-kind", "version",
         "anchor", "no-anchor", "double-key", "tab", "unknown", "list-for-mapping"],
)
def test_mistakes_in_an_upstream(tmp_path, old, new, words):
    text = GOOD.replace(old, new)
    assert text != GOOD
    if words is None:
        (tmp_path / "file.yaml").write_text(text)
        status, output = validate(tmp_path)
        assert status == 0, output
        return
    (tmp_path / "file.yaml").write_text(text)
    status, output = validate(tmp_path)
    assert status != 0
    assert "file.yaml" in output
    for word in words:
        assert word in output, output


def test_a_word_that_yaml_reads_as_a_boolean_is_text_where_text_is_wanted(tmp_path):
    for word in ("n", "no", "on", "y", "yes", "off"):
        (tmp_path / "file.yaml").write_text(GOOD.replace("name: good", f"name: {word}"))
        assert validate(tmp_path)[0] == 0, word


def test_a_boolean_where_text_is_wanted_is_said_so(tmp_path):
    output = check(tmp_path, GOOD.replace("name: good", "name: true"))
    assert "metadata.name" in output


def test_an_alias_bomb_is_refused(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for i in range(1, 12):
        lines.append(f"a{i}: &a{i} [" + ", ".join([f"*a{i - 1}"] * 10) + "]")
    output = check(tmp_path, "\n".join(lines) + "\n")
    assert len(output) < 20000


def test_anchors_and_aliases_of_a_normal_size_work(tmp_path):
    (tmp_path / "file.yaml").write_text(GOOD.replace("      - addr: 127.0.0.1\n        port: 80\n",
                                                     "      - &h {addr: 127.0.0.1, port: 80}\n      - *h\n"))
    status, output = validate(tmp_path)
    assert status == 0, output


def test_deep_nesting_is_refused(tmp_path):
    check(tmp_path, "spec: " + "[" * 5000 + "]" * 5000)
    check(tmp_path, '{"a":' * 5000 + "1" + "}" * 5000, "file.json")


def test_invalid_utf8_is_refused(tmp_path):
    output = check(tmp_path, GOOD.encode().replace(b"good", b"g\xff\xfed"))
    assert "UTF-8" in output


def test_a_null_byte_is_refused(tmp_path):
    check(tmp_path, GOOD.encode().replace(b"good", b"go\x00od"))


def test_a_file_of_50_mb_is_refused_with_the_limit(tmp_path):
    output = check(tmp_path, "# " + "x" * (50 << 20))
    assert "MB" in output or "MiB" in output or "bytes" in output
    assert len(output) < 2000


@pytest.mark.parametrize("text", ["", "\n\n", "---\n---\n", "# only a comment\n", "---\n...\n", "\ufeff" + GOOD])
def test_empty_documents_are_no_mistake(tmp_path, text):
    (tmp_path / "file.yaml").write_text(text)
    (tmp_path / "other.yaml").write_text(GOOD.replace("name: good", "name: other"))
    status, output = validate(tmp_path)
    assert status == 0, output


@pytest.mark.parametrize("text", ["just text", "42", "[1, 2]", "- a\n- b\n", "{unclosed", "key: [1, 2", "%YAML 9.9\n---\na", "@"])
def test_what_is_no_object_is_refused_with_its_place(tmp_path, text):
    output = check(tmp_path, text)
    assert re.search(r"file\.yaml(:\d+)?", output)


def test_duplicate_objects_name_both_places(tmp_path):
    (tmp_path / "a.yaml").write_text(GOOD)
    output = check(tmp_path, GOOD, "file.yaml")
    assert "good" in output
    assert "a.yaml" in output and "good.yaml" in output or "file.yaml" in output


@pytest.mark.parametrize(
    "text, path",
    [
        (GOOD + "  functions:\n    - name: f\n      spec: {path: /}\n    - name: f\n      spec: {path: /}\n  serviceInfo: {type: REST}\n",
         "spec.functions[1].name"),
        (SERVICE.format(matcher="pathPrefix: /").replace("[a.test]", "[a.test, A.test]"), "spec.domains[1]"),
    ],
    ids=["function", "domain"],
)
def test_duplicate_names_inside_an_object(tmp_path, text, path):
    assert path in check(tmp_path, text)


def test_two_of_a_oneof_are_refused(tmp_path):
    output = check(tmp_path, SERVICE.format(matcher="{pathPrefix: /a, pathExact: /b}"))
    assert "pathExact" in output and "pathPrefix" in output


def test_json_has_places_too(tmp_path):
    text = '{\n  "apiVersion": "gloo.solo.io/v1",\n  "kind": "Upstream",\n  "metadata": {"name": "j"},\n' \
           '  "spec": {\n    "typ": "static"\n  }\n}\n'
    output = check(tmp_path, text, "file.json")
    assert "file.json:6:5" in output
    assert "spec.typ" in output


def test_many_documents_a_file_and_any_layout(tmp_path):
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    (deep / "many.yaml").write_text("---\n".join(GOOD.replace("name: good", f"name: u{i}") for i in range(20)))
    (deep / "more.yml").write_text(GOOD.replace("name: good", "name: yml"))
    (tmp_path / "readme.txt").write_text("no configuration")
    status, output = validate(tmp_path)
    assert status == 0, output
    (deep / "many.yaml").write_text((deep / "many.yaml").read_text() + "---\n" + GOOD.replace("port: 80", "prt: 80"))
    status, output = validate(tmp_path)
    assert status != 0 and "many.yaml:21" in output, output


def test_validate_says_what_is_good_and_takes_one_file(tmp_path):
    path = tmp_path / "one.yaml"
    path.write_text(GOOD)
    status, output = validate(path)
    assert status == 0, output
    path.write_text(GOOD.replace("port", "prt"))
    assert validate(path)[0] != 0


def test_validate_of_nothing_is_a_mistake(tmp_path):
    status, output = validate(tmp_path / "nowhere")
    assert status != 0
    assert "nowhere" in output


def test_validate_finds_what_only_the_translation_sees(tmp_path):
    output = check(tmp_path, SERVICE.format(matcher="pathRegex: 'a(b'"))
    assert "file.yaml:9:" in output
    assert "spec.routes[0].requestMatcher.pathRegex" in output


def test_the_log_shows_the_place_of_a_mistake_and_the_others_go_on(gloo, echo, name):
    gloo.config.write(f"{name}-good.yaml", upstream(name, echo.port),
                      virtual_service(f"{name}-good", f"good-{name}.test", [prefix("/", to(name))]))
    gloo.wait_status(f"good-{name}.test")
    gloo.config.write(f"{name}.yaml", SERVICE.format(matcher="pathPrefx: /a").replace("name: service", f"name: {name}"))
    status = gloo.wait_state("VirtualService", name, "REJECTED")
    issue = next(i for i in status["issues"] if "pathPrefx" in i["path"])
    assert pathlib.Path(issue["file"]).name == f"{name}.yaml"
    assert (issue["line"], issue["column"]) == (9, 9)
    assert "pathPrefix" in issue["message"]
    wait_for(lambda: f"{name}.yaml:9:9" in gloo.log() and "pathPrefx" in gloo.log(), "the log line")
    stays(lambda: gloo.get(f"good-{name}.test").status == 200, "the good route", 0.1)


def test_the_documents_beside_a_wrong_one_are_served(gloo, echo, name):
    gloo.config.write(f"{name}.yaml", GOOD.replace("name: good", f"name: {name}-bad").replace("port: 80", "prt: 80") +
                      "---\n" + SERVICE.format(matcher="pathPrefix: /").replace("a.test", f"{name}.test").replace(
                          "name: service", f"name: {name}").replace("name: good", f"name: {name}") +
                      "---\n" + GOOD.replace("name: good", f"name: {name}").replace("port: 80", f"port: {echo.port}"))
    gloo.wait_status(f"{name}.test")
    gloo.wait_state("Upstream", f"{name}-bad", "REJECTED")
