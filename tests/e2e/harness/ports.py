"""Ports for servers that cannot choose their own."""

import random
import socket


def free_port():
    """A port that nobody listens on, below those that the kernel gives to outgoing connections: who asked for it binds it
    a moment later, and one of those might have taken it by then."""
    while True:
        port = random.randrange(10_000, 16_000)
        with socket.socket() as taken:
            try:
                taken.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
