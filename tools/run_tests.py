#!/usr/bin/env python3
"""Builds and runs the tests, and counts them: see ./test --help.

Every program writes its results as JUnit XML, which is what is counted; a program that ends without writing them
(a crash, a hang) counts as one failed test. The last line of the output is "N passed, N failed"; what was skipped is said
before it.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / (os.environ.get("GLOO_BUILD_DIR") or "build")
CLANG_BUILD = ROOT / (os.environ.get("GLOO_CLANG_BUILD_DIR") or "build-clang")
KINDS = ["unit", "golden", "feature", "e2e", "fuzz"]
# Only when named: they build anew, or take long.
MORE_KINDS = ["soak", "sanitizers", "clone"]
# The tests of what works with threads, or with bytes from outside: by preset. ThreadSanitizer must see every lock, and the
# system's Abseil and protobuf are not built for it: it runs where neither stands between our threads.
SANITIZED = {
    "asan": ["runtime_test", "snapshot_test", "xds_session_test", "xds_server_test", "state_test", "reporter_test",
             "sources_file_test", "controller_test", "feature_test", "model_test", "template_test", "filters_test"],
    "tsan": ["runtime_test", "state_test"],
}
# Far above what any of them takes: they stop a hang, they do not measure.
PROGRAM_TIMEOUT = 600
E2E_TIMEOUT = 1500
SOAK_TIMEOUT = 7200
# Of each kind.
SOAK_CHANGES = "500"


class Totals:
    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skipped = 0
        self.failures = []
        self.skips = []

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures
        self.skips += other.skips

    def fail(self, name):
        self.failed += 1
        self.failures.append(name)

    def line(self):
        return f"{self.passed} passed, {self.failed} failed"


def say(text):
    print(f"==> {text}", flush=True)


def count_junit(path, label):
    """What a JUnit file says; None where there is none that can be read."""
    try:
        tree = ElementTree.parse(path)
    except (OSError, ElementTree.ParseError):
        return None
    totals = Totals()
    for case in tree.iter("testcase"):
        name = f"{label}: {case.get('classname', '')}.{case.get('name', '')}"
        # pytest writes a test and the failure of its teardown as one case; GoogleTest marks what did not run.
        if case.find("failure") is not None or case.find("error") is not None:
            totals.fail(name)
        elif case.find("skipped") is not None or case.get("status") == "notrun":
            totals.skipped += 1
            totals.skips.append(name)
        else:
            totals.passed += 1
    return totals


def run_counted(command, report, label, timeout, quiet):
    """Runs a program that writes `report`; shows its output when it fails (always, unless `quiet`)."""
    started = time.monotonic()
    problem = ""
    output = ""
    try:
        done = subprocess.run(command, cwd=ROOT, timeout=timeout, check=False, text=True, errors="replace",
                              stdout=subprocess.PIPE if quiet else None,
                              stderr=subprocess.STDOUT if quiet else None)
        code, output = done.returncode, done.stdout or ""
    except subprocess.TimeoutExpired as error:
        code = -1
        problem = f"did not end within {timeout} s"
        output = (error.stdout or b"").decode(errors="replace") if isinstance(error.stdout, bytes) else error.stdout or ""
    totals = count_junit(report, label)
    if totals is None:
        totals = Totals()
        totals.fail(f"{label}: {problem or f'ended with status {code} and without a report'}")
    elif code != 0 and totals.failed == 0:
        totals.fail(f"{label}: {problem or f'ended with status {code}'}")
    if quiet and totals.failed:
        print(output, flush=True)
    say(f"{label}: {totals.line()} ({time.monotonic() - started:.1f} s)")
    return totals


def kind_of(program):
    """Programs of tests/golden and tests/feature are of that kind; all others are unit tests."""
    for kind in ("golden", "feature"):
        cmake = ROOT / "tests" / kind / "CMakeLists.txt"
        if cmake.exists() and re.search(rf"gloo_test\(\s*{re.escape(program.name)}\s", cmake.read_text()):
            return kind
    return "unit"


def programs(kind):
    folder = BUILD / "tests"
    found = [p for p in sorted(folder.iterdir()) if p.is_file() and os.access(p, os.X_OK)] if folder.is_dir() else []
    return [p for p in found if kind_of(p) == kind]


def run_programs(kind, name, scratch):
    totals = Totals()
    for program in programs(kind):
        report = scratch / f"{program.name}.xml"
        command = [str(program), f"--gtest_output=xml:{report}", "--gtest_brief=1"]
        if name:
            command.append(f"--gtest_filter=*{name}*")
        totals.add(run_counted(command, report, program.name, PROGRAM_TIMEOUT, quiet=True))
    return totals


def run_sanitizers(name, scratch):
    """Our own code with AddressSanitizer and UndefinedBehaviorSanitizer, then with ThreadSanitizer."""
    totals = Totals()
    os.environ.setdefault("ASAN_OPTIONS", "detect_leaks=1:strict_string_checks=1")
    os.environ.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    os.environ.setdefault("TSAN_OPTIONS", "halt_on_error=1")
    for preset, names in SANITIZED.items():
        build = ROOT / f"build-{preset}"
        built = subprocess.run([str(ROOT / "tools/build"), *names], check=False,
                               env={**os.environ, "GLOO_BUILD_DIR": str(build)})
        if built.returncode:
            totals.fail(f"sanitizers: {preset} does not build")
            continue
        for program in names:
            report = scratch / f"{preset}-{program}.xml"
            command = [str(build / "tests" / program), f"--gtest_output=xml:{report}", "--gtest_brief=1"]
            if name:
                command.append(f"--gtest_filter=*{name}*")
            totals.add(run_counted(command, report, f"{preset}: {program}", PROGRAM_TIMEOUT, quiet=True))
    return totals


def run_pytest(folder, name, scratch, timeout, *options):
    if not any((ROOT / folder).glob("test_*.py")):
        return Totals()
    report = scratch / (folder.replace("/", "_") + ".xml")
    command = [sys.executable, "-m", "pytest", folder, "-q", f"--junitxml={report}", "-p", "no:cacheprovider",
               *options]
    if name:
        command += ["-k", name]
    totals = run_counted(command, report, folder, timeout, quiet=False)
    if name and totals.passed + totals.skipped == 0 and totals.failures == [f"{folder}: ended with status 5"]:
        return Totals()  # the name chose no test of this folder
    return totals


def ninja_targets(build):
    done = subprocess.run(["ninja", "-C", str(build), "-t", "targets", "all"], check=True, text=True,
                          stdout=subprocess.PIPE)
    return [line.split(":")[0] for line in done.stdout.splitlines()]


def run_fuzzers(name):
    """Each fuzzer for a few seconds, beginning with the inputs of tests/fuzz/corpus/NAME.

    The same inputs in every run: what a random one finds in a change that has nothing to do with it is found at length,
    with GLOO_FUZZ_SEED=0 (a new seed each time).
    """
    totals = Totals()
    seconds = int(os.environ.get("GLOO_FUZZ_SECONDS", "10"))
    seed = int(os.environ.get("GLOO_FUZZ_SEED", "1"))
    sources = sorted((ROOT / "tests/fuzz").glob("*_fuzz*.cc")) + sorted((ROOT / "tests/fuzz").glob("fuzz_*.cc"))
    names = [p.stem for p in dict.fromkeys(sources) if not name or name in p.stem]
    if not names:
        return totals
    if not (CLANG_BUILD / "build.ninja").exists():
        say(f"configuring {CLANG_BUILD.name} (clang, for the fuzzers)")
        subprocess.run(["cmake", "--preset", "clang", "-B", str(CLANG_BUILD)], cwd=ROOT, check=True,
                       stdout=subprocess.DEVNULL)
    # A fuzzer that is new since the folder was configured.
    subprocess.run(["ninja", "-C", str(CLANG_BUILD), "--quiet", "build.ninja"], check=True, stdout=subprocess.DEVNULL)
    targets = set(ninja_targets(CLANG_BUILD))
    names = [n for n in names if n in targets]
    say(f"building {len(names)} fuzzers with clang")
    subprocess.run(["ninja", "-C", str(CLANG_BUILD), "--quiet", *names], check=True)
    for fuzzer in names:
        program = next(p for p in CLANG_BUILD.rglob(fuzzer) if p.is_file() and os.access(p, os.X_OK))
        corpus = ROOT / "tests/fuzz/corpus" / fuzzer
        with tempfile.TemporaryDirectory(prefix="gloo-fuzz-") as found:
            command = [str(program), f"-max_total_time={seconds}", f"-seed={seed}", "-timeout=10", "-rss_limit_mb=2048",
                       "-max_len=8192", "-print_final_stats=1", f"-artifact_prefix={found}/", found]
            if corpus.is_dir():
                command.append(str(corpus))
            done = subprocess.run(command, cwd=ROOT, check=False, text=True, errors="replace",
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds + 300)
            if done.returncode == 0:
                totals.passed += 1
                runs = [line.split()[-1] for line in done.stdout.splitlines() if "number_of_executed_units" in line]
                say(f"{fuzzer}: {runs[0] if runs else '?'} inputs in {seconds} s, no finding")
            else:
                totals.fail(f"fuzz: {fuzzer}")
                print(done.stdout[-6000:], flush=True)
                kept = BUILD / "fuzz-findings"
                kept.mkdir(parents=True, exist_ok=True)
                for pattern in ("crash-*", "timeout-*", "oom-*", "leak-*"):
                    for path in pathlib.Path(found).glob(pattern):
                        shutil.copy(path, kept / f"{fuzzer}-{path.name}")
                say(f"{fuzzer}: failed; its input is kept in {kept}")
    return totals


def conclude(totals, name):
    """Says what was skipped and what failed, and counts, on the last line; the exit status."""
    for skip in totals.skips:
        print(f"SKIPPED {skip}")
    for failure in totals.failures:
        print(f"FAILED {failure}")
    if totals.passed + totals.failed == 0:
        print("no test has that name" if name else "no test was found", file=sys.stderr)
        totals.failed = 1
    print(totals.line(), flush=True)
    return 1 if totals.failed else 0


def main():
    parser = argparse.ArgumentParser(prog="./test", add_help=False, usage="./test [KIND]... [-k NAME], see ./test --help")
    parser.add_argument("kinds", nargs="*")
    parser.add_argument("-k", dest="name", default="")
    options = parser.parse_args()
    for kind in options.kinds:
        if kind not in (*KINDS, *MORE_KINDS, "all"):
            known = ", ".join([*KINDS, *MORE_KINDS, "all"])
            parser.exit(2, f"./test: there is no kind \"{kind}\"; there are: {known}\n")
    chosen = set(options.kinds or ["all"])
    kinds = [k for k in [*KINDS, *MORE_KINDS] if k in chosen or ("all" in chosen and k in KINDS)]
    os.environ["GLOO_BUILD_DIR"] = str(BUILD)

    if set(kinds) - {"fuzz", "sanitizers", "clone"}:
        # The whole build also for a part: programs that are stale would test what is no more.
        if subprocess.run([str(ROOT / "tools/build")], check=False).returncode:
            print("0 passed, 1 failed")
            return 1

    totals = Totals()
    with tempfile.TemporaryDirectory(prefix="gloo-test-") as scratch_name:
        scratch = pathlib.Path(scratch_name)
        for kind in kinds:
            say(f"{kind} tests")
            if kind == "e2e":
                totals.add(run_pytest("tests/e2e", options.name, scratch, E2E_TIMEOUT))
            elif kind == "soak":
                os.environ.setdefault("GLOO_SOAK_CHANGES", SOAK_CHANGES)
                totals.add(run_pytest("tests/e2e", options.name, scratch, SOAK_TIMEOUT, "-m", "soak", "--durations=0",
                                      "--durations-min=1"))
            elif kind == "fuzz":
                totals.add(run_fuzzers(options.name))
            elif kind == "sanitizers":
                totals.add(run_sanitizers(options.name, scratch))
            elif kind == "clone":
                totals.add(run_pytest("tests/clone", options.name, scratch, E2E_TIMEOUT))
            else:
                totals.add(run_programs(kind, options.name, scratch))
                if kind == "unit":
                    totals.add(run_pytest("tests/tools", options.name, scratch, PROGRAM_TIMEOUT))
    return conclude(totals, options.name)


if __name__ == "__main__":
    sys.exit(main())
