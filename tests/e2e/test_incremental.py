"""Whatever way the configuration went, what is served is what a gateway started on it now would serve."""

import random

import pytest

from harness.config import call, event, exact, prefix, regex, role, split, to, upstream, virtual_service
from harness.waiting import wait_for


BROKEN = "kind: [half"


def file_of(gateway, name):
    """The file of an object of this test."""
    name = name.split("/")[1]
    return gateway.config.path / f"{'role' if name == 'edge' else name}.yaml"


def random_upstream(rng, i):
    if rng.random() < 0.15:
        return {**upstream(f"u{i}", 1), "spec": {"type": "static", "spec": {"hosts": [{"addr": "127.0.0.1", "prt": 1}]}}}
    functions = {f"f{n}": {"path": f"/{n}/{{{{ id }}}}"} for n in range(rng.randint(0, 3))}
    if functions and rng.random() < 0.1:
        functions["f0"] = {"path": "/{{ broken"}
    return upstream(f"u{i}", *rng.sample(range(9000, 9010), rng.randint(1, 3)), functions=functions)


def random_destination(rng):
    name = f"u{rng.randint(0, 5)}"
    return call(name, f"f{rng.randint(0, 3)}") if rng.random() < 0.5 else to(name)


def random_route(rng):
    destination = random_destination(rng)
    if rng.random() < 0.2:
        destination = split((random_destination(rng), rng.randint(0, 5)), (random_destination(rng), rng.randint(0, 5)))
    kind = rng.random()
    if kind < 0.5:
        return prefix(f"/p{rng.randint(0, 3)}", destination)
    if kind < 0.7:
        return exact(f"/e{rng.randint(0, 3)}", destination)
    if kind < 0.85:
        return event(f"type.{rng.randint(0, 3)}", destination)
    return regex("/(" if rng.random() < 0.3 else "/r[0-9]+", destination)


def random_service(rng, i):
    hosts = [rng.choice([f"h{rng.randint(0, 5)}.test", f"*.h{rng.randint(0, 2)}.test", "*"])
             for _ in range(rng.randint(1, 2))]
    more = {"roles": rng.sample(["ingress", "edge", "other"], rng.randint(1, 2))} if rng.random() < 0.3 else {}
    if rng.random() < 0.2:
        more["sslConfig"] = {"secretRef": rng.choice(["s0", "s1", "missing"])}
    return virtual_service(f"v{i}", list(dict.fromkeys(hosts)), [random_route(rng) for _ in range(rng.randint(1, 4))],
                           **more)


def change(rng, gateway, pairs):
    kind, i = rng.random(), rng.randint(0, 5)
    if kind < 0.3:
        write_or_remove(rng, gateway, f"u{i}.yaml", random_upstream(rng, i))
    elif kind < 0.85:
        write_or_remove(rng, gateway, f"v{i}.yaml", random_service(rng, i))
    elif kind < 0.93:
        write_or_remove(rng, gateway, "role.yaml", role("edge", [
            {"name": "main", "bindAddress": "127.0.0.1", "port": rng.randint(20000, 20003)}]))
    else:
        pair = rng.choice(pairs)
        gateway.secrets.secret(f"s{rng.randint(0, 1)}", tls_crt=pair.crt, tls_key=pair.key)


def write_or_remove(rng, gateway, name, content):
    if rng.random() < 0.2:
        (gateway.config.path / name).unlink(missing_ok=True)
    elif rng.random() < 0.1:
        gateway.config.write(name, BROKEN)
    else:
        gateway.config.write(name, content)


def served(gateway):
    """{role: {type: {name: version}}}, without roles that hold nothing but what every role has."""
    roles = gateway.admin("/snapshot").json()["roles"]
    return {r: {t: {x["name"]: x["version"] for x in resources} for t, resources in types.items()}
            for r, types in roles.items()}


def states(gateway):
    """{(kind, name): (state, issues)}."""
    return {(kind, name): (entry["status"].get("state"), sorted((i.get("path", ""), i["reason"])
                                                                for i in entry["status"].get("issues", [])))
            for kind in ("Upstream", "VirtualService", "Role") for name, entry in gateway.entries(kind).items()}


def difference(before, after):
    """What differs, for the message of a failure."""
    out = []
    for served in sorted(before[0].keys() | after[0].keys()):
        for kind in ("secrets", "endpoints", "clusters", "routes", "scopedRoutes", "extensionConfigs", "listeners"):
            one, two = (x[0].get(served, {}).get(kind, {}) for x in (before, after))
            out += [f"{served} {kind} {name}: {one.get(name)} -> {two.get(name)}"
                    for name in sorted(one.keys() | two.keys()) if one.get(name) != two.get(name)]
    out += [f"{key}: {before[1].get(key)} -> {after[1].get(key)}"
            for key in sorted(before[1].keys() | after[1].keys()) if before[1].get(key) != after[1].get(key)]
    return out


@pytest.mark.parametrize("seed", range(4))
def test_a_random_history_ends_where_a_fresh_start_begins(new_gateway, authority, seed):
    """The state directory goes along: it holds the last good forms, which are part of what is served."""
    rng = random.Random(seed)
    pairs = [authority.issue("*.test", f"{i}.example") for i in range(3)]
    gateway = new_gateway("one", command="serve", flags=None).start()
    for step in range(60):
        change(rng, gateway, pairs)
        if step % 10 == 9:
            # Let it catch up now and then: both merged and single changes are to be seen.
            name = f"mark-{step}"
            gateway.config.write(f"{name}.yaml", upstream(name, 1))
            gateway.wait_state("Upstream", name, "ACCEPTED")
    gateway.config.write("end.yaml", upstream("end", 1))
    gateway.wait_state("Upstream", "end", "ACCEPTED")

    def settled():
        """What was removed is gone (a removal waits a moment for a file that is only being replaced)."""
        stale = [name for _, name in states(gateway) if not file_of(gateway, name).exists()]
        assert not stale
        return True

    wait_for(settled, "the removed objects to go")
    before = served(gateway), states(gateway)
    # Of a file that cannot be read now, a fresh start knows only what was good, and shows that.
    unknown = {key for key in before[1] if file_of(gateway, key[1]).read_text() == BROKEN}
    gateway.stop()
    gateway.start()
    wait_for(lambda: gateway.info()["ready"], "readiness")

    def same():
        after = served(gateway), states(gateway)
        for key in unknown:
            before[1].pop(key, None)
            after[1].pop(key, None)
        assert difference(before, after) == []
        return True

    wait_for(same, "the same as before", 5)
