"""A real gRPC server (grpcio) of the services in books.proto, and what their descriptors are."""

import functools
import pathlib
import struct
import subprocess
import tempfile
from concurrent import futures

import grpc
from google.api import annotations_pb2
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory
from google.rpc import error_details_pb2, status_pb2
from grpc_reflection.v1alpha import reflection

PROTO = pathlib.Path(__file__).with_name("books.proto")
GOOGLE = ("google/protobuf/descriptor.proto", "google/api/http.proto", "google/api/annotations.proto")


def compile_proto(path=PROTO):
    """The descriptor set of a proto source, as `protoc --include_imports` writes it."""
    pool = annotations_pb2.DESCRIPTOR.pool
    known = descriptor_pb2.FileDescriptorSet()
    for name in GOOGLE:
        pool.FindFileByName(name).CopyToProto(known.file.add())
    with tempfile.TemporaryDirectory() as folder:
        google, out = pathlib.Path(folder, "google.pb"), pathlib.Path(folder, "out.pb")
        google.write_bytes(known.SerializeToString())
        subprocess.run(["protoc", f"--descriptor_set_in={google}", f"--proto_path={path.parent}", "--include_imports",
                        f"--descriptor_set_out={out}", path.name], check=True, timeout=30)
        return out.read_bytes()


@functools.cache
def descriptors():
    return compile_proto()


@functools.cache
def pool():
    made = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(descriptors()).file:
        made.Add(file)
    return made


def message(name):
    """The class of a message of package shop.v1."""
    return message_factory.GetMessageClass(pool().FindMessageTypeByName(f"shop.v1.{name}"))


def method(service, name):
    return pool().FindServiceByName(f"shop.v1.{service}").methods_by_name[name]


class Status(grpc.Status):
    """A failure with details, as the server library sends them."""

    def __init__(self, code, text, *details):
        self.code, self.details = code, text
        packed = []
        for detail in details:
            packed.append(any_pb2.Any())
            packed[-1].Pack(detail)
        status = status_pb2.Status(code=code.value[0], message=text, details=packed)
        self.trailing_metadata = (("grpc-status-details-bin", status.SerializeToString()),)


class Books:
    """`name` is in the answers, so that servers can be told apart; `calls` are the methods called, in their order."""

    def __init__(self, name="books", tls=None, v1_reflection=False):
        self.name = name
        self.calls = []
        self.metadata = {}
        self.server = grpc.server(futures.ThreadPoolExecutor(16))
        handlers = [self._handler(s, m) for s in ("Books", "Shelves")
                    for m in pool().FindServiceByName(f"shop.v1.{s}").methods_by_name]
        for service in ("Books", "Shelves"):
            self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
                f"shop.v1.{service}", {m: h for s, m, h in handlers if s == service}),))
        names = ["shop.v1.Books", "shop.v1.Shelves", reflection.SERVICE_NAME]
        if v1_reflection:
            # Version 1 has the messages of v1alpha under its own name.
            servicer = reflection.ReflectionServicer(names, pool=pool())
            self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
                "grpc.reflection.v1.ServerReflection", {"ServerReflectionInfo": grpc.stream_stream_rpc_method_handler(
                    servicer.ServerReflectionInfo,
                    reflection._reflection_pb2.ServerReflectionRequest.FromString,
                    reflection._reflection_pb2.ServerReflectionResponse.SerializeToString)}),))
        else:
            reflection.enable_server_reflection(names, self.server, pool=pool())
        if tls:
            credentials = grpc.ssl_server_credentials([(tls.key.encode(), tls.crt.encode())])
            self.port = self.server.add_secure_port("127.0.0.1:0", credentials)
        else:
            self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def close(self):
        self.server.stop(None).wait(5)

    def _handler(self, service, name):
        described = method(service, name)
        call = getattr(self, f"_{name.lower()}")

        def handle(request, context):
            self.calls.append(f"{service}.{name}")
            self.metadata = dict(context.invocation_metadata())
            return call(service, request, context)

        request = message(described.input_type.name).FromString
        answer = message(described.output_type.name).SerializeToString
        kind = {(False, False): grpc.unary_unary_rpc_method_handler, (False, True): grpc.unary_stream_rpc_method_handler,
                (True, False): grpc.stream_unary_rpc_method_handler}
        made = kind[described.client_streaming, described.server_streaming](handle, request, answer)
        return service, name, made

    def _getbook(self, _, request, context):
        if request.id == 404:
            context.abort(grpc.StatusCode.NOT_FOUND, "there is no book 404")
        return message("Book")(id=request.id, title=f"{self.name}{request.view}", author_names=["A", "B"])

    def _addbook(self, _, request, context):
        return request

    def _hello(self, service, request, context):
        return message("HelloReply")(message=f"{self.name} {service} {request.name} {request.count}")

    def _many(self, _, request, context):
        for i in range(request.count):
            yield message("HelloReply")(message=str(i))

    def _sum(self, _, requests, context):
        return message("HelloReply")(message=str(sum(request.count for request in requests)))

    def _fail(self, _, request, context):
        if request.name == "stock":
            context.abort_with_status(Status(grpc.StatusCode.RESOURCE_EXHAUSTED, "sold out",
                                             message("OutOfStock")(left=2)))
        violation = error_details_pb2.BadRequest.FieldViolation(field="name", description="is bad")
        context.abort_with_status(Status(grpc.StatusCode.INVALID_ARGUMENT, "bad name",
                                         error_details_pb2.BadRequest(field_violations=[violation])))


class Client:
    """A gRPC client of a gateway: the host chooses the virtual service."""

    def __init__(self, port, host):
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.default_authority", host)])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()

    def call(self, service, name, request, path=None, timeout=10):
        described = method(service, name)
        answer = message(described.output_type.name).FromString
        make = self.channel.unary_stream if described.server_streaming else self.channel.unary_unary
        call = make(path or f"/shop.v1.{service}/{name}", lambda m: m.SerializeToString(), answer)
        return list(call(request, timeout=timeout)) if described.server_streaming else call(request, timeout=timeout)


def frame(request):
    """A message as gRPC frames it."""
    body = request.SerializeToString()
    return b"\0" + struct.pack(">I", len(body)) + body
