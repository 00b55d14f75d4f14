"""What is wrong with a file is said exactly: file, line, column, object, field as typed, and what would be right.

A control plane alone reads one folder for the whole module; each test writes into a folder of its own below it, and
reads what the statuses and the list of broken places say of its files.
"""

import pathlib
import re

import pytest

from harness.config import Folder, prefix, to, upstream, virtual_service
from harness.gateway import Gateway
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


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    gateway = Gateway(tmp_path_factory.mktemp("plane"), command="serve").start()
    yield gateway
    gateway.stop()


class Checked:
    """The folder of one test, and what the control plane says of it."""

    def __init__(self, gateway, name):
        self.gateway = gateway
        self.name = name
        self.folder = Folder(gateway.config.path / name)

    def lines(self, severities=("Error",)):
        """The issues of this folder's files: FILE:LINE:COLUMN: OBJECT: PATH: MESSAGE."""
        out = []
        for kind in ("Upstream", "VirtualService", "Role"):
            for key, entry in self.gateway.entries(kind).items():
                out += [(issue, f"{kind} {key}") for issue in entry["status"].get("issues", [])]
        out += [(issue, place) for place, issues in self.gateway.broken_places().items() for issue in issues]
        return sorted({f"{i['file'].removeprefix(self.name + '/')}:{i.get('line')}:{i.get('column')}: {owner}: "
                       f"{i.get('path', '')}: {i['message']}"
                       for i, owner in out if i.get("file", "").startswith(self.name + "/") and i["severity"] in severities})

    def good(self, name):
        """Waits until an Upstream of this folder is accepted; nothing of the folder is wrong then."""
        self.gateway.wait_state("Upstream", name, "ACCEPTED")
        assert self.lines() == []

    def bad(self, text, name="file.yaml"):
        """Writes a file with mistakes; gives what is said about it."""
        self.folder.write(name, text)
        return "\n".join(wait_for(lambda: [line for line in self.lines(("Error", "Warning")) if line.startswith(name)],
                                  f"a word about {name}"))


@pytest.fixture
def checked(plane, name):
    one = Checked(plane, name)
    yield one
    for path in one.folder.path.rglob("*"):
        if path.is_file():
            path.unlink()
    # The names of the objects are the same in many tests: the next one waits for the end of these.
    wait_for(lambda: not one.lines(("Error", "Warning")) and not any(
        "good" in key or "service" in key for kind in ("Upstream", "VirtualService") for key in plane.entries(kind)),
        "the objects of the test to go")


def test_a_near_miss_has_file_line_column_object_path_and_suggestion(checked):
    output = checked.bad(SERVICE.format(matcher="pathPrefx: /a"))
    assert "file.yaml:9:9" in output
    assert "spec.routes[0].requestMatcher.pathPrefx" in output
    assert "pathPrefix" in output
    assert "service" in output


def test_the_path_is_shown_as_typed(checked):
    output = checked.bad(SERVICE.replace("requestMatcher", "request_matcher").format(matcher="path_prefx: /a"))
    assert "spec.routes[0].request_matcher.path_prefx" in output
    assert "path_prefix" in output or "pathPrefix" in output


def test_all_mistakes_at_once(checked):
    text = SERVICE.format(matcher="pathPrefx: /a").replace("name: good", "nme: good").replace("domains: [a.test]",
                                                                                               "domains: 7")
    output = checked.bad(text)
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
        ("name: good", "name: 7", None),
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
        ("metadata:\n  name: good", "metadata: [name]", ["metadata", "file.yaml:3:"]),
    ],
    ids=["text", "fraction", "negative", "list", "name-n", "name-number", "bad-name", "nmae", "kind", "no-kind", "version",
         "anchor", "no-anchor", "double-key", "tab", "unknown", "list-for-mapping"],
)
def test_mistakes_in_an_upstream(checked, old, new, words):
    text = GOOD.replace(old, new)
    assert text != GOOD
    if words is None:
        checked.folder.write("file.yaml", text)
        checked.good(re.search(r"name: (\S+)", text)[1])
        return
    output = checked.bad(text)
    for word in words:
        assert word in output, output


def test_a_word_that_yaml_reads_as_a_boolean_is_text_where_text_is_wanted(checked):
    for word in ("n", "no", "on", "y", "yes", "off", "true"):
        checked.folder.write("file.yaml", GOOD.replace("name: good", f"name: {word}"))
        checked.good(word)


def test_text_where_a_boolean_is_wanted_is_said_so(checked):
    output = checked.bad(GOOD.replace("    hosts:", "    http2: maybe\n    hosts:"))
    assert "spec.spec.http2" in output and "file.yaml:8:" in output


def test_an_alias_bomb_is_refused(checked):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for i in range(1, 12):
        lines.append(f"a{i}: &a{i} [" + ", ".join([f"*a{i - 1}"] * 10) + "]")
    output = checked.bad("\n".join(lines) + "\n")
    assert len(output) < 20000


def test_anchors_and_aliases_of_a_normal_size_work(checked):
    checked.folder.write("file.yaml", GOOD.replace("port: 80", "port: &p 80\n      - addr: 127.0.0.2\n        port: *p"))
    checked.good("good")


def test_deep_nesting_is_refused(checked):
    checked.bad("spec: " + "[" * 5000 + "]" * 5000)
    checked.bad('{"a":' * 5000 + "1" + "}" * 5000, "file.json")


def test_invalid_utf8_is_refused(checked):
    output = checked.bad(GOOD.encode().replace(b"good", b"g\xff\xfed"))
    assert "UTF-8" in output


def test_a_null_byte_is_refused(checked):
    checked.bad(GOOD.encode().replace(b"good", b"go\x00od"))


def test_a_file_of_50_mb_is_refused_with_the_limit(checked):
    output = checked.bad("# " + "x" * (50 << 20))
    assert "MB" in output or "MiB" in output or "bytes" in output
    assert len(output) < 2000


@pytest.mark.parametrize("text", ["", "\n\n", "---\n---\n", "# only a comment\n", "---\n...\n", "\ufeff" + GOOD])
def test_empty_documents_are_no_mistake(checked, text):
    checked.folder.write("file.yaml", text)
    checked.folder.write("other.yaml", GOOD.replace("name: good", "name: other-good"))
    checked.good("other-good")


@pytest.mark.parametrize("text", ["just text", "42", "[1, 2]", "- a\n- b\n", "{unclosed", "key: [1, 2", "%YAML 9.9\n---\na", "@"])
def test_what_is_no_object_is_refused_with_its_place(checked, text):
    output = checked.bad(text)
    assert re.search(r"file\.yaml(:\d+)?", output)


def test_duplicate_objects_name_both_places(checked):
    checked.folder.write("first.yaml", GOOD)
    checked.good("good")
    output = checked.bad(GOOD, "second.yaml")
    assert "good" in output and "first.yaml" in output


@pytest.mark.parametrize(
    "text, path",
    [
        (GOOD + "  functions:\n    - name: f\n      spec: {path: /}\n    - name: f\n      spec: {path: /}\n  serviceInfo: {type: REST}\n",
         "spec.functions[1].name"),
        (SERVICE.format(matcher="pathPrefix: /").replace("[a.test]", "[a.test, A.test]"), "spec.domains[1]"),
    ],
    ids=["function", "domain"],
)
def test_duplicate_names_inside_an_object(checked, text, path):
    assert path in checked.bad(text)


def test_two_of_a_oneof_are_refused(checked):
    output = checked.bad(SERVICE.format(matcher="{pathPrefix: /a, pathExact: /b}"))
    assert "pathExact" in output and "pathPrefix" in output


def test_json_has_places_too(checked):
    text = '{\n  "apiVersion": "gloo.solo.io/v1",\n  "kind": "Upstream",\n  "metadata": {"name": "j"},\n' \
           '  "spec": {\n    "typ": "static"\n  }\n}\n'
    output = checked.bad(text, "file.json")
    assert "file.json:6:5" in output
    assert "spec.typ" in output


def test_many_documents_a_file_and_any_layout(checked):
    many = "---\n".join(GOOD.replace("name: good", f"name: good-{i}") for i in range(20))
    checked.folder.write("a/b/c/many.yaml", many)
    checked.folder.write("a/b/more.yml", GOOD.replace("name: good", "name: good-yml"))
    checked.folder.write("readme.txt", "no configuration")
    for name in ("good-0", "good-19", "good-yml"):
        checked.good(name)
    output = checked.bad(many + "---\n" + GOOD.replace("port: 80", "prt: 80"), "a/b/c/many.yaml")
    assert f"many.yaml:{20 * 11 + 10}:9" in output


def test_what_only_the_translation_sees_has_a_place_too(checked):
    output = checked.bad(SERVICE.format(matcher="pathRegex: 'a(b'"))
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
