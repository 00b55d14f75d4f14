"""Clients that send events with the CloudEvents SDKs of other languages (tests/e2e/clients; tools/setup --test has them).

A client is a process. A line of JSON is a request: `url`; `mode`, one of binary, structured and batched; `events`, each
with `attributes` and the data as `json`, `text` or `base64`; `checked`, false where the SDK should let through what is no
event. It answers with a line: `status` and `body`, or `error`.
"""

import base64
import json
import os
import subprocess

import pytest

from harness.gateway import ROOT

VENV = ROOT / ".venv"
CLIENTS = ROOT / "tests/e2e/clients"
SDKS = {
    "javascript": (VENV / "cloudevents-js", ["node", str(CLIENTS / "cloudevents_js/client.js")], "npm"),
    "go": (VENV / "cloudevents-go", [str(VENV / "cloudevents-go/client")], "go (or none that is new enough)"),
}


class EventClient:
    def __init__(self, sdk):
        folder, command, wanted = SDKS[sdk]
        if not (folder / ".stamp").exists():
            pytest.skip(f"no CloudEvents SDK for {sdk}: tools/setup --test found no {wanted}")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, "NODE_PATH": str(folder / "node_modules")})

    def send(self, url, mode, events, checked=True):
        """Sends (attributes, data) each; (status, body) of the answer."""
        request = {"url": url, "mode": mode, "checked": checked,
                   "events": [{"attributes": attributes, **_data(data)} for attributes, data in events]}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["status"], answer.get("body", "")

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)


def _data(data):
    if isinstance(data, bytes):
        return {"base64": base64.b64encode(data).decode()}
    return {"text": data} if isinstance(data, str) else {"json": data}
