"""The configuration that the documentation shows is right."""

import re

import pytest
import yaml

from harness.gateway import ROOT, glooctl

# The tutorial's plugin is not built in; a test of its own (tests/tools/test_tutorial.py) reads its blocks.
PAGES = sorted(set(ROOT.glob("docs/**/*.md")) - {ROOT / "docs/plugin-tutorial.md"}) + [
    ROOT / "README.md", *sorted(ROOT.glob("examples/**/*.md"))]


def documents(page):
    """The blocks of YAML that are whole objects."""
    for block in re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        try:
            parsed = [document for document in yaml.safe_load_all(block) if document]
        except yaml.YAMLError:
            continue
        if parsed and all(isinstance(d, dict) and "apiVersion" in d for d in parsed):
            yield block


SHOWN = [(str(page.relative_to(ROOT)), block) for page in PAGES for block in documents(page)]


def test_there_are_documents():
    assert any(page == "docs/getting-started.md" for page, _ in SHOWN)


@pytest.mark.parametrize("page, block", SHOWN, ids=[f"{page}-{i}" for i, (page, _) in enumerate(SHOWN)])
def test_a_shown_document_has_no_error(page, block):
    done = glooctl("validate", "-q", "-f", "-", stdin=block)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("example", sorted(path.parent for path in ROOT.glob("examples/*/config")), ids=lambda path: path.name)
def test_an_example_has_no_mistake(example):
    done = glooctl("validate", "-f", example / "config")
    assert done.returncode == 0 and "0 errors, 0 warnings" in done.stdout, done.stdout
