#!/usr/bin/env python3
"""Checks the length of our files: no source over 800 lines. (Columns are clang-format's.)

    check_lengths.py [ROOT]

Prints each offender and ends with status 1 when there is one. Golden outputs and other data are not counted.
"""

import pathlib
import sys

MAX_LINES = 800
ROOTS = ["api", "src", "template", "filters", "cmd", "tests", "bench", "tools", "cmake", "examples", "web", ".ci"]
COUNTED = {".h", ".cc", ".proto", ".py", ".sh", ".cmake", ".ts", ".tsx", ".css", ""}
SKIPPED = {"node_modules", "__pycache__", "corpus", ".state", "testdata"}


def check(root):
    problems = []
    count = 0
    for top in ROOTS:
        for path in sorted((root / top).rglob("*")):
            if not path.is_file() or path.suffix not in COUNTED or SKIPPED & set(path.parts):
                continue
            try:
                lines = path.read_text(encoding="utf-8").splitlines()
            except UnicodeDecodeError:
                continue
            count += 1
            name = path.relative_to(root).as_posix()
            if len(lines) > MAX_LINES:
                problems.append(f"{name}: {len(lines)} lines, at most {MAX_LINES}: split it by meaning")
    return problems, count


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent)
    problems, count = check(root)
    for problem in problems:
        print(problem)
    print(f"lengths: {count} files, {len(problems)} too long")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
