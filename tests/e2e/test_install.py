"""What `cmake --install` installs works where it is put."""

import json
import subprocess

from harness import gateway as gateways
from harness.config import prefix, upstream, virtual_service


def test_an_installation_serves(new_gateway, echo, tmp_path):
    installed = tmp_path / "usr"
    subprocess.run(["cmake", "--install", str(gateways.BUILD), "--prefix", str(installed)], check=True,
                   stdout=subprocess.DEVNULL, timeout=120)
    files = {str(path.relative_to(installed)) for path in installed.rglob("*") if path.is_file()}
    assert files == {"bin/gloo", "bin/glooctl", "lib/libgloo_filters.so"}
    gateway = new_gateway(program=installed / "bin/gloo")
    gateway.config.write("a.yaml", upstream("echo", echo.port, functions={"f": {"path": "/made/{{ id }}"}}),
                         virtual_service("a", "a.test", [
                             {**prefix("/", {"singleDestination": {"function": {"upstreamName": "echo", "functionName": "f"}}}),
                              "extensions": {"parameters": {"path": "/{id}"}}}]))
    gateway.start()
    assert gateway.get("a.test", "/7").json()["path"] == "/made/7"
    # The module is the installed one.
    maps = open(f"/proc/{gateway.ports['envoyPid']}/maps", encoding="utf-8").read()
    assert str(installed / "lib/libgloo_filters.so") in maps
    listed = subprocess.run([str(installed / "bin/glooctl"), "--admin", f"127.0.0.1:{gateway.ports['adminPort']}", "get",
                             "virtualservices", "-o", "json"], text=True, capture_output=True, check=True, timeout=30)
    assert json.loads(listed.stdout)
