#!/usr/bin/env python3
"""A NATS server with a stream ORDERS, somebody who answers questions for prices, and a listener that prints what it hears.

    service.py [--port 9088] [--port-file FILE]

The server is the real one, as tools/setup installs it. --port-file is written once all of them are there.
"""

import argparse
import asyncio
import ctypes
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

import nats

# Where it listens by default; ./run reads this line.
PORT = 9088
SERVER = pathlib.Path(sys.prefix) / "bin/nats-server"


def end_with_parent():
    """Linux's PR_SET_PDEATHSIG: the server ends with this program, however that ends."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


async def connect(port):
    while True:
        try:
            return await nats.connect(f"nats://127.0.0.1:{port}", allow_reconnect=False)
        except (OSError, nats.errors.Error):
            await asyncio.sleep(0.05)


async def work(port, port_file):
    client = await connect(port)
    await client.jetstream().add_stream(name="ORDERS", subjects=["orders.*"])

    async def price(message):
        asked = json.loads(message.data or b"{}")
        await client.publish(message.reply, json.dumps({"article": asked.get("article"), "price": 12}).encode(),
                             headers={"content-type": "application/json"})

    async def hear(message):
        print(f"{message.subject}: {message.data.decode(errors='replace')} {message.headers or ''}", flush=True)

    await client.subscribe("prices.ask", cb=price)
    for subject in ("events.>", "orders.*", "greetings.*"):
        await client.subscribe(subject, cb=hear)
    await client.flush()
    if port_file:
        # Whole or not there.
        pathlib.Path(port_file + ".new").write_text(f"{port}\n", encoding="utf-8")
        os.replace(port_file + ".new", port_file)
    print(f"the bus listens on 127.0.0.1:{port}", flush=True)
    while not client.is_closed:
        await asyncio.sleep(0.5)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--port-file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen([SERVER, "-a", "127.0.0.1", "-p", str(options.port), "-js", "-sd", folder],
                                  preexec_fn=end_with_parent)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            asyncio.run(work(options.port, options.port_file))
        except KeyboardInterrupt:
            pass
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    sys.exit(main())
