"""The real nats-server, and NATS clients that are not ours (nats-py)."""

import asyncio
import base64
import binascii
import concurrent.futures
import json
import os
import pathlib
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.request

import nats
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from harness.ports import free_port
from harness.waiting import wait_for

SERVER = pathlib.Path(sys.prefix) / "bin/nats-server"


class NatsServer:
    """One server, with JetStream unless told otherwise. `settings`: more of its configuration, in its own language."""

    def __init__(self, folder, settings="", port=None, jetstream=True):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.monitor = free_port()
        self.settings = settings
        self.jetstream = f'jetstream {{ store_dir: "{self.folder}/jetstream" }}' if jetstream else ""
        self.process = None

    def start(self):
        config = self.folder / "nats.conf"
        config.write_text(f'listen: "127.0.0.1:{self.port}"\nhttp: "127.0.0.1:{self.monitor}"\n'
                          f"{self.jetstream}\n{self.settings}\n")
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
        stat = pathlib.Path(f"/proc/{self.process.pid}/stat")
        wait_for(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", "nats-server to stand still")

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


class Nkey:
    """A key as NATS writes it. `kind`: operator, account or user."""

    PREFIXES = {"operator": 14 << 3, "account": 0, "user": 20 << 3}

    def __init__(self, kind):
        self.key = ed25519.Ed25519PrivateKey.generate()
        prefix = self.PREFIXES[kind]
        private = self.key.private_bytes(serialization.Encoding.Raw, serialization.PrivateFormat.Raw,
                                         serialization.NoEncryption())
        public = self.key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.seed = self._text(bytes([18 << 3 | prefix >> 5, (prefix & 31) << 3]) + private)
        self.name = self._text(bytes([prefix]) + public)

    @staticmethod
    def _text(data):
        return base64.b32encode(data + binascii.crc_hqx(data, 0).to_bytes(2, "little")).decode().rstrip("=")

    def jwt(self, subject, kind, **claims):
        """What this key says of the key `subject`."""
        def part(value):
            return base64.urlsafe_b64encode(value).decode().rstrip("=")

        body = {"jti": os.urandom(8).hex(), "iat": int(time.time()), "iss": self.name, "name": kind, "sub": subject.name,
                "nats": {"type": kind, "version": 2, **claims}}
        text = ".".join(part(json.dumps(p).encode()) for p in ({"typ": "JWT", "alg": "ed25519-nkey"}, body))
        return f"{text}.{part(self.key.sign(text.encode()))}"


def decentralized():
    """Settings of a server whose users come with JWTs, and the JWT and the key of one."""
    operator, account, user = Nkey("operator"), Nkey("account"), Nkey("user")
    unlimited = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), -1)
    of_account = operator.jwt(account, "account", limits={**unlimited, "wildcards": True})
    of_user = account.jwt(user, "user", pub={}, sub={}, subs=-1, data=-1, payload=-1)
    settings = (f"operator: {operator.jwt(operator, 'operator')}\nresolver: MEMORY\n"
                f"resolver_preload: {{ {account.name}: {of_account} }}")
    return settings, of_user, user


def together(count, work):
    """Runs `work(i)` in as many threads, and returns what they gave."""
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))
