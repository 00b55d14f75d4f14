"""The real nats-server, and NATS clients that are not ours (nats-py)."""

import asyncio
import concurrent.futures
import json
import pathlib
import signal
import ssl
import subprocess
import sys
import threading
import urllib.request

import nats

from harness.ports import free_port
from harness.waiting import wait_for

SERVER = pathlib.Path(sys.prefix) / "bin/nats-server"


class NatsServer:
    """One server with JetStream. `settings`: more of its configuration, in its own language; `users`: of that too."""

    def __init__(self, folder, settings="", port=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.monitor = free_port()
        self.settings = settings
        self.process = None

    def start(self):
        config = self.folder / "nats.conf"
        config.write_text(f'listen: "127.0.0.1:{self.port}"\nhttp: "127.0.0.1:{self.monitor}"\n'
                          f'jetstream {{ store_dir: "{self.folder}/jetstream" }}\n{self.settings}\n')
        with (self.folder / "nats.log").open("ab") as log:
            self.process = subprocess.Popen([SERVER, "-c", config], stdout=log, stderr=log)
        wait_for(lambda: self.ask("healthz")["status"] == "ok", "nats-server", timeout=20)
        return self

    def stop(self, sig=signal.SIGTERM):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(sig)
        self.process.wait(15)
        self.process = None

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def ask(self, what):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.monitor}/{what}", timeout=5) as answer:
            return json.loads(answer.read())

    def connections(self):
        """Those of Gloo that are open."""
        return [c for c in self.ask("connz?subs=1")["connections"] if c.get("name") == "gloo"]

    def opened(self):
        """How many connections there have been."""
        return self.ask("varz")["total_connections"]

    def log(self):
        return (self.folder / "nats.log").read_text()


class NatsClient:
    """A client of nats-py, driven from threads; its loop is in one of its own."""

    def __init__(self, server, authority=None, **options):
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        if authority:
            options["tls"] = ssl.create_default_context(cadata=authority)
            options.setdefault("tls_handshake_first", True)
        scheme = "tls" if authority else "nats"
        self.client = self._run(nats.connect(f"{scheme}://127.0.0.1:{server.port}", connect_timeout=5, **options))

    def close(self):
        self._run(self.client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    def subscribe(self, subject, reply=None):
        """The list that messages of the subject come into. `reply(message)` gives (payload, headers) to answer with."""
        got = []

        async def take(message):
            got.append(message)
            if reply is None:
                return
            payload, headers = reply(message)
            await self.client.publish(message.reply, payload, headers=headers)

        self._run(self.client.subscribe(subject, cb=take))
        self._run(self.client.flush())
        return got

    def add_stream(self, name, *subjects, **options):
        self._run(self.client.jetstream().add_stream(name=name, subjects=list(subjects), **options))

    def stored(self, stream, sequence):
        """A message of a stream."""
        return self._run(self.client.jetstream().get_msg(stream, sequence))

    def fetch(self, stream, subject, count):
        """The next messages, by a durable consumer, acknowledged."""
        async def take():
            consumer = await self.client.jetstream().pull_subscribe(subject, "test", stream=stream)
            messages = await consumer.fetch(count, timeout=5)
            for message in messages:
                await message.ack()
            return messages

        return self._run(take())


def together(count, work):
    """Runs `work(i)` in as many threads, and returns what they gave."""
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))
