"""A gRPC server with a few books, for the example: ./run starts it beside the gateway."""

import argparse
import base64
import pathlib
from concurrent import futures

import grpc
import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PORT = 8086
CONFIG = pathlib.Path(__file__).with_name("config") / "books.yaml"


def load_pool():
    """The descriptors that the gateway has, too: they are in its configuration."""
    properties = yaml.safe_load(CONFIG.read_text())["spec"]["serviceInfo"]["properties"]
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(base64.b64decode(properties["descriptors"])).file:
        pool.Add(file)
    return pool


POOL = load_pool()


def message(name):
    return message_factory.GetMessageClass(POOL.FindMessageTypeByName(f"books.v1.{name}"))


Book = message("Book")
BOOKS = {book.id: book for book in (Book(id=1, title="Emma", authors=["Austen"]),
                                    Book(id=2, title="The Castle", authors=["Kafka"]),
                                    Book(id=3, title="The Trial", authors=["Kafka"]))}


def get_book(request, context):
    if request.id not in BOOKS:
        context.abort(grpc.StatusCode.NOT_FOUND, f"there is no book {request.id}")
    return BOOKS[request.id]


def add_book(request, context):
    if not request.title:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "a book needs a title")
    request.id = request.id or max(BOOKS) + 1
    BOOKS[request.id] = request
    return request


def list_books(request, _):
    for book in list(BOOKS.values()):
        if not request.author or request.author in book.authors:
            yield book


HANDLERS = {
    "GetBook": grpc.unary_unary_rpc_method_handler(get_book, message("GetBookRequest").FromString,
                                                   Book.SerializeToString),
    "AddBook": grpc.unary_unary_rpc_method_handler(add_book, Book.FromString, Book.SerializeToString),
    "ListBooks": grpc.unary_stream_rpc_method_handler(list_books, message("ListBooksRequest").FromString,
                                                      Book.SerializeToString),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=PORT)
    server = grpc.server(futures.ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("books.v1.Books", HANDLERS),))
    server.add_insecure_port(f"127.0.0.1:{parser.parse_args().port}")
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
