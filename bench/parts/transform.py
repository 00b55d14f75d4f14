"""What the transformation filter costs: Envoy's CPU per request, with it, without it, and with Lua in its place."""

import json

import envoys
import load
import measure
from gateways import Site
from harness.config import call, prefix, to, upstream, virtual_service
from report import Aim, Group, Row

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
# Percent.
AIMS = {"headers only, GET": 5, "JSON body, POST 1 KB": 12}

TITLE = "CPU of Envoy for one request, with and without a transformation, and with Lua in its place"
# A machine that others use too is slower at one moment than at the next: many short turns, each compared with the one
# beside it, tell more than a few long ones.
ROUNDS = 100
REQUESTS = 1000


def interleaved(context, loads):
    """{name: [microseconds of CPU per request]}, one figure a round."""
    results = {name: [] for name in loads}
    for _, sender in loads.values():
        sender.run(REQUESTS)  # connections, branch predictors and buffers get warm
    rounds = 2 if context.tiny else 20 if context.quick else ROUNDS
    for turn in range(rounds):
        # Each round in the other direction: what the machine does meanwhile hits all alike.
        for name in list(loads)[:: 1 if turn % 2 == 0 else -1]:
            pid, sender = loads[name]
            before = measure.cpu_ns(pid)
            sender.run(REQUESTS)
            results[name].append((measure.cpu_ns(pid) - before) / 1000 / REQUESTS)
        if (turn + 1) % 20 == 0:
            context.say(f"transform: round {turn + 1} of {rounds}")
    return results


def added(results, label, case):
    """What is added to what it is compared with, in us: the median of the differences within each round."""
    base = CASES[case][-1]
    return measure.median([value - other for value, other in zip(results[f"{label}: {case}"],
                                                                 results[f"{label}: {base}"])])


def rows_of(results):
    """A row a case, and for those that are compared what is added, and its share."""
    rows = []
    for case, (_, _, _, _, base) in CASES.items():
        values, lua = results[f"Gloo: {case}"], results[f"Lua: {case}"]
        rows.append(Row(case, "us", measure.median(values), measure.percentile(values, 0.99),
                        peers={"Lua": measure.median(lua)}))
        if base is not None:
            extra = {label: added(results, label, case) for label in ("Gloo", "Lua")}
            share = {label: 100 * extra[label] / measure.median(results[f"{label}: {base}"]) for label in extra}
            rows.append(Row(f"{case}, added", "us", extra["Gloo"], peers={"Lua": extra["Lua"]}))
            rows.append(Row(f"{case}, added", "%", share["Gloo"], aim=Aim(AIMS[case]), peers={"Lua": share["Lua"]}))
    return rows


def run(context):
    lua = envoys.lua(context.folder, context.backend.port)
    try:
        with Site(context.folder, "transform") as site:
            site.config.write("bench.yaml", upstream("backend", context.backend.port, functions=FUNCTIONS),
                              virtual_service("bench", HOST, [
                                  prefix("/headers/", call("backend", "headers"),
                                         extensions={"parameters": {"path": "/headers/{id}"}}),
                                  prefix("/body", call("backend", "body")),
                                  prefix("/plain", to("backend")),
                              ]))
            site.start()
            site.wait_status(HOST, "/plain")
            loads = {}
            for label, port, pid in (("Gloo", site.http_port, site.envoy_pid), ("Lua", lua.port, lua.pid)):
                for case, (path, method, headers, body, _) in CASES.items():
                    name = f"{label}: {case}"
                    loads[name] = (pid, load.Batch(context.folder, name.replace(" ", "-").replace(":", ""), port, HOST,
                                                   path, method, headers, body))
            results = interleaved(context, loads)
    finally:
        lua.stop()
    return [Group("transform", TITLE, rows_of(results))]
