"""What the transformation filter costs: Envoy's CPU per request, with it, without it, and with Lua in its place."""

import json

import envoys
import measure
from harness.config import call, prefix, to, upstream, virtual_service
from harness.gateway import Gateway

HOST = "transform.bench.test"
# One KiB of JSON, of which the template reads three fields.
BODY = json.dumps({
    "name": "rex", "tag": "dog", "age": 7,
    "owner": {"first": "Ada", "last": "Byron", "address": {"city": "London", "street": "St James's Square 12"}},
    "notes": ["vaccinated", "friendly", "likes water"],
})
BODY = BODY[:-1] + ", \"comment\": \"" + "x" * (1024 - len(BODY) - 15) + "\"}"
FUNCTIONS = {
    "headers": {"path": "/pets/{{ id }}", "headers": {"x-agent": "via {{ header(\"x-tenant\") }}"}},
    "body": {"path": "/api/pets",
             "body": "{\"pet\": \"{{ name }}\", \"kind\": \"{{ tag }}\", \"where\": \"{{ owner.address.city }}\"}"},
}
JSON = {"content-type": "application/json"}
TENANT = {"x-tenant": "blue"}
# name: (path, method, headers, body, what it is compared with)
CASES = {
    "no filter, GET": ("/plain/7", "GET", TENANT, None, None),
    "headers only, GET": ("/headers/7", "GET", TENANT, None, "no filter, GET"),
    "no filter, POST 1 KB": ("/plain", "POST", JSON, BODY, None),
    "JSON body, POST 1 KB": ("/body", "POST", JSON, BODY, "no filter, POST 1 KB"),
}


def run(folder, rounds, seconds, backend_port, say):
    """Rows of (name, microseconds per request, added microseconds, added per cent); medians over interleaved rounds."""
    gateway = Gateway(folder / "transform")
    gateway.flags = gateway.default_flags() | {"log-level": "warn"}
    gateway.config.write("bench.yaml", upstream("backend", backend_port, functions=FUNCTIONS),
                         virtual_service("bench", HOST, [
                             prefix("/headers/", call("backend", "headers"),
                                    extensions={"parameters": {"path": "/headers/{id}"}}),
                             prefix("/body", call("backend", "body")),
                             prefix("/plain", to("backend")),
                         ]))
    gateway.start()
    lua = envoys.lua(folder, backend_port)
    try:
        gateway.wait_status(HOST, "/plain")
        loads = {}
        for label, port, pid in (("Gloo", gateway.http_port, gateway.ports["envoyPid"]), ("Lua", lua.port, lua.pid)):
            for case, (path, method, headers, body, _) in CASES.items():
                name = f"{label}: {case}"
                loads[name] = (pid, measure.Load(folder, name.replace(" ", "-").replace(":", ""), port, HOST, path,
                                                 method, headers, body))
        results = {name: [] for name in loads}
        for _, load in loads.values():
            load.run(1)  # connections, branch predictors and buffers get warm
        for turn in range(rounds):
            # Interleaved, and each round in the other direction: what the machine does meanwhile hits all alike.
            for name in list(loads)[:: 1 if turn % 2 == 0 else -1]:
                pid, load = loads[name]
                before = measure.cpu_ns(pid)
                requests = load.run(seconds)
                results[name].append((measure.cpu_ns(pid) - before) / 1000 / requests)
            say(f"transformations: round {turn + 1} of {rounds}")
        rows = []
        for label in ("Gloo", "Lua"):
            for case, (_, _, _, _, base) in CASES.items():
                values = results[f"{label}: {case}"]
                if base is None:
                    rows.append((f"{label}: {case}", measure.median(values), None, None))
                    continue
                added = [v - b for v, b in zip(values, results[f"{label}: {base}"])]
                share = [100 * (v / b - 1) for v, b in zip(values, results[f"{label}: {base}"])]
                rows.append((f"{label}: {case}", measure.median(values), measure.median(added), measure.median(share)))
        return rows
    finally:
        lua.stop()
        gateway.stop()
