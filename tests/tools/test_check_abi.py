"""filters/check_abi.py on small programs in the place of Envoy and of the module."""

import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHECK = ROOT / "filters" / "check_abi.py"
HEADER = ROOT / "filters" / "abi.h"
CALLBACKS = sorted(set(re.findall(r"envoy_dynamic_module_callback_\w+", HEADER.read_text())))
HOOKS = [f"envoy_dynamic_module_on_{name}" for name in
         ("program_init", "http_filter_new", "http_filter_destroy", "early_header_mutation_mutate")]


def compile_c(path, source, *options):
    subprocess.run(["cc", "-x", "c", "-", "-o", path, *options], input=source, text=True, check=True)
    return path


def make_envoy(folder, callbacks=CALLBACKS, hooks=HOOKS, version="v0.2.0"):
    source = "".join(f"void {name}(void) {{}}\n" for name in callbacks)
    source += "".join(f'const char s{i}[] = "{text}";\n' for i, text in enumerate([*hooks, version, "other"]))
    return compile_c(folder / "envoy", source + '#include <stdio.h>\nint main() { puts("envoy 9.9"); }\n', "-rdynamic")


def make_module(folder, hooks=HOOKS, calls=CALLBACKS[:2], options=()):
    source = "".join(f"void {name}(void);\n" for name in calls)
    body = " ".join(f"{name}();" for name in calls)
    source += "".join(f"void {name}(void) {{ {body} }}\n" for name in hooks)
    return compile_c(folder / "module.so", source, "-shared", "-fPIC", *options)


def run(module, envoy=None):
    command = [sys.executable, CHECK, module, HEADER, *([envoy] if envoy else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, [line.removeprefix(f"{module}: ") for line in done.stderr.splitlines()]


def misfit(envoy):
    return f"the module does not fit {envoy} (envoy 9.9); give another with -DGLOO_ENVOY="


def test_a_module_that_fits(tmp_path):
    assert run(make_module(tmp_path), make_envoy(tmp_path)) == (0, [])


@pytest.mark.parametrize("missing", [CALLBACKS[0], CALLBACKS[-1]], ids=["called", "declared only"])
def test_an_envoy_that_lacks_a_callback(tmp_path, missing):
    envoy = make_envoy(tmp_path, callbacks=[c for c in CALLBACKS if c != missing])
    assert run(make_module(tmp_path), envoy) == (1, [f"Envoy does not export the callback {missing}", misfit(envoy)])


def test_a_module_that_lacks_a_hook(tmp_path):
    envoy = make_envoy(tmp_path)
    assert run(make_module(tmp_path, hooks=HOOKS[:-1]), envoy) == (
        1, [f"the module lacks the hook {HOOKS[-1]}, which Envoy demands", misfit(envoy)])


def test_hooks_of_extension_points_that_the_module_does_not_implement(tmp_path):
    envoy = make_envoy(tmp_path, hooks=[*HOOKS, "envoy_dynamic_module_on_access_logger_new"])
    assert run(make_module(tmp_path), envoy) == (0, [])


def test_an_envoy_of_another_version_of_the_interface(tmp_path):
    envoy = make_envoy(tmp_path, version="v0.20.0")
    assert run(make_module(tmp_path), envoy) == (
        1, ["Envoy does not know the version v0.2.0 of the interface, which the module is written for", misfit(envoy)])


def test_an_envoy_without_dynamic_modules(tmp_path):
    envoy = make_envoy(tmp_path, hooks=[])
    assert run(make_module(tmp_path), envoy) == (
        1, ["Envoy looks up no hook of HTTP filters: it has no support for dynamic modules", misfit(envoy)])


def test_many_problems_are_counted(tmp_path):
    code, lines = run(make_module(tmp_path), make_envoy(tmp_path, callbacks=[]))
    assert (code, len(lines), lines[10]) == (1, 12, f"and {len(CALLBACKS) - 10} more")


@pytest.mark.parametrize("with_envoy", [True, False])
def test_what_the_module_alone_shows(tmp_path, with_envoy):
    unknown = "envoy_dynamic_module_callback_unknown"
    module = make_module(tmp_path, calls=[unknown], options=["-Wl,--no-as-needed", "-lstdc++"])
    envoy = make_envoy(tmp_path, callbacks=[*CALLBACKS, unknown]) if with_envoy else None
    code, lines = run(module, envoy)
    assert code == 1
    assert f"abi.h does not declare {unknown}, which the module calls" in lines
    assert "the module needs libstdc++.so.6, which must be linked statically" in lines


def test_without_an_envoy_it_says_what_it_did_not_check(tmp_path):
    assert run(make_module(tmp_path, hooks=[])) == (0, [
        "NOT CHECKED, for no Envoy is at hand (run tools/setup, or give one with -DGLOO_ENVOY=): whether it exports "
        f"the {len(CALLBACKS)} callbacks of abi.h, finds every hook that it demands, and knows version v0.2.0 of the "
        "interface"])
