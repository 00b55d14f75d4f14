"""Functions from OpenAPI documents: made by glooctl, applied, called through Envoy."""

import gzip
import json
import os
import subprocess
import sys

import pytest
import yaml

from harness.backends import Backend
from harness.certs import server_tls
from harness.config import call, prefix, upstream, virtual_service
from harness.gateway import ROOT, glooctl
from harness.waiting import wait_for

EXAMPLE = ROOT / "examples/openapi"
# The specifications of large APIs, which tools/setup takes from packages.
DOCUMENTS = ROOT / ".venv/documents"


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The service of the example; gives its port."""
    port_file = tmp_path_factory.mktemp("library") / "port"
    service = subprocess.Popen([sys.executable, str(EXAMPLE / "service.py"), "--port", "0", "--port-file", str(port_file)],
                               stdout=subprocess.DEVNULL)
    yield int(wait_for(lambda: port_file.exists() and port_file.read_text(), "the service"))
    service.terminate()
    service.wait()


def routes_of_example(name, domain):
    config = yaml.safe_load((EXAMPLE / "config/routes.yaml").read_text())
    config["metadata"]["name"] = name
    config["spec"]["domains"] = [domain]
    return config


@pytest.fixture(scope="module")
def routes(gloo, library):
    done = gloo.ctl("create", "upstream", "library", "--openapi", EXAMPLE / "openapi.json",
                    "--server", f"http://127.0.0.1:{library}/v1", "--apply")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Upstream default/library created: Accepted"), done.stdout
    # Its own domain: routes of "*" would answer for those of a test that are still on their way.
    gloo.config.write("library-routes.yaml", routes_of_example("library", "library.test"))
    gloo.wait_status("library.test", "/books")
    return gloo


def test_the_query_of_a_request_is_that_of_the_function(routes):
    def titles(path):
        return [book["title"] for book in routes.get("library.test", path).json()]

    assert len(titles("/books")) >= 3
    assert titles("/books?author=Kafka&other=1") == ["The Trial"]
    assert titles("/books?author=Kafka&author=Austen") == ["The Trial", "Emma"]
    assert titles("/books?author=Kafka&author=Austen&limit=1") == ["The Trial"]


def test_path_and_header(routes):
    assert routes.get("library.test", "/books/978-2").json()["language"] == "en"
    assert routes.get("library.test", "/books/978-2", headers={"x-language": "de"}).json()["language"] == "de"


def test_one_json_body_gives_the_path_and_the_body(routes):
    body = {"isbn": "a b/c", "title": "New \"one\"", "authors": ["N"], "secret": "not of the service"}
    assert routes.post("library.test", "/books", body).json() == {
        "isbn": "a b/c", "title": "New \"one\"", "authors": ["N"]}
    # What is optional and was not given is left out.
    assert routes.post("library.test", "/books", {"isbn": "978-9", "title": "T"}).json() == {"isbn": "978-9", "title": "T"}
    response = routes.post("library.test", "/books", {"title": "T"})
    assert (response.status, response.text) == (400, 'bad request: variable "isbn" is missing')


def test_a_form_and_a_cookie(routes):
    lent = routes.post("library.test", "/lend", {"isbn": "978-1 & more", "reader": "Ann B", "days": 3})
    assert (lent.status, lent.json()) == (201, {"reader": "Ann%20B", "isbn": "978-1 & more", "days": "3"})
    # The client's own cookie does as well.
    own = routes.post("library.test", "/lend", {"isbn": "978-1"}, headers={"cookie": "a=b; reader=me",
                                                                          "content-type": "application/json"})
    assert own.json() == {"reader": "me", "isbn": "978-1"}
    assert routes.post("library.test", "/lend", {"isbn": "978-1"}).status == 401


def test_the_input_is_checked_where_the_route_says_so(routes):
    config = routes_of_example("checked", "checked.test")
    for route in config["spec"]["routes"]:
        route.setdefault("extensions", {})["validateInput"] = True
    routes.config.write("checked.yaml", config)
    routes.wait_status("checked.test", "/books")

    def refused(response):
        assert response.status == 400, response
        return response.text.removeprefix("bad request: ")

    assert routes.get("checked.test", "/books?limit=1&author=Kafka").status == 200
    assert refused(routes.get("checked.test", "/books?limit=0")) == "/limit: must be at least 1"
    assert refused(routes.get("checked.test", "/books?limit=x")) == "/limit: must be an integer, got a string"
    assert refused(routes.get("checked.test", "/books/1")) == "/isbn: must have at least 3 characters"
    assert refused(routes.get("checked.test", "/books/978-1", headers={"x-language": "fr"})) == (
        '/X-Language: must be one of "en", "de"')
    book = {"isbn": "978-7", "title": "T", "authors": ["a"]}
    assert routes.post("checked.test", "/books", book).status == 200
    assert refused(routes.post("checked.test", "/books", {"isbn": "978-7"})) == "/title: is missing"
    assert refused(routes.post("checked.test", "/books", {**book, "authors": ["a", 1]})) == (
        "/authors/1: must be a string, got a number")
    assert refused(routes.post("checked.test", "/lend", {"isbn": "978-1", "days": 0})) == "/days: must be at least 1"
    assert routes.post("checked.test", "/lend", "isbn=978-1&reader=me", headers={
        "content-type": "application/x-www-form-urlencoded"}).status == 201
    assert refused(routes.post("checked.test", "/books", "{", headers={"content-type": "application/json"})).startswith(
        "body is not JSON")


def test_a_route_that_cannot_give_what_is_needed_is_a_warning(routes, name):
    routes.config.write(f"{name}.yaml", virtual_service(name, f"{name}.test", [
        prefix("/books/", call("library", "getBook"), verbs=["GET"])]))
    status = routes.wait_state("VirtualService", name, "WARNING", "InputMissing")
    issue = next(i for i in status["issues"] if i["reason"] == "InputMissing")
    assert issue["message"].startswith('function "getBook" needs "isbn", which no request of this route can give')
    routes.wait_status(f"{name}.test", "/books/978-1", status=400)


def test_a_schema_that_cannot_be_checked_is_an_error(tmp_path):
    (tmp_path / "u.yaml").write_text(yaml.safe_dump(upstream("u", 80, functions={
        "f": {"path": "/", "input": {"properties": {"a": {"pattern": "a(?=b)"}}}}})))
    done = glooctl("validate", "-f", tmp_path)
    assert done.returncode == 1
    assert ("spec.functions[0].spec.input: /properties/a/pattern: is no regular expression of RE2: invalid perl "
            "operator: (?= (BadSchema)") in done.stdout


def test_the_example_is_what_glooctl_makes():
    made = glooctl("create", "upstream", "library", "--openapi", "openapi.json", cwd=EXAMPLE)
    assert made.stderr == ""
    assert (EXAMPLE / "config/library.yaml").read_text().split("\n", 1)[1] == made.stdout
    as_json = glooctl("create", "upstream", "library", "--openapi", EXAMPLE / "openapi.json", "-o", "json")
    assert json.loads(as_json.stdout) == yaml.safe_load(made.stdout)


SPEC = """openapi: 3.1.0
servers: [{url: /base}]
paths:
  /items/{id}:
    get: {operationId: getItem, parameters: [{$ref: 'common/parameters.yaml#/id'}]}
"""
PARAMETERS = "id: {name: id, in: path, required: true, schema: {type: integer}}\n"


def documents(seen):
    """A site with a document of two files."""
    texts = {"/api/openapi.yaml": SPEC, "/api/common/parameters.yaml": PARAMETERS}
    if seen.path == "/moved":
        return 302, {"location": "/api/openapi.yaml"}, ""
    if seen.path == "/insecure":
        return 302, {"location": "http://127.0.0.1/api/openapi.yaml"}, ""
    return (200, {}, texts[seen.path]) if seen.path in texts else (404, {}, "nothing here")


def make(url, **more):
    return glooctl("create", "upstream", "u", "--openapi", url, **more)


def test_a_document_is_fetched_with_what_it_refers_to(backends):
    site = backends()
    site.reply = documents
    for path in ("/api/openapi.yaml", "/moved"):
        done = make(f"http://127.0.0.1:{site.port}{path}")
        if path == "/moved":
            # What it refers to is looked for where it was asked for.
            assert done.returncode == 1 and "/common/parameters.yaml: it answers 404 (CannotRead)" in done.stderr
            continue
        assert done.returncode == 0, done.stderr
        spec = yaml.safe_load(done.stdout)["spec"]
        assert spec["spec"] == {"hosts": [{"addr": "127.0.0.1", "port": site.port}]}
        assert spec["functions"][0]["spec"]["path"] == "/base/items/{{ id }}"
    done = make(f"http://127.0.0.1:{site.port}/none")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: cannot fetch http://127.0.0.1:{site.port}/none: it answers 404 (CannotRead)\n")


def test_https_is_verified(authority, ca_file, tmp_path):
    site = Backend("site", tls=server_tls(authority.issue("localhost"), tmp_path))
    site.reply = documents
    try:
        url = f"https://localhost:{site.port}/api/openapi.yaml"
        done = make(url, env={"SSL_CERT_FILE": str(ca_file)})
        assert done.returncode == 0, done.stderr
        assert yaml.safe_load(done.stdout)["spec"]["spec"] == {"hosts": [{"addr": "localhost", "port": site.port}],
                                                               "tls": True}
        assert "certificate verify failed" in make(url).stderr
        other = make(url.replace("localhost", "127.0.0.1"), env={"SSL_CERT_FILE": str(ca_file)})
        assert other.returncode == 1 and "certificate verify failed" in other.stderr
        insecure = make(f"https://localhost:{site.port}/insecure", env={"SSL_CERT_FILE": str(ca_file)})
        assert insecure.returncode == 1 and "which is not https" in insecure.stderr
    finally:
        site.close()


def test_mistakes_are_said_and_nothing_is_made(tmp_path):
    (tmp_path / "api.yaml").write_text("openapi: 3.0.0\npaths:\n  /a:\n    get: {parameters: [{$ref: '#/no'}]}\n")
    done = glooctl("create", "upstream", "u", "--openapi", "api.yaml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        'api.yaml:4:31: error: #/paths/~1a/get/parameters/0/$ref: there is no "#/no" (BadReference)',
        "glooctl: api.yaml: nothing was made: 1 error"]
    (tmp_path / "api.yaml").write_text("openapi: 3.0.0\npaths: {/a: {get: {}}}\n")
    done = glooctl("create", "upstream", "u", "--openapi", "api.yaml", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        2, "glooctl: the description does not say where the service is: give --server URL\n")
    done = glooctl("create", "upstream", "u", "--openapi", "api.yaml", "--server", "host:80", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, 'glooctl: --server: "host:80" is no URL of http or https\n')
    assert glooctl("create", "upstream", "u").stderr.startswith("glooctl: what describes the service? Give --openapi")
    assert glooctl("create", "upstream", "u", "--openapi", "none.yaml").stderr.startswith(
        "error: there is no file none.yaml (CannotRead)\n")


def test_an_import_keeps_what_was_written_by_hand(tmp_path):
    config = tmp_path / "config"
    config.mkdir()
    document = tmp_path / "api.yaml"

    def write(text):
        document.write_text("openapi: 3.0.0\nservers: [{url: 'http://10.0.0.1'}]\npaths:\n" + text)

    def run(*args):
        done = glooctl("--config-dir", config, *args)
        assert done.returncode == 0, done.stderr
        return done

    write("  /a: {get: {operationId: a, parameters: [{name: X-One, in: header, schema: {type: string}}]}}\n")
    run("create", "upstream", "u", "--openapi", document, "--apply")
    applied = config / "applied/upstream.default.u.yaml"
    made = yaml.safe_load(applied.read_text())
    made["spec"]["connectionTimeout"] = "3s"
    made["spec"]["functions"][0]["spec"]["headers"]["x-mine"] = "007"
    made["spec"]["functions"][0]["spec"]["response"] = {"body": "{{ a }}"}
    made["spec"]["functions"].append({"name": "mine", "spec": {"path": "/mine"}})
    applied.write_text(yaml.safe_dump(made))

    write("  /a2: {get: {operationId: a, parameters: [{name: X-Two, in: header, schema: {type: string}}]}}\n"
          "  /b: {get: {operationId: b}}\n")
    done = run("function", "import", "u", "--openapi", document)
    assert done.stdout == "Upstream default/u updated\n"
    assert done.stderr == "functions: 1 added, 1 updated, 0 as they were\n"
    spec = yaml.safe_load(applied.read_text())["spec"]
    assert spec["connectionTimeout"] == "3s"
    functions = {f["name"]: f["spec"] for f in spec["functions"]}
    assert list(functions) == ["a", "mine", "b"]
    assert functions["mine"] == {"path": "/mine"}
    assert functions["a"]["path"] == "/a2"
    assert functions["a"]["response"] == {"body": "{{ a }}"}
    assert functions["a"]["headers"]["x-mine"] == "007"
    assert "x-two" in functions["a"]["headers"]
    assert run("function", "import", "u", "--openapi", document).stderr == "functions: 0 added, 0 updated, 2 as they were\n"

    # A file of the user's own is shown, not written.
    (config / "own.yaml").write_text(yaml.safe_dump(upstream("own", 80, functions={"mine": {"path": "/m"}})))
    done = glooctl("--config-dir", config, "function", "import", "own", "--openapi", document)
    assert done.returncode == 1 and "own.yaml:1; edit that file" in done.stderr
    printed = yaml.safe_load(run("function", "import", "own", "--openapi", document, "-o", "yaml").stdout)
    assert [f["name"] for f in printed["spec"]["functions"]] == ["mine", "a", "b"]
    done = glooctl("--config-dir", config, "function", "import", "none", "--openapi", document)
    assert (done.returncode, done.stderr) == (
        1, "glooctl: there is no Upstream default/none; make it with glooctl create\n")


@pytest.mark.parametrize("file, functions, left_out", [
    # Swagger 2.0 of Kubernetes, OpenAPI 3.0 of GitHub.
    ("swagger-1.13.json.gz", 1014, []),
    ("api.github.com.json", 1222, ["the operation has a server of its own, https://uploads.github.com, which is another "
                                   "upstream; the operation is left out (OtherServer)"]),
])
def test_documents_of_large_apis(tmp_path, file, functions, left_out):
    document = DOCUMENTS / file
    if not document.exists():
        pytest.skip("tools/setup --test found no npm to take it from")
    if file.endswith(".gz"):
        document = tmp_path / "document.json"
        document.write_bytes(gzip.decompress((DOCUMENTS / file).read_bytes()))
    done = glooctl("create", "upstream", "large", "--openapi", document, "--server", "http://127.0.0.1:1", "--apply",
                   "--config-dir", tmp_path)
    assert done.returncode == 0, done.stderr
    assert [line.split(": ", 3)[-1] for line in done.stderr.splitlines()] == left_out
    applied = tmp_path / "applied/upstream.default.large.yaml"
    assert applied.read_text().count("\n    - name: ") == functions
    # Together with its schemas a function takes a few KiB.
    assert os.path.getsize(applied) / functions < 8 << 10
