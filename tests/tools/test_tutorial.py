"""docs/plugin-tutorial.md says what is so: its code is that of tests/plugins/tutorial, which is built and tested."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/plugin-tutorial.md").read_text()
FINISHED = ROOT / "tests/plugins/tutorial"
# Lists that get lines for the plugin: those of a plugin that is there are alike.
LISTS = {"src/plugins/CMakeLists.txt", "src/plugins/builtin.cc"}
# (language, file or "", text) of each block.
BLOCKS = [(language, file, text) for _, language, file, text in
          re.findall(r"^(```+)(\w*) ?(\S*)\n(.*?\n)\1$", TEXT, re.M | re.S)]
FILES = sorted({file for _, file, _ in BLOCKS if file})


def blocks_of(file):
    return [text for _, named, text in BLOCKS if named == file]


@pytest.mark.parametrize("file", FILES)
def test_a_block_is_literally_in_its_file(file):
    for text in blocks_of(file):
        if file in LISTS:
            assert "webhook" in text
            for line in text.replace("webhook", "azure").replace("Webhook", "Azure").splitlines():
                assert line in (ROOT / file).read_text().splitlines(), line
        elif (FINISHED / file).exists():
            # Whole lines, whatever ends the last one.
            assert "\n" + text in "\n" + (FINISHED / file).read_text().rstrip("\n") + "\n", text
        else:
            assert text in (ROOT / file).read_text(), text


@pytest.mark.parametrize("file", sorted(
    path.relative_to(FINISHED).as_posix() for path in FINISHED.rglob("*")
    if path.is_file() and "outputs" not in path.parts and not {"__pycache__", ".state"} & set(path.parts)))
def test_nothing_of_the_plugin_is_left_out(file):
    left = (FINISHED / file).read_text().rstrip("\n") + "\n"
    for text in sorted(blocks_of(file), key=len, reverse=True):
        left = left.replace(text, "")
    assert left.strip() == "", left


def test_the_plugin_is_in_the_list_of_the_tests():
    lines = (ROOT / "tests/plugins/builtin.cc").read_text().splitlines()
    for text in blocks_of("src/plugins/builtin.cc"):
        for line in text.splitlines():
            assert line in lines


def test_commands_and_links_lead_somewhere():
    commands = [line for language, _, text in BLOCKS if language == "sh" for line in text.splitlines()]
    assert len(commands) >= 8
    for command in commands:
        program = next(word for word in command.split() if "=" not in word)
        assert program == "git" or (ROOT / program).is_file() or program.startswith("build/bin/"), command
    prose = re.sub(r"^(```+).*?^\1$", "", TEXT, flags=re.M | re.S)
    for link in re.findall(r"\]\(([^)#]+)\)", prose):
        assert (ROOT / "docs" / link).exists(), link
    # Paths of what is there already, as the text names them.
    made = "webhook"
    for path in re.findall(r"`((?:src|tests|tools|docs)/[\w./]+)`", prose):
        assert made in path or "NAME" in path or (ROOT / path).exists(), path
