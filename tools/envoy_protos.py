#!/usr/bin/env python3
"""Writes the descriptors of the Envoy protos that we use, for protoc to generate C++ from.

    envoy_protos.py ROOTS_FILE OUT.fds OUT.files

ROOTS_FILE lists proto files (a comment starts with #). OUT.fds receives a FileDescriptorSet of them
and of all they import, taken from the Python package xds-protos; OUT.files the names of those that
need C++ of their own (all but protobuf's own), one a line.

jwt_authn has fields named `requires`, a C++20 keyword that protoc 3.21 does not escape; such names
get a trailing underscore in the descriptor. The wire format knows numbers only, so nothing else changes.
"""

import importlib
import sys

from google.protobuf import descriptor_pb2

KEYWORDS = {"requires", "concept", "co_await", "co_return", "co_yield", "consteval", "constinit"}


def load(name):
    module = name.removesuffix(".proto").replace("-", "_").replace("/", ".") + "_pb2"
    return importlib.import_module(module).DESCRIPTOR


def rename_keywords(message):
    for field in message.field:
        if field.name in KEYWORDS:
            if not field.json_name:
                field.json_name = field.name
            field.name += "_"
    for oneof in message.oneof_decl:
        if oneof.name in KEYWORDS:
            oneof.name += "_"
    for nested in message.nested_type:
        # A map field's entry type is named after the field; protoc checks that they agree.
        if nested.options.map_entry and nested.name.removesuffix("Entry").lower() in KEYWORDS:
            old, nested.name = nested.name, nested.name.removesuffix("Entry") + "_Entry"
            for field in message.field:
                if field.type_name.endswith("." + old):
                    field.type_name = field.type_name[: -len(old)] + nested.name
        rename_keywords(nested)


def main():
    roots_file, out_set, out_files = sys.argv[1:4]
    with open(roots_file, encoding="utf-8") as f:
        roots = [line.split("#")[0].strip() for line in f]
    seen, ordered = set(), []

    def walk(descriptor):
        if descriptor.name in seen:
            return
        seen.add(descriptor.name)
        for dependency in descriptor.dependencies:
            walk(dependency)
        ordered.append(descriptor)

    for root in filter(None, roots):
        walk(load(root))

    result = descriptor_pb2.FileDescriptorSet()
    for descriptor in ordered:
        file = result.file.add()
        descriptor.CopyToProto(file)
        for message in file.message_type:
            rename_keywords(message)
    with open(out_set, "wb") as f:
        f.write(result.SerializeToString(deterministic=True))
    names = [d.name for d in ordered if not d.name.startswith("google/protobuf/")]
    with open(out_files, "w", encoding="utf-8") as f:
        f.write("\n".join(names) + "\n")


if __name__ == "__main__":
    main()
