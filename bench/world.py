"""The configuration that is measured: hosts with routes, services, endpoints; as text, since there is much of it."""

import os

ROUTES_PER_HOST = 10
UPSTREAMS = 100
FILES_PER_FOLDER = 100


def host_of(i):
    return f"h{i}.bench.test"


def upstream(name, hosts):
    """A static upstream; `hosts` are (port, weight) or (port, weight, address)."""
    lines = []
    for host in hosts:
        address = host[2] if len(host) > 2 else "127.0.0.1"
        lines.append(f"      - {{addr: {address}, port: {host[0]}, weight: {host[1]}}}\n")
    return (f"apiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata:\n  name: {name}\nspec:\n  type: static\n"
            f"  spec:\n    hosts:\n{''.join(lines)}")


def service(name, domain, routes, ssl=""):
    """A virtual service; `routes` are (kind of path, path, upstream)."""
    lines = [f"    - requestMatcher:\n        {kind}: {path}\n      singleDestination:\n        upstream:\n"
             f"          name: {to}\n" for kind, path, to in routes]
    return (f"apiVersion: gloo.solo.io/v1\nkind: VirtualService\nmetadata:\n  name: {name}\nspec:\n"
            f"  domains:\n    - {domain}\n{ssl}  routes:\n{''.join(lines)}")


def host_service(i, marker, routes=ROUTES_PER_HOST):
    """The routes of host i; the path of the first carries the marker."""
    listed = [("pathExact", f"/{marker}", f"b{i % UPSTREAMS}")]
    listed += [("pathPrefix", f"/r{n}/", f"b{(i + n) % UPSTREAMS}") for n in range(1, routes)]
    return service(f"h{i}", host_of(i), listed)


def file_of(i):
    return f"{i // FILES_PER_FOLDER}/h{i}.yaml"


def write(folder, name, text):
    """Writes a file of a gateway that does not run yet."""
    path = folder.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write_hosts(folder, hosts, backend_port, routes=ROUTES_PER_HOST):
    """A file a host, and one for the upstreams."""
    write(folder, "upstreams.yaml", "---\n".join(upstream(f"b{i}", [(backend_port, 1)]) for i in range(UPSTREAMS)))
    for i in range(hosts):
        write(folder, file_of(i), host_service(i, "start", routes))


def stage(folder, name, text):
    """Writes the new text beside the file; what is returned takes its place (`rename`) when it is called."""
    path = folder.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.new~")
    staged.write_text(text)
    return lambda: os.rename(staged, path)
