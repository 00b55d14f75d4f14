"""Ports for servers that cannot choose their own."""

import socket


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]
