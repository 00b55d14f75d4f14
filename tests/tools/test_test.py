"""./test and tools/build themselves."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import run_tests  # noqa: E402


def script(name, *args, **env):
    return subprocess.run([str(ROOT / name), *args], text=True, capture_output=True, check=False, timeout=60,
                          env={**os.environ, **env})


def test_a_kind_that_there_is_not_is_one_clear_line():
    script("tools/setup", "--test")
    done = script("test", "nonsense")
    assert done.returncode == 2
    assert done.stderr == './test: there is no kind "nonsense"; there are: ' + ", ".join(
        [*run_tests.KINDS, *run_tests.MORE_KINDS, "all"]) + "\n"


def test_skips_are_said_before_the_last_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "some").mkdir()
    (tmp_path / "some/test_a.py").write_text(
        "import pytest\ndef test_good(): pass\ndef test_bad(): assert 1 == 2\n"
        "def test_left_out(): pytest.skip('why')\n")
    monkeypatch.setattr(run_tests, "ROOT", tmp_path)
    totals = run_tests.run_pytest("some", "", tmp_path, 60)
    assert run_tests.conclude(totals, "") == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-3:] == ["SKIPPED some: some.test_a.test_left_out", "FAILED some: some.test_a.test_bad",
                          "1 passed, 1 failed"]


def test_nothing_found_is_a_failure(capsys):
    assert run_tests.conclude(run_tests.Totals(), "no-such-name") == 1
    assert capsys.readouterr().out == "0 passed, 1 failed\n"


@pytest.mark.parametrize("folder", [".", str(ROOT), ".."])
def test_the_checkout_is_no_build_folder(folder):
    done = script("tools/build", GLOO_BUILD_DIR=folder)
    assert done.returncode == 1
    assert done.stderr == f"build: GLOO_BUILD_DIR must be a folder of its own, not {(ROOT / folder).resolve()}\n"
    assert not (ROOT / "build.ninja").exists()


@pytest.mark.parametrize("given, expected", [(None, "build"), ("", "build"), ("build-asan", "build-asan"), ("/x", "/x")])
def test_an_empty_build_folder_is_the_usual_one(given, expected):
    env = {key: value for key, value in os.environ.items() if key != "GLOO_BUILD_DIR"}
    if given is not None:
        env["GLOO_BUILD_DIR"] = given
    code = "import run_tests, harness.gateway as g; print(run_tests.BUILD, g.BUILD)"
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True, timeout=60,
                          env={**env, "PYTHONPATH": f"{ROOT}/tools:{ROOT}/tests/e2e"})
    assert done.stdout.split() == [str(ROOT / expected)] * 2
    shell = subprocess.run(["bash", "-c", f"source {ROOT}/tools/lib.sh; echo $build_dir"], text=True, env=env,
                           capture_output=True, check=True, timeout=60)
    assert shell.stdout.strip() == str(ROOT / expected)
