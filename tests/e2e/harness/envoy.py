"""An Envoy that somebody else starts, with the bootstrap that `gloo bootstrap` prints."""

import json
import subprocess

from . import gateway as gateways
from . import http


class Envoy:
    """`planes`: the gateways (or ports) that it may be served by. `edit` changes the bootstrap before the start;
    `args` are further flags of Envoy."""

    def __init__(self, planes, node_id, folder, *flags, edit=None, concurrency=1, args=("--use-dynamic-base-id",)):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        command = [str(gateways.GLOO), "bootstrap", "--node-id", node_id, *map(str, flags)]
        for plane in planes if isinstance(planes, (list, tuple)) else [planes]:
            command += ["--xds", f"127.0.0.1:{plane.ports['xdsPort']}"]
        done = subprocess.run(command, text=True, capture_output=True, check=True, env=gateways.clean_environment())
        bootstrap = json.loads(done.stdout)
        bootstrap.setdefault("admin", {})["address"] = {
            "socketAddress": {"address": "127.0.0.1", "portValue": 0}}
        if edit is not None:
            edit(bootstrap)
        config = folder / "bootstrap.json"
        config.write_text(json.dumps(bootstrap))
        self.admin_path = folder / "admin"
        self.log = open(folder / "envoy.log", "wb")
        environment = dict(gateways.clean_environment())
        environment["ENVOY_DYNAMIC_MODULES_SEARCH_PATH"] = str(gateways.BUILD / "lib")
        environment["LD_LIBRARY_PATH"] = str(gateways.BUILD / "lib")
        self.process = subprocess.Popen(
            [gateways.find_envoy(), "-c", str(config), "--admin-address-path", str(self.admin_path),
             *args, "--concurrency", str(concurrency), "-l", "warning"],
            stdout=self.log, stderr=subprocess.STDOUT, env=environment)

    def admin(self, path):
        address = self.admin_path.read_text()
        return http.request(int(address.rsplit(":", 1)[1]), "localhost", path)

    def stat(self, name):
        """The value of a counter or gauge."""
        for line in self.admin(f"/stats?filter=^{name}$").text.splitlines():
            return int(line.rsplit(":", 1)[1])
        raise LookupError(f"Envoy has no statistic {name}")

    def listeners(self):
        """{name: port} of the listeners that are served."""
        return {line.split("::")[0]: int(line.rsplit(":", 1)[1])
                for line in self.admin("/listeners").text.splitlines() if "::" in line}

    def stop(self):
        self.process.terminate()
        self.process.wait(15)
        self.log.close()
