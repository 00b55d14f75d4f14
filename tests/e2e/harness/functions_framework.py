"""A function that Google's Functions Framework serves; tools/setup --test installs it into a folder of its own."""

import os
import subprocess
import sys

from harness.gateway import ROOT
from harness.ports import free_port

FRAMEWORK = ROOT / ".venv/functions-framework"

FUNCTION = """
import flask
import functions_framework

@functions_framework.http
def hello(request):
    return flask.jsonify(method=request.method, path=request.full_path, body=request.get_data(as_text=True),
                         authorization=request.headers.get("authorization"), host=request.host)
"""


def start(folder):
    """A process that serves `hello`, which answers with what it got; its port and log."""
    (folder / "main.py").write_text(FUNCTION)
    port = free_port()
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "functions_framework", "--target", "hello", "--source", "main.py", "--host", "127.0.0.1",
             "--port", str(port)], cwd=folder, env={**os.environ, "PYTHONPATH": str(FRAMEWORK)}, stdout=out, stderr=out)
    return process, port, log
