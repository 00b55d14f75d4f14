"""Configuration as Python values: builders of objects, and a folder that is written as editors write it."""

import json
import os
import pathlib

import yaml

API = "gloo.solo.io/v1"


def upstream(name, *ports, functions=None, rest=None, spec=None, **more):
    """A static upstream of ports on loopback. `functions`: {name: spec}; functions make it REST."""
    body = {"type": "static", "spec": {"hosts": [{"addr": "127.0.0.1", "port": p} for p in ports], **(spec or {})}}
    if functions is not None or rest:
        body["serviceInfo"] = {"type": "REST"}
        body["functions"] = [{"name": key, "spec": value} for key, value in (functions or {}).items()]
    return {"apiVersion": API, "kind": "Upstream", "metadata": {"name": name}, "spec": {**body, **more}}


def virtual_service(name, domains, routes, **more):
    domains = [domains] if isinstance(domains, str) else domains
    return {"apiVersion": API, "kind": "VirtualService", "metadata": {"name": name},
            "spec": {"domains": domains, "routes": routes, **more}}


def role(name, listeners):
    return {"apiVersion": API, "kind": "Role", "metadata": {"name": name}, "spec": {"listeners": listeners}}


def to(name):
    return {"singleDestination": {"upstream": {"name": name}}}


def call(name, function):
    return {"singleDestination": {"function": {"upstreamName": name, "functionName": function}}}


def split(*parts):
    """Weighted destinations: (what `to` or `call` gives, weight)."""
    return {"multipleDestinations": [{"destination": p["singleDestination"], "weight": w} for p, w in parts]}


def prefix(path, destination, **more):
    """A route by prefix; headers, queryParams and verbs go to the matcher, the rest to the route."""
    return _route("pathPrefix", path, destination, more)


def exact(path, destination, **more):
    return _route("pathExact", path, destination, more)


def regex(path, destination, **more):
    return _route("pathRegex", path, destination, more)


def event(kind, destination, path=None, **more):
    matcher = {"eventType": kind}
    if path:
        matcher["path"] = path
    return {"eventMatcher": matcher, **destination, **more}


def _route(kind, path, destination, more):
    matcher = {kind: path}
    for key in ("headers", "queryParams", "verbs"):
        if key in more:
            matcher[key] = more.pop(key)
    return {"requestMatcher": matcher, **destination, **more}


def to_yaml(*objects):
    return yaml.safe_dump_all(objects, sort_keys=False)


class Folder:
    """A folder of configuration files."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.path.mkdir(parents=True, exist_ok=True)

    def write(self, name, *content):
        """Writes a file at once, as editors do: a new file beside it, then a rename. Returns its path.

        `content` is one text, bytes, or objects (YAML; JSON when the name ends in .json).
        """
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.new~")
        new.write_bytes(self._bytes(name, content))
        os.rename(new, path)
        return path

    def write_in_place(self, name, *content):
        """Truncates and writes the file that is there."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self._bytes(name, content))
        return path

    def read(self, name):
        return (self.path / name).read_text()

    def remove(self, name):
        (self.path / name).unlink()

    @staticmethod
    def _bytes(name, content):
        if len(content) == 1 and isinstance(content[0], bytes):
            return content[0]
        if len(content) == 1 and isinstance(content[0], str):
            return content[0].encode()
        if name.endswith(".json"):
            return "\n".join(json.dumps(o, indent=1) for o in content).encode()
        return to_yaml(*content).encode()

    def secret(self, name, **values):
        """A secret as a folder of files; keys are given with `_` for `.` (tls_crt)."""
        for key, value in values.items():
            self.write(f"{name}/{key.replace('_', '.')}", value)
