#!/usr/bin/env python3
"""Compares the module with the Envoy that is to load it: check_abi.py MODULE ENVOY ABI_HEADER.

Fails when Envoy lacks a callback that the header declares or the module calls, when the module lacks a hook that Envoy
looks up, or when the module needs a shared library that an Envoy image need not have.
"""

import mmap
import re
import subprocess
import sys

CALLBACK = "envoy_dynamic_module_callback_"
HOOK = "envoy_dynamic_module_on_"
# The extension points that the module implements; Envoy demands every hook of a point that is used.
HOOK_GROUPS = ("program_init", "http_filter_", "early_header_mutation_")
LIBRARIES = re.compile(r"lib(c|m|dl|rt|pthread)\.so\.\d+|ld-linux[-\w]*\.so\.\d+")


def symbols(path, *options):
    out = subprocess.run(["nm", "-D", *options, path], check=True, capture_output=True, text=True).stdout
    return {line.split()[-1].split("@")[0] for line in out.splitlines() if line}


def hooks_of(envoy):
    """The names that Envoy looks up; they are plain strings in its binary."""
    with open(envoy, "rb") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as data:
        names = {name.decode() for name in re.findall(rb"(?<=\0)" + HOOK.encode() + rb"[a-z0-9_]+(?=\0)", data)}
    return {n for n in names if n[len(HOOK):].startswith(HOOK_GROUPS)}


def main():
    module, envoy, header = sys.argv[1:4]
    exported = symbols(envoy, "--defined-only")
    with open(header, encoding="utf-8") as f:
        declared = set(re.findall(CALLBACK + r"\w+", f.read()))
    called = {s for s in symbols(module, "--undefined-only") if s.startswith(CALLBACK)}
    problems = [f"Envoy does not export the callback {name}" for name in sorted((declared | called) - exported)]
    problems += [f"abi.h does not declare {name}, which the module calls" for name in sorted(called - declared)]

    wanted = hooks_of(envoy)
    if not wanted:
        problems.append("Envoy looks up no hook of HTTP filters: it has no support for dynamic modules")
    have = {s for s in symbols(module, "--defined-only") if s.startswith(HOOK)}
    problems += [f"the module lacks the hook {name}, which Envoy demands" for name in sorted(wanted - have)]

    dynamic = subprocess.run(["readelf", "-d", module], check=True, capture_output=True, text=True).stdout
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)
    problems += [f"the module needs {lib}, which must be linked statically" for lib in needed
                 if not LIBRARIES.fullmatch(lib)]

    for problem in problems[:10]:
        print(f"{module}: {problem}", file=sys.stderr)
    if len(problems) > 10:
        print(f"{module}: and {len(problems) - 10} more", file=sys.stderr)
    if problems:
        version = subprocess.run([envoy, "--version"], capture_output=True, text=True).stdout.strip()
        print(f"the module does not fit {envoy} ({version or 'unknown version'}); give another with -DGLOO_ENVOY=",
              file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
