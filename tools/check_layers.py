#!/usr/bin/env python3
"""Checks that folders include only what the table allows (docs/design/decisions.md tells why).

    check_layers.py [ROOT]

Reads the `#include "..."` lines of our C++ files and the imports of our protos. Prints every forbidden edge as
FILE:LINE with what the folder may use, and ends with status 1 when there is one.

Tests beside their sources (*_test.cc, *_fuzz.cc, *_bench.cc, testing/) may also use what TEST_EXTRA names, and any
folder's fakes in tests/.
"""

import pathlib
import re
import sys

# Folder -> folders that its files may include, besides itself. The longest prefix of a file's path counts.
ALLOWED = {
    "api": [],
    "src/base": [],
    "src/runtime": ["src/base"],
    "src/net": ["src/base", "src/runtime"],
    "src/model": ["src/base", "api"],
    "src/openapi": ["src/base", "src/model", "template"],
    "src/descriptors": ["src/base"],
    "src/credentials": ["src/base", "src/runtime", "src/net", "src/model", "api"],
    "src/sources": ["src/base", "src/runtime", "src/net", "src/model", "api"],
    "src/state": ["src/base", "src/model", "api"],
    "src/snapshot": ["src/base"],
    "src/translator": ["src/base", "src/model", "src/snapshot", "api"],
    "src/plugins": ["src/base", "src/model", "src/descriptors", "src/translator", "template", "api"],
    "src/xds": ["src/base", "src/runtime", "src/snapshot"],
    "src/reporter": ["src/base", "src/runtime", "src/model", "src/sources", "src/state", "api"],
    "src/controller": ["src/base", "src/runtime", "src/net", "src/model", "src/sources", "src/state", "src/snapshot",
                       "src/translator", "src/xds", "src/reporter", "api"],
    "src/console": ["src/base", "src/runtime", "src/net", "src/model", "src/sources", "src/state", "src/snapshot",
                    "src/translator", "src/xds", "src/reporter", "src/controller", "api"],
    "src/discovery": ["src/base", "src/runtime", "src/sources", "src/net", "src/model", "api"],
    "src/ingress": ["src/base", "src/runtime", "src/sources", "src/model", "api"],
    "src/bootstrap": ["src", "template", "api"],
    "src/cli": ["src/base", "src/runtime", "src/net", "src/model", "src/openapi", "src/descriptors", "src/sources", "src/state",
                "src/snapshot", "src/translator", "src/plugins", "src/reporter", "src/controller", "src/bootstrap",
                "template", "api"],
    "cmd": ["src/bootstrap", "src/cli", "src/base"],
    "template": [],
    "filters": ["template"],
    "tests": ["src", "template", "filters", "api"],
    "bench": ["src", "template", "filters", "api"],
}

# What tests beside the sources may use besides: real inputs come from the reader, real plugins from the list.
TEST_EXTRA = {
    "src/translator": ["src/plugins"],
    "src/controller": ["src/plugins", "src/sources"],
    "src/console": ["src/plugins"],
    "src/reporter": ["src/plugins", "src/translator"],
    "src/state": ["src/plugins", "src/translator"],
    "src/sources": ["src/plugins", "src/translator"],
    "src/model": ["src/plugins", "src/translator"],
}

# Edges that must never appear, whatever the table says; each with its reason.
FORBIDDEN = [
    ("src/translator", "src/sources", "the translator is pure: changes are handed to it"),
    ("src/translator", "src/xds", "the translator knows resources, not how they travel"),
    ("src/xds", "src/translator", "xds knows no plugin and no store"),
    ("src/xds", "src/model", "xds serves bytes: it knows no configuration object"),
    ("filters", "src", "the module in Envoy holds nothing of the control plane"),
    ("template", "src", "the template engine is linked into Envoy: it holds nothing of the control plane"),
    ("src", "cmd", "nothing includes a program"),
    ("template", "cmd", "nothing includes a program"),
    ("filters", "cmd", "nothing includes a program"),
]

# Only these name a backend of a source (src/sources/<backend>) or a plugin (src/plugins/<name>).
NAMES_BACKENDS = ["src/bootstrap", "src/cli", "tests", "bench"]
# The one list of the built-in plugins.
PLUGIN_LIST = re.compile(r"^src/plugins/builtin\w*\.(h|cc)$")

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')
IMPORT = re.compile(r'^\s*import\s+(?:public\s+)?"([^"]+)"')
TEST_FILE = re.compile(r"(_test|_fuzz|_bench|_fakes?|_testing)\.(cc|h)$|(^|/)testing/")
ROOTS = ["api", "src", "template", "filters", "cmd", "tests", "bench"]


def under(path, folder):
    return path == folder or path.startswith(folder + "/")


def folder_of(path, table):
    """The row of the table for a path: that of the longest prefix, or None."""
    rows = [row for row in table if under(path, row)]
    return max(rows, key=len) if rows else None


def sub_folder(path, parent):
    """`a` of PARENT/a/file; None for files of PARENT itself and elsewhere."""
    if not under(path, parent):
        return None
    parts = path[len(parent) + 1:].split("/")
    return parts[0] if len(parts) > 1 else None


def resolve(include, files):
    """The path from the root of what an #include names; None when it is none of our files."""
    for candidate in (include, "src/" + include):
        if candidate in files:
            return candidate
    # Generated code stands for its proto.
    for suffix in (".pb.h", ".grpc.pb.h"):
        if include.endswith(suffix):
            for prefix in ("", "src/"):
                candidate = prefix + include.removesuffix(suffix) + ".proto"
                if candidate in files:
                    return candidate
    return None


def problem_with(source, target):
    """Why `source` may not include `target` (paths from the root), or None."""
    is_test = bool(TEST_FILE.search(source))
    for folder, never, reason in FORBIDDEN:
        if under(source, folder) and under(target, never):
            if is_test and folder in TEST_EXTRA and never in TEST_EXTRA[folder]:
                continue
            return f"{folder} must never include {never}: {reason}"
    if under(target, "cmd") and not under(source, "cmd"):
        return "nothing includes a program (cmd)"

    own_plugin, other_plugin = sub_folder(source, "src/plugins"), sub_folder(target, "src/plugins")
    own_backend, other_backend = sub_folder(source, "src/sources"), sub_folder(target, "src/sources")
    trusted = any(under(source, folder) for folder in NAMES_BACKENDS)
    if other_plugin and other_plugin != own_plugin and not is_test:
        if own_plugin:
            return f"a plugin must never include another: {own_plugin} includes {other_plugin}"
        if not trusted and not PLUGIN_LIST.match(source):
            return f"only the list of built-in plugins and bootstrap name a plugin ({other_plugin})"
    if other_backend and other_backend != own_backend and not trusted and not is_test:
        return f"only bootstrap names a backend ({other_backend})"

    row = folder_of(source, ALLOWED)
    if row is None:
        return None
    allowed = [row, *ALLOWED[row]]
    if is_test:
        allowed += [*TEST_EXTRA.get(row, []), "tests"]
    if any(under(target, folder) for folder in allowed):
        return None
    return f"{row} may include {', '.join(ALLOWED[row]) or 'nothing of ours'}; not {folder_of(target, ALLOWED) or target}"


def check(root):
    """All problems of a tree, as lines, and the number of files read."""
    paths = []
    for top in ROOTS:
        for pattern in ("*.h", "*.cc", "*.proto"):
            paths += (root / top).rglob(pattern)
    files = {path.relative_to(root).as_posix(): path for path in paths}
    problems = []
    for name in sorted(files):
        # Declarations of Envoy's own protos are no code of ours.
        if name.startswith("api/envoy/"):
            continue
        pattern = IMPORT if name.endswith(".proto") else INCLUDE
        for number, line in enumerate(files[name].read_text(encoding="utf-8").splitlines(), 1):
            match = pattern.match(line)
            if not match:
                continue
            target = resolve(match.group(1), files)
            if target is None:
                continue
            problem = problem_with(name, target)
            if problem:
                problems.append(f'{name}:{number}: "{match.group(1)}": {problem}')
    return problems, len(files)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent)
    problems, count = check(root)
    for problem in problems:
        print(problem)
    print(f"layers: {count} files, {len(problems)} forbidden includes")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
