"""gRPC functions through Envoy, against a real gRPC server: JSON, gRPC and gRPC-Web on the same routes."""

import base64
import json
import struct

import grpc
import pytest

from harness.config import API, call, exact, prefix, split, to, virtual_service
from harness.grpc_service import Client, descriptors, frame, message
from harness.waiting import wait_for


def upstream(name, port, functions=("GetBook", "Books.Hello"), spec=None, **properties):
    if not {"descriptors", "descriptorsFileRef"} & properties.keys():
        properties["descriptors"] = base64.b64encode(descriptors()).decode()
    listed = functions if isinstance(functions, dict) else {n: {} for n in functions}
    return {"apiVersion": API, "kind": "Upstream", "metadata": {"name": name},
            "spec": {"type": "static", "spec": {"hosts": [{"addr": "127.0.0.1", "port": port}], **(spec or {})},
                     "serviceInfo": {"type": "gRPC", "properties": properties},
                     "functions": [{"name": n, "spec": s} for n, s in listed.items()]}}


@pytest.fixture
def serve(gloo, name):
    def write(port, routes, **more):
        gloo.config.write(f"{name}.yaml", upstream(name, port, **more), virtual_service(name, f"{name}.test", routes))
        gloo.wait_state("VirtualService", name, "ACCEPTED")
        return f"{name}.test"
    return write


def first(gloo, host, path, **more):
    """The first answer of the route: Envoy's 404 for a host that it does not know yet is empty."""
    return gloo.wait_answer(host, path, lambda answer: answer.status != 404 or answer.body, **more)


def status_of(answer):
    body = answer.json()
    return body["code"], body["message"], body.get("details", [])


def test_a_function_is_called_by_json(gloo, books, serve, name):
    server = books()
    functions = {"GetBook": {}, "hello": {"service": "Books", "method": "Hello"}, "Shelves.Hello": {},
                 "search": {"method": "shop.v1.Books/GetBook", "http": [{"get": "/find/{id}/{view}"}]}}
    host = serve(server.port, [exact("/book", call(name, "GetBook")), prefix("/v1/books", call(name, "GetBook")),
                               prefix("/find", call(name, "search")), exact("/", call(name, "hello")),
                               prefix("/shelves", call(name, "Shelves.Hello"))], functions=functions)
    answer = first(gloo, host, "/book", method="POST", body={"id": 7, "view": "-full"})
    assert (answer.status, answer.header("content-type")) == (200, "application/json")
    assert answer.json() == {"id": "7", "title": "books-full", "authorNames": ["A", "B"]}
    # What google.api.http says is honoured, and what the function adds.
    assert gloo.get(host, "/v1/books/9?view=x").json()["title"] == "booksx"
    assert gloo.get(host, "/find/3/y").json() == {"id": "3", "title": "booksy", "authorNames": ["A", "B"]}
    # A message without body, at the root.
    assert gloo.post(host, "/", body={}).json() == {"message": "books Books  0"}
    assert gloo.post(host, "/shelves/any/where?count=4", body={"name": "n"}).json() == {"message": "books Shelves n 4"}
    assert set(server.calls) == {"Books.GetBook", "Books.Hello", "Shelves.Hello"}


def test_wrong_requests_are_the_clients_own(gloo, books, serve, name):
    server = books()
    host = serve(server.port, [exact("/hello", call(name, "Books.Hello"))])
    first(gloo, host, "/hello", method="POST", body={})
    before = len(server.calls)
    for body in ('{"name": ', '{"count": "many"}', '[1]'):
        answer = gloo.post(host, "/hello", body=body, headers={"content-type": "application/json"})
        assert answer.status == 400, body
    answer = gloo.post(host, "/hello?nothing=1", body={})
    assert answer.status == 400 and "nothing" in answer.text
    assert gloo.get(host, "/hello").status == 404, "no rule of GET calls it"
    assert len(server.calls) == before


def test_errors_are_http_statuses_with_their_details(gloo, books, serve, name):
    server = books()
    host = serve(server.port, [prefix("/get", call(name, "GetBook")), prefix("/fail", call(name, "Fail"))],
                 functions=["GetBook", "Fail"])
    answer = first(gloo, host, "/get", method="POST", body={"id": 404})
    assert answer.status == 404 and status_of(answer) == (5, "there is no book 404", [])
    answer = gloo.post(host, "/fail", body={})
    assert answer.status == 400
    assert status_of(answer) == (3, "bad name", [{"@type": "type.googleapis.com/google.rpc.BadRequest",
                                                  "fieldViolations": [{"field": "name", "description": "is bad"}]}])
    answer = gloo.post(host, "/fail", body={"name": "stock"})
    assert answer.status == 429
    assert status_of(answer) == (8, "sold out", [{"@type": "type.googleapis.com/shop.v1.OutOfStock", "left": 2}])
    server.close()
    assert gloo.post(host, "/get", body={"id": 1}).status == 503


def test_streams(gloo, books, serve, name):
    server = books()
    host = serve(server.port, [prefix("/many", call(name, "Many")), prefix("/sum", call(name, "Sum"))],
                 functions=["Many", "Sum"])
    answer = first(gloo, host, "/many", method="POST", body={"count": 3})
    assert answer.json() == [{"message": "0"}, {"message": "1"}, {"message": "2"}]
    assert gloo.post(host, "/sum", body=[{"count": 2}, {"count": 40}]).json() == {"message": "42"}
    with Client(gloo.http_port, host) as client:
        assert len(client.call("Books", "Many", message("HelloRequest")(count=200), path="/many")) == 200


@pytest.mark.parametrize("options,expected", [
    ({"streamNewlineDelimited": True}, '{"message":"0"}\n{"message":"1"}\n'),
    ({"streamSseStyleDelimited": True, "streamNewlineDelimited": True}, 'data: {"message":"0"}\n\ndata: {"message":"1"}\n\n'),
])
def test_streams_in_other_forms(gloo, books, serve, name, options, expected):
    server = books()
    host = serve(server.port, [prefix("/many", call(name, "Many"))], functions=["Many"], printOptions=options)
    gloo.wait_answer(host, "/many", lambda answer: answer.text == expected, method="POST", body={"count": 2})


def test_a_whole_service_behind_its_upstream(gloo, books, serve, name):
    server = books()
    host = serve(server.port, [prefix("/", to(name))], functions=[])
    assert first(gloo, host, "/v1/books/5").json()["id"] == "5"
    assert gloo.post(host, "/v1/books", body={"id": 6, "title": "t"}).json() == {"id": "6", "title": "t"}
    assert gloo.post(host, "/shop.v1.Books/Hello", body={"name": "a"}).json() == {"message": "books Books a 0"}
    assert gloo.post(host, "/shop.v1.Shelves/Hello", body={}).json() == {"message": "books Shelves  0"}
    assert gloo.get(host, "/nowhere").status == 404
    with Client(gloo.http_port, host) as client:
        assert client.call("Books", "Hello", message("HelloRequest")(name="b")).message == "books Books b 0"
        with pytest.raises(grpc.RpcError) as failed:
            client.call("Books", "Fail", message("HelloRequest")())
        assert failed.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert "grpc-status-details-bin" in dict(failed.value.trailing_metadata())


@pytest.mark.parametrize("path,rewrite,inside", [("/shop/", "/", "/v1/books/5"), ("/shop", "/", "/v1/books/5"),
                                                 ("/shop/books", "/v1/books", "/5")])
def test_a_whole_service_below_a_prefix(gloo, books, serve, name, path, rewrite, inside):
    server = books()
    host = serve(server.port, [prefix(path, to(name), prefixRewrite=rewrite)], functions=[])
    gloo.wait_status(host, path.rstrip("/") + inside)
    assert gloo.get(host, path.rstrip("/") + inside).json()["id"] == "5"
    assert gloo.get(host, "/v1/books/5").status == 404
    if rewrite != "/":
        assert gloo.post(host, path + "/shop.v1.Books/Hello", body={}).status == 404
        return
    assert gloo.post(host, "/shop/shop.v1.Books/Hello", body={}).json() == {"message": "books Books  0"}
    with Client(gloo.http_port, host) as client:
        answer = client.call("Books", "Hello", message("HelloRequest")(), path="/shop/shop.v1.Books/Hello")
        assert answer.message == "books Books  0"


def test_services_that_are_not_named_are_out_of_reach(gloo, books, serve, name):
    server = books()
    host = serve(server.port, [prefix("/", to(name))], functions=[], serviceNames=["shop.v1.Shelves"])
    first(gloo, host, "/shop.v1.Shelves/Hello", method="POST", body={})
    assert gloo.post(host, "/shop.v1.Books/Hello", body={}).status == 404
    assert gloo.get(host, "/v1/books/1").status == 404


def test_grpc_and_grpc_web_pass_by_the_route_of_a_function(gloo, books, serve, name):
    server = books()
    host = serve(server.port, [prefix("/f", call(name, "Books.Hello"))])
    first(gloo, host, "/f", method="POST", body={})
    with Client(gloo.http_port, host) as client:
        # The route says what is called, as it does for JSON.
        answer = client.call("Books", "Hello", message("HelloRequest")(name="g"), path="/f/other.Service/Method")
        assert answer.message == "books Books g 0"
    for kind in ("application/grpc-web+proto", "application/grpc-web-text"):
        body = frame(message("HelloRequest")(name="w"))
        text = kind.endswith("text")
        answer = gloo.post(host, "/f/x", body=base64.b64encode(body) if text else body,
                           headers={"content-type": kind, "accept": kind, "x-grpc-web": "1"})
        assert (answer.status, answer.header("content-type").startswith(kind)) == (200, True)
        data = b"".join(base64.b64decode(p) for p in _chunks(answer.body)) if text else answer.body
        size = struct.unpack(">I", data[1:5])[0]
        assert message("HelloReply").FromString(data[5:5 + size]).message == "books Books w 0"
        assert data[5 + size] == 0x80 and b"grpc-status:0" in data[10 + size:]


def _chunks(text):
    """Parts of base64, each padded on its own."""
    for at in range(0, len(text), 4):
        yield text[at:at + 4]


def test_two_services_on_one_listener(gloo, books, name):
    servers = [books("one"), books("two")]
    for i, server in enumerate(servers):
        gloo.config.write(f"{name}-{i}.yaml", upstream(f"{name}-{i}", server.port))
    gloo.config.write(f"{name}.yaml", virtual_service(name, f"{name}.test", [
        prefix("/a", to(f"{name}-0"), prefixRewrite="/"), prefix("/b", to(f"{name}-1"), prefixRewrite="/"),
        prefix("/split", split((call(f"{name}-0", "Books.Hello"), 50), (call(f"{name}-1", "GetBook"), 50)))]))
    host = f"{name}.test"
    gloo.wait_status(host, "/a/v1/books/1")
    assert gloo.get(host, "/a/v1/books/1").json()["title"] == "one"
    assert gloo.get(host, "/b/v1/books/1").json()["title"] == "two"
    seen = {json.dumps(gloo.post(host, "/split", body={}).json(), sort_keys=True) for _ in range(60)}
    assert seen == {'{"message": "one Books  0"}', '{"authorNames": ["A", "B"], "title": "two"}'}


def test_parameters_and_templates(gloo, books, serve, name):
    server = books()
    host = serve(server.port, [
        prefix("/people", call(name, "Books.Hello"), extensions={
            "parameters": {"path": "/people/{name}", "headers": {"x-count": "{count}"}},
            "responseTemplate": {"headers": {"x-said": "{{ message }}"}, "body": '{"said": "{{ message }}"}'}})])
    answer = first(gloo, host, "/people/ada", headers={"x-count": "3"})
    assert answer.json() == {"said": "books Books ada 3"}
    assert answer.header("x-said") == "books Books ada 3"
    assert gloo.post(host, "/people/bob", body={"count": 1}, headers={"x-count": "2"}).json()["said"].endswith("bob 2")


def test_print_options(gloo, books, serve, name):
    server = books()
    host = serve(server.port, [prefix("/", to(name))], functions=[], ignoreUnknownQueryParameters=True, printOptions={
        "preserveProtoFieldNames": True, "alwaysPrintPrimitiveFields": True})
    assert first(gloo, host, "/v1/books/0?unknown=1").json() == {
        "id": "0", "title": "books", "author_names": ["A", "B"]}
    assert gloo.post(host, "/v1/books", body={}).json() == {"id": "0", "title": "", "author_names": []}


def test_over_tls(gloo, books, authority, serve, name):
    server = books(tls=authority.issue("books.internal"))
    gloo.secrets.write(f"{name}-ca/ca.crt", authority.crt)
    host = serve(server.port, [prefix("/", to(name))], functions=[],
                 spec={"tls": {"caSecretRef": f"{name}-ca", "sni": "books.internal"}})
    assert first(gloo, host, "/v1/books/5").json()["id"] == "5"


def test_descriptors_of_an_artifact(gloo, books, name):
    server = books()
    gloo.config.write(f"{name}.yaml", upstream(name, server.port, descriptorsFileRef=f"{name}-protos"),
                      virtual_service(name, f"{name}.test", [prefix("/", to(name)), exact("/f", call(name, "Books.Hello"))][::-1]))
    host = f"{name}.test"
    gloo.wait_state("Upstream", name, "WARNING", "ArtifactNotFound")
    gloo.wait_status(host, "/v1/books/1", 503)
    gloo.artifacts.write(f"{name}-protos/books.pb", descriptors())
    gloo.wait_status(host, "/v1/books/1")
    assert gloo.post(host, "/f", body={}).status == 200
    gloo.wait_state("Upstream", name, "ACCEPTED")


def test_wrong_descriptors_leave_the_others_alone(gloo, books, serve, name):
    server = books()
    host = serve(server.port, [prefix("/", to(name))])
    first(gloo, host, "/v1/books/1")
    # The last good form stays.
    gloo.config.write(f"{name}-2.yaml", virtual_service(f"{name}-2", f"{name}-2.test", [
        exact("/gone", call(name, "GetBok")), prefix("/", to(name))]))
    gloo.wait_state("VirtualService", f"{name}-2", "WARNING", "FunctionNotFound")
    broken = upstream(name, server.port, functions=["GetBok"])
    gloo.config.write(f"{name}.yaml", broken, virtual_service(name, host, [prefix("/", to(name))]))
    gloo.wait_state("Upstream", name, "REJECTED", "UnknownMethod")
    said = gloo.status("Upstream", name)
    assert "GetBook" in json.dumps(said)
    assert gloo.get(host, "/v1/books/1").status == 200
    assert gloo.get(f"{name}-2.test", "/v1/books/1").status == 200


def test_a_change_of_descriptors_is_taken_while_it_serves(gloo, books, serve, name):
    server = books()
    host = serve(server.port, [prefix("/", to(name))], functions=[], serviceNames=["shop.v1.Books"])
    first(gloo, host, "/v1/books/1")
    serve(server.port, [prefix("/", to(name))], functions=[])
    wait_for(lambda: gloo.post(host, "/shop.v1.Shelves/Hello", body={}).status == 200, "the second service")
    assert gloo.get(host, "/v1/books/1").status == 200


def test_messages_are_bounded(gloo, books, serve, name):
    server = books()
    routes = [exact("/add", call(name, "AddBook")), exact("/hello", call(name, "Books.Hello"))]
    host = serve(server.port, routes, functions=["AddBook", "Books.Hello"])
    first(gloo, host, "/add", method="POST", body={})
    assert len(gloo.post(host, "/add", body={"title": "x" * 900_000}).json()["title"]) == 900_000
    assert gloo.post(host, "/add", body={"title": "x" * 2_000_000}).status == 500
    assert gloo.post(host, "/add", body={"title": "x" * 5_000_000}).status == 429, "the server's own limit"
    serve(server.port, routes, functions=["AddBook", "Books.Hello"], maxResponseBytes=3_000_000)
    gloo.wait_answer(host, "/add", lambda answer: answer.status == 200 and len(answer.json()["title"]) == 2_000_000,
                     method="POST", body={"title": "x" * 2_000_000})
