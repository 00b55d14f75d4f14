#!/usr/bin/env python3
"""Compares the module with the Envoy that is to load it: check_abi.py MODULE ABI_HEADER [ENVOY].

Fails when Envoy lacks a callback that the header declares or the module calls, when the module lacks a hook that Envoy
looks up, when Envoy speaks another version of the interface, or when the module needs a shared library that an Envoy
image need not have. Without an Envoy the module alone is looked at, and what that leaves open is said.
"""

import mmap
import re
import subprocess
import sys

CALLBACK = "envoy_dynamic_module_callback_"
HOOK = "envoy_dynamic_module_on_"
# The extension points that the module implements; Envoy demands every hook of a point that is used.
HOOK_GROUPS = ("program_init", "http_filter_", "early_header_mutation_", "upstream_http_tcp_bridge_")
LIBRARIES = re.compile(r"lib(c|m|dl|rt|pthread)\.so\.\d+|ld-linux[-\w]*\.so\.\d+")


def symbols(path, *options):
    out = subprocess.run(["nm", "-D", *options, path], check=True, capture_output=True, text=True).stdout
    return {line.split()[-1].split("@")[0] for line in out.splitlines() if line}


def strings_of(envoy, pattern):
    """What matches among the strings of Envoy's binary that end there."""
    with open(envoy, "rb") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return {name.decode() for name in re.findall(pattern + rb"(?=\0)", data)}


def hooks_of(envoy):
    """The names that Envoy looks up."""
    names = strings_of(envoy, rb"(?<=\0)" + HOOK.encode() + rb"[a-z0-9_]+")
    return {n for n in names if n[len(HOOK):].startswith(HOOK_GROUPS)}


def version_of(envoy):
    try:
        return subprocess.run([envoy, "--version"], capture_output=True, text=True).stdout.strip()
    except OSError as error:
        return error.strerror


def problems_of_module(module, declared):
    called = {s for s in symbols(module, "--undefined-only") if s.startswith(CALLBACK)}
    problems = [f"abi.h does not declare {name}, which the module calls" for name in sorted(called - declared)]
    dynamic = subprocess.run(["readelf", "-d", module], check=True, capture_output=True, text=True).stdout
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)
    return problems + [f"the module needs {lib}, which must be linked statically" for lib in needed
                       if not LIBRARIES.fullmatch(lib)]


def problems_with_envoy(module, envoy, declared, version):
    exported = symbols(envoy, "--defined-only")
    called = {s for s in symbols(module, "--undefined-only") if s.startswith(CALLBACK)}
    problems = [f"Envoy does not export the callback {name}" for name in sorted((declared | called) - exported)]
    wanted = hooks_of(envoy)
    if not wanted:
        problems.append("Envoy looks up no hook of HTTP filters: it has no support for dynamic modules")
    elif not strings_of(envoy, re.escape(version).encode()):
        problems.append(f"Envoy does not know the version {version} of the interface, which the module is written for")
    have = {s for s in symbols(module, "--defined-only") if s.startswith(HOOK)}
    return problems + [f"the module lacks the hook {name}, which Envoy demands" for name in sorted(wanted - have)]


def main():
    module, header = sys.argv[1:3]
    envoy = sys.argv[3] if len(sys.argv) > 3 else None
    with open(header, encoding="utf-8") as f:
        text = f.read()
    declared = set(re.findall(CALLBACK + r"\w+", text))
    version = re.search(r'kVersion\[\] = "([^"]+)"', text).group(1)

    problems = problems_of_module(module, declared)
    if envoy:
        problems += problems_with_envoy(module, envoy, declared, version)
    else:
        print(f"{module}: NOT CHECKED, for no Envoy is at hand (run tools/setup, or give one with -DGLOO_ENVOY=): "
              f"whether it exports the {len(declared)} callbacks of abi.h, finds every hook that it demands, and knows "
              f"version {version} of the interface", file=sys.stderr)
    for problem in problems[:10]:
        print(f"{module}: {problem}", file=sys.stderr)
    if len(problems) > 10:
        print(f"{module}: and {len(problems) - 10} more", file=sys.stderr)
    if problems and envoy:
        print(f"the module does not fit {envoy} ({version_of(envoy) or 'unknown version'}); give another with "
              "-DGLOO_ENVOY=", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
