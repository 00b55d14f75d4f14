"""Transformations through the real filter in the real Envoy: requests made by templates, answers made by templates."""

import base64
import json

import pytest

from harness import http
from harness.config import call, prefix, to, upstream, virtual_service
from harness.waiting import wait_for


@pytest.fixture
def serve(gloo, echo, name):
    """Serves one function (by its spec) on the test's host; gives the host."""
    def write(function, route=None, backend=None, path="/"):
        gloo.config.write(
            f"{name}.yaml",
            upstream(name, (backend or echo).port, functions={"f": function}),
            virtual_service(name, f"{name}.test", [
                prefix(path, call(name, "f"), **({"extensions": route} if route else {}))]))
        status = wait_for(lambda: (gloo.status("VirtualService", name) or {}).get("state") not in (None, "PENDING")
                          and gloo.status("VirtualService", name), "the virtual service's status")
        assert status["state"] == "ACCEPTED", status
        wait_for(lambda: gloo.get(f"{name}.test", path).status != 404, "the route")
        return f"{name}.test"

    return write


def test_the_path_is_a_template(gloo, serve):
    host = serve({"path": "/pets/{{ id }}?q={{ default(q, \"none\") }}"}, {"parameters": {"path": "/p/{id}"}}, path="/p")
    seen = gloo.get(host, "/p/42").json()
    assert seen["path"] == "/pets/42?q=none"
    assert seen["method"] == "GET"


def test_parameters_come_from_path_headers_and_query(gloo, serve):
    host = serve(
        {"path": "/x", "headers": {"x-got": "{{ user.id }}-{{ token }}-{{ page }}-{{ whole }}"}},
        {"parameters": {"path": "/u/{user.id}", "headers": {"authorization": "Bearer {token}", "x-whole": "{whole}"},
                        "query": {"p": "{page}"}}}, path="/u")
    seen = gloo.get(host, "/u/7?p=3", headers={"authorization": "Bearer abc.def", "x-whole": "all_of-it"}).json()
    assert seen["headers"]["x-got"] == "7-abc.def-3-all_of-it"


def test_parameters_by_regular_expressions_and_pointers(gloo, serve, backends):
    backend = backends("backend")
    backend.reply = lambda seen: (200, {"content-type": "application/json", "x-path": seen.path}, '{"code": 7, "a": {"b": [1]}}')
    host = serve(
        {"path": "/{{ shop }}/{{ first }}/{{ city }}/{{ word }}"},
        {"parameters": {"extract": [
            {"header": "authorization", "regex": "^Bearer (?P<shop>[a-z]+)[.](?P<first>.)"},
            {"jsonPointer": "/user/city", "name": "city"}, {"body": True, "regex": "\"(w[a-z]*)\"", "name": "word"}]},
         "responseTemplate": {"body": "{{ code }} {{ b }}"},
         "responseParameters": {"extract": [{"body": True, "regex": "code.. ([0-9]+)", "name": "code"},
                                            {"jsonPointer": "/a/b", "name": "b"}]}}, backend=backend)
    answer = gloo.post(host, "/", {"user": {"city": "Bonn"}, "x": "word"}, headers={"authorization": "Bearer toys.z"})
    assert (answer.text, answer.header("x-path")) == ("7 [1]", "/toys/z/Bonn/word")
    assert gloo.post(host, "/", {"x": "word"}, headers={"authorization": "Bearer toys.z"}).status == 400


def test_a_pattern_of_the_input_is_checked(gloo, serve):
    host = serve({"path": "/{{ code }}", "input": {"properties": {"code": {"type": "string", "pattern": "^[A-Z]{3}$"}}}},
                 {"validateInput": True})
    assert gloo.post(host, "/", {"code": "ABC"}).json()["path"] == "/ABC"
    refused = gloo.post(host, "/", {"code": "abc"})
    assert (refused.status, refused.text) == (400, "bad request: /code: must match ^[A-Z]{3}$")


def test_fields_of_a_json_body_are_variables(gloo, serve):
    host = serve({"path": "/{{ a.b }}/{{ list.1 }}", "body": "{\"out\": \"{{ a.b }}\", \"n\": {{ n }}}"})
    seen = gloo.post(host, "/", {"a": {"b": "deep"}, "list": [1, 2], "n": 1.5}).json()
    assert seen["path"] == "/deep/2"
    assert json.loads(seen["body"]) == {"out": "deep", "n": 1.5}


def test_headers_set_replace_and_go(gloo, serve):
    host = serve({"path": "/", "headers": {"x-set": "{{ header(\"x-in\") }}!", "x-gone": ""}})
    seen = gloo.get(host, headers=[("x-in", "v"), ("x-set", "1"), ("x-set", "2"), ("x-gone", "here")]).json()
    assert seen["headers"]["x-set"] == "v!"
    assert "x-gone" not in seen["headers"]


def test_headers_are_appended(gloo, serve):
    host = serve({"path": "/", "appendHeaders": {"x-hop": "{{ method }}", "x-none": ""},
                  "response": {"appendHeaders": {"x-back": "{{ header(\":status\") }}"}}})
    response = gloo.get(host)
    assert response.json()["headers"]["x-hop"] == "GET"
    assert "x-none" not in response.json()["headers"]
    assert response.header("x-back") == "200"


def test_what_fails_passes_where_the_route_says_so(gloo, serve):
    function = {"path": "/made/{{ id }}", "maxBodyBytes": 20}
    host = serve(function, {"onError": "pass"})
    assert gloo.post(host, "/came", {"id": 7}).json()["path"] == "/made/7"
    for body, headers in (({"no": 1}, {}), ("{", {"content-type": "application/json"}), ("x" * 300_000, {}),
                          ("x", {"content-encoding": "gzip"})):
        seen = gloo.post(host, "/came", body, headers=headers).json()
        assert seen["path"] == "/came"
        assert seen["body"] == (json.dumps(body) if isinstance(body, dict) else body)


def test_what_is_missing_is_null_where_the_function_says_so(gloo, serve):
    host = serve({"path": "/x{{ id }}", "body": '{"n": {{ n }}}', "onError": "default"})
    seen = gloo.post(host, "/", {}).json()
    assert (seen["path"], seen["body"]) == ("/x", '{"n": null}')


def test_a_body_without_a_template_passes_untouched(gloo, serve):
    host = serve({"path": "/moved"})
    body = "not json { at all \x00\xff"
    seen = gloo.post(host, "/", body, headers={"content-type": "application/json"}).json()
    assert (seen["path"], seen["body"]) == ("/moved", body)


def test_content_length_follows_the_body(gloo, serve):
    host = serve({"path": "/", "body": "{{ text }}{{ text }}"})
    seen = gloo.post(host, "/", {"text": "abc"}).json()
    assert seen["body"] == "abcabc"
    assert seen["headers"].get("content-length", "6") == "6"


@pytest.mark.parametrize("value", ['quo"te', "back\\slash", "new\nline", "tab\t", "\u00e9\u4e16\U0001f600", "{{ x }}", "\x01"])
def test_values_are_escaped_where_they_land_in_json(gloo, serve, value):
    host = serve({"path": "/", "body": "{\"v\": \"{{ v }}\"}", "headers": {"content-type": "application/json"}})
    seen = gloo.post(host, "/", {"v": value}).json()
    assert json.loads(seen["body"]) == {"v": value}


def test_a_missing_variable_is_400_with_its_name(gloo, serve, echo):
    host = serve({"path": "/{{ id }}", "body": "{\"n\": \"{{ name }}\"}"}, {"parameters": {"path": "/{id}"}})
    before = len(echo.requests)
    response = gloo.post(host, "/5", {"other": 1})
    assert response.status == 400
    assert "name" in response.text and "bad request" in response.text
    assert len(echo.requests) == before


def test_default_saves_a_missing_variable(gloo, serve):
    host = serve({"path": "/{{ default(id, \"all\") }}"})
    assert gloo.get(host).json()["path"] == "/all"


@pytest.mark.parametrize("body", ["{", "{\"a\": }", "[1, 2", "nonsense", "{\"a\": 1} trailing", "\"\\ud800\"x"])
def test_broken_json_is_400(gloo, serve, body):
    host = serve({"path": "/", "body": "{{ a }}"})
    response = gloo.post(host, "/", body, headers={"content-type": "application/json"})
    assert response.status == 400
    assert "bad request" in response.text


def test_a_body_over_the_limit_is_413_naming_the_limit(gloo, serve):
    host = serve({"path": "/", "body": "{{ a }}"})
    response = gloo.post(host, "/", {"a": "x" * ((1 << 20) + 10)})
    assert response.status == 413
    assert "1048576" in response.text


def test_a_body_of_just_under_the_limit_is_taken(gloo, serve):
    host = serve({"path": "/", "body": "{{ length(a) }}"})
    assert gloo.post(host, "/", {"a": "x" * 1000000}).json()["body"] == "1000000"


def test_a_large_body_streams_when_only_headers_change(gloo, serve):
    host = serve({"path": "/up", "headers": {"x-h": "1"}})
    seen = gloo.post(host, "/", "y" * (3 << 20), headers={"content-type": "text/plain"}).json()
    assert len(seen["body"]) == 3 << 20
    assert seen["headers"]["x-h"] == "1"


def test_a_form_is_read_as_fields(gloo, serve):
    host = serve({"path": "/", "body": "{\"n\": \"{{ name }}\", \"c\": \"{{ city }}\"}"})
    seen = gloo.post(host, "/", "name=J%C3%B6rg+M&city=a%26b",
                     headers={"content-type": "application/x-www-form-urlencoded"}).json()
    assert json.loads(seen["body"]) == {"n": "J\u00f6rg M", "c": "a&b"}


def test_the_language(gloo, serve):
    template = (
        "{% for p in pets %}{{ loop.index1 }}:{{ upper(p.name) }}{% if not loop.is_last %},{% endif %}{% endfor %}"
        "{% set n = length(pets) %} n={{ n }}{# a comment #}{% if n > 1 %} many{% else %} few{% endif %}"
        " {{ pets.0.name }} {{ join(tags, \"-\") }} {{ 1 + 2 * 3 }}"
    )
    host = serve({"path": "/", "body": template, "headers": {"content-type": "text/plain"}})
    seen = gloo.post(host, "/", {"pets": [{"name": "rex"}, {"name": "tom"}], "tags": ["a", "b"]}).json()
    assert seen["body"] == "1:REX,2:TOM n=2 many rex a-b 7"


def test_functions_of_the_reference(gloo, serve):
    host = serve({"path": "/", "headers": {
        "x-b64": "{{ base64_encode(text) }}",
        "x-plain": "{{ base64_decode(coded) }}",
    }, "body": "{{ text }}"})
    coded = base64.b64encode(b"hidden").decode()
    seen = gloo.post(host, "/", {"text": "a b", "coded": coded}).json()
    assert seen["headers"]["x-b64"] == base64.b64encode(b"a b").decode()
    assert seen["headers"]["x-plain"] == "hidden"


def test_the_response_template_of_a_route(gloo, serve, backends):
    up = backends("up")
    up.reply = lambda seen: (200, {"content-type": "application/json", "x-rate": "17"},
                             json.dumps({"name": "rex", "tags": ["a", "b"]}))
    host = serve({"path": "/"}, {
        "responseTemplate": {"headers": {"x-name": "{{ name }}", "content-type": "application/vnd.pet+json"},
                             "body": "{\"pet\": \"{{ name }}\", \"count\": {{ length(tags) }}}"},
    }, backend=up)
    response = gloo.wait_status(host)
    assert response.json() == {"pet": "rex", "count": 2}
    assert response.header("x-name") == "rex"
    assert response.header("content-type") == "application/vnd.pet+json"
    assert int(response.header("content-length") or len(response.body)) == len(response.body)


def test_parameters_of_the_response(gloo, serve, backends):
    up = backends("up")
    up.reply = lambda seen: (200, {"content-type": "application/json", "x-total": "count=42"}, "{}")
    host = serve({"path": "/"}, {
        "responseParameters": {"headers": {"x-total": "count={total}"}},
        "responseTemplate": {"headers": {"x-count": "{{ total }}"}, "body": "{\"t\": \"{{ total }}\"}"},
    }, backend=up)
    response = gloo.wait_status(host)
    assert (response.header("x-count"), response.json()) == ("42", {"t": "42"})


def test_a_response_that_is_not_json_passes_when_no_template_reads_it(gloo, serve, backends):
    up = backends("up")
    up.reply = lambda seen: (200, {"content-type": "text/html"}, "<html>{{</html>")
    host = serve({"path": "/"}, {"responseTemplate": {"headers": {"x-mark": "yes"}}}, backend=up)
    response = gloo.wait_status(host)
    assert (response.text, response.header("x-mark")) == ("<html>{{</html>", "yes")


def test_responses_of_the_gateway_itself_are_left_alone(gloo, name, backends):
    """The answer for an upstream that is away is no JSON of the upstream: it keeps its status."""
    gone = backends("gone")
    gone.close()
    gloo.config.write(f"{name}.yaml", upstream(name, gone.port, functions={"f": {"path": "/"}}),
                      virtual_service(name, f"{name}.test", [prefix("/", call(name, "f"), extensions={
                          "responseTemplate": {"body": "{\"x\": \"{{ x }}\"}"}})]))
    assert gloo.wait_answer(f"{name}.test", "/", lambda r: r.status not in (404,)).status in (502, 503)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_methods_without_a_body(gloo, serve, method):
    host = serve({"path": "/made", "body": "{\"k\": \"{{ default(k, \"-\") }}\"}"})
    response = gloo.get(host, method=method)
    assert response.status == 200
    assert response.json()["path"] == "/made"


def test_a_chunked_body(gloo, serve):
    host = serve({"path": "/", "body": "{{ a }}"})
    data = http.raw(gloo.http_port, (
        f"POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n6\r\n:\"xyz\"\r\n1\r\n}\r\n0\r\n\r\n").encode())
    assert b" 200 " in data.split(b"\r\n")[0]
    assert b'\\"body\\"' in data or b'"body": "xyz"' in data


def test_over_http2(gloo, serve):
    host = serve({"path": "/{{ id }}", "body": "{\"v\": \"{{ v }}\"}"}, {"parameters": {"path": "/{id}"}})
    response = http.request_h2(gloo.http_port, host, "/9", "POST", {"content-type": "application/json"}, {"v": "two"})
    assert response.status == 200
    assert (response.json()["path"], json.loads(response.json()["body"])) == ("/9", {"v": "two"})


def test_each_weighted_destination_has_its_own_transformation(gloo, echo, name):
    gloo.config.write(
        f"{name}.yaml",
        upstream(name, echo.port, functions={"a": {"path": "/a/{{ id }}"}, "b": {"path": "/b/{{ id }}"}}),
        virtual_service(name, f"{name}.test", [{
            "requestMatcher": {"pathPrefix": "/"},
            "multipleDestinations": [
                {"destination": call(name, "a")["singleDestination"], "weight": 1},
                {"destination": call(name, "b")["singleDestination"], "weight": 1},
            ],
            "extensions": {"parameters": {"path": "/x/{id}"}},
        }]))
    gloo.wait_status(f"{name}.test", "/x/1")
    assert {gloo.get(f"{name}.test", "/x/1").json()["path"] for _ in range(60)} == {"/a/1", "/b/1"}


@pytest.mark.parametrize(
    "spec, path, word",
    [
        ({"path": "/{{ id"}, "spec.functions[0].spec.path", ""),
        ({"path": "/{{ hedaer(\"x\") }}"}, "spec.functions[0].spec.path", "header"),
        ({"path": "/", "body": "{% for x in y %}"}, "spec.functions[0].spec.body", ""),
        ({"path": "/", "headers": {"x-a": "{{ 1 + }}"}}, "spec.functions[0].spec.headers", ""),
        ({"path": "/", "body": "{% include \"other\" %}"}, "spec.functions[0].spec.body", "include"),
    ],
    ids=["open", "unknown-function", "no-end", "expression", "include"],
)
def test_a_wrong_template_is_rejected_when_it_is_saved(gloo, echo, name, spec, path, word):
    gloo.config.write(f"{name}.yaml", upstream(name, echo.port, functions={"f": spec}))
    status = gloo.wait_state("Upstream", name, "REJECTED")
    issue = status["issues"][0]
    assert issue["path"].startswith(path), issue
    assert word in issue["message"]


def test_an_edited_template_is_in_force_at_once(gloo, serve):
    host = serve({"path": "/one"})
    assert gloo.get(host).json()["path"] == "/one"
    serve({"path": "/two"})
    gloo.wait_answer(host, "/", lambda r: r.json()["path"] == "/two")


def test_a_plain_route_beside_a_function_is_not_transformed(gloo, echo, name):
    gloo.config.write(
        f"{name}.yaml", upstream(name, echo.port, functions={"f": {"path": "/changed"}}),
        virtual_service(name, f"{name}.test", [prefix("/f", call(name, "f")), prefix("/", to(name))]))
    gloo.wait_status(f"{name}.test", "/f")
    assert gloo.get(f"{name}.test", "/f").json()["path"] == "/changed"
    assert gloo.get(f"{name}.test", "/plain").json()["path"] == "/plain"


def test_a_template_that_never_ends_is_bounded(gloo, serve):
    """Loops and output are bounded: the worker answers, and goes on serving."""
    nested = "{% for a in l %}{% for b in l %}{% for c in l %}{% for d in l %}x{% endfor %}{% endfor %}{% endfor %}{% endfor %}"
    host = serve({"path": "/", "body": nested})
    response = gloo.post(host, "/", {"l": list(range(1000))}, timeout=30)
    assert response.status in (400, 413, 500)
    assert gloo.post(host, "/", {"l": [1]}).json()["body"] == "x"
