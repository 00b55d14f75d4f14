"""glooctl makes upstreams of gRPC services: from what a server says of itself, from sources and from descriptor sets."""

from concurrent import futures

import grpc
import pytest
import yaml

from harness.config import call, prefix, to, to_yaml, virtual_service
from harness.gateway import glooctl
from harness.grpc_service import PROTO, descriptors

FUNCTIONS = ["GetBook", "AddBook", "Books.Hello", "Many", "Sum", "Fail", "Shelves.Hello"]


def created(*args, **more):
    done = glooctl("create", "upstream", *args, **more)
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)


@pytest.mark.parametrize("v1", [True, False])
def test_a_server_with_reflection(gloo, books, v1):
    name = f"reflected-{v1}".lower()
    server = books(v1_reflection=v1)
    made = created(name, "--grpc", f"127.0.0.1:{server.port}")
    assert [f["name"] for f in made["spec"]["functions"]] == FUNCTIONS
    assert made["spec"]["spec"] == {"hosts": [{"addr": "127.0.0.1", "port": server.port}]}
    gloo.config.write(f"{name}.yaml", made, virtual_service(name, f"{name}.test", [
        prefix("/hello", call(name, "Books.Hello")), prefix("/", to(name))]))
    gloo.wait_status(f"{name}.test", "/v1/books/3")
    assert gloo.post(f"{name}.test", "/hello", body={"name": "x"}).json() == {"message": "books Books x 0"}
    assert gloo.status("Upstream", name)["state"] == "ACCEPTED"


def test_a_server_over_tls(books, authority, ca_file):
    server = books(tls=authority.issue("localhost"))
    made = created("x", "--grpc", f"https://localhost:{server.port}", env={"SSL_CERT_FILE": str(ca_file)})
    assert made["spec"]["spec"] == {"hosts": [{"addr": "localhost", "port": server.port}], "tls": True}
    done = glooctl("create", "upstream", "x", "--grpc", f"https://localhost:{server.port}")
    assert done.returncode == 1 and "certificate" in done.stderr.lower(), done.stderr


def test_sources_and_descriptor_sets_say_the_same(tmp_path):
    file = tmp_path / "books.pb"
    file.write_bytes(descriptors())
    by_source = created("x", "--proto", str(PROTO), "--server", "https://books.test")
    by_set = created("x", "--descriptors", str(file), "--server", "https://books.test")
    assert by_source == by_set
    assert [f["name"] for f in by_set["spec"]["functions"]] == FUNCTIONS
    assert by_set["spec"]["functions"][0]["spec"] == {"service": "shop.v1.Books", "method": "GetBook"}
    assert by_set["spec"]["spec"] == {"hosts": [{"addr": "books.test", "port": 443}], "tls": True}


def test_a_source_of_a_folder_of_imports(tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "m.proto").write_text('syntax = "proto3"; package m; message M {}')
    (tmp_path / "a" / "b").mkdir(parents=True)
    source = tmp_path / "a" / "b" / "s.proto"
    source.write_text('syntax = "proto3"; package p; import "lib/m.proto"; service S { rpc Do(m.M) returns (m.M); }')
    made = created("x", "--proto", str(source), "-I", str(tmp_path), "--server", "http://s:1")
    assert [f["name"] for f in made["spec"]["functions"]] == ["Do"]
    source.write_text('syntax = "proto3"; package p;\nservice S {\n  rpc Do(M) returns (M); }')
    done = glooctl("create", "upstream", "x", "--proto", str(source), "-I", str(tmp_path), "--server", "http://s:1")
    assert done.returncode == 1 and 'a/b/s.proto:3:10: error: "M" is not defined.' in done.stderr, done.stderr


def test_functions_are_brought_up_to_date(gloo, books, tmp_path):
    name = "grown"
    server = books()
    source = tmp_path / "books.proto"
    text = PROTO.read_text()
    source.write_text(text[:text.index("  rpc Many")] + "}\n")
    made = glooctl("create", "upstream", name, "--proto", str(source), "--server", f"http://127.0.0.1:{server.port}",
                   "--apply", "--config-dir", str(gloo.config.path))
    assert made.returncode == 0, made.stderr
    gloo.config.write(f"{name}-vs.yaml", virtual_service(name, f"{name}.test", [prefix("/many", call(name, "Many"))]))
    gloo.wait_state("VirtualService", name, "WARNING", "FunctionNotFound")
    done = glooctl("function", "import", name, "--grpc", f"127.0.0.1:{server.port}", "--config-dir",
                   str(gloo.config.path))
    assert done.returncode == 0, done.stderr
    assert "functions: 5 added, 0 updated, 2 as they were" in done.stderr
    gloo.wait_answer(f"{name}.test", "/many", lambda a: a.status == 200, method="POST", body={"count": 1})


def test_what_cannot_be_described(tmp_path, books):
    def fails(*args):
        done = glooctl("create", "upstream", "x", *args)
        assert done.returncode != 0 and not done.stdout
        return done.stderr

    bare = grpc.server(futures.ThreadPoolExecutor(1))
    port = bare.add_insecure_port("127.0.0.1:0")
    bare.start()
    assert "offers no reflection" in fails("--grpc", f"127.0.0.1:{port}")
    bare.stop(None).wait(5)
    assert f"127.0.0.1:{port}" in fails("--grpc", f"127.0.0.1:{port}")
    assert "is no HOST:PORT" in fails("--grpc", "books:port")
    file = tmp_path / "x.pb"
    file.write_bytes(b"not a set")
    assert "no descriptor set" in fails("--descriptors", str(file), "--server", "http://a")
    file.write_bytes(descriptors())
    assert "--server URL" in fails("--descriptors", str(file))
    assert "there is no file" in fails("--descriptors", str(tmp_path / "none.pb"))
    assert "one of" in fails("--descriptors", str(file), "--proto", str(PROTO))
    (tmp_path / "empty.proto").write_text('syntax = "proto3"; message A {}')
    assert "there is no service in it" in fails("--proto", str(tmp_path / "empty.proto"), "--server", "http://a")


def test_explain_names_the_method(tmp_path):
    made = created("books", "--proto", str(PROTO), "--server", "http://127.0.0.1:1")
    file = tmp_path / "config.yaml"
    file.write_text(to_yaml(made, virtual_service("v", "v.test", [
        prefix("/f", call("books", "Books.Hello")), prefix("/shop", to("books"), prefixRewrite="/")])))

    def explain(*args):
        done = glooctl("explain", "-f", str(file), "--host", "v.test", *args)
        return done.returncode, [" ".join(line.split()) for line in done.stdout.splitlines()][3:]

    code, lines = explain("--path", "/f/any", "-d", "{}")
    assert code == 0 and "calls /shop.v1.Books/Hello by POST /**, with gRPC made of the JSON" in lines
    code, lines = explain("--path", "/shop/v1/books/7")
    assert code == 0 and "calls /shop.v1.Books/GetBook by GET /shop/v1/books/{id}, with gRPC made of the JSON" in lines
    code, lines = explain("--path", "/shop/nowhere")
    assert code == 1 and lines[-1].startswith("answer 404: no method takes GET /shop/nowhere")
    code, lines = explain("--path", "/shop/shop.v1.Shelves/Hello", "-X", "POST", "-H", "content-type: application/grpc")
    assert code == 0 and "sent on POST /shop.v1.Shelves/Hello" in lines
    code, lines = explain("--path", "/f", "-X", "POST", "-H", "content-type: application/grpc-web")
    assert code == 0 and "sent on POST /shop.v1.Books/Hello" in lines
