"""The checks of tools/ themselves."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

import check_layers  # noqa: E402
import check_lengths  # noqa: E402


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize(
    "source, target, expected",
    [
        ("src/model/reader.cc", "src/base/issues.h", None),
        ("src/base/hash.cc", "src/model/object.h", "src/base may include nothing of ours; not src/model"),
        ("src/translator/route.cc", "src/sources/source.h", "src/translator must never include src/sources"),
        ("src/translator/route.cc", "src/xds/server.h", "src/translator must never include src/xds"),
        ("src/xds/server.cc", "src/translator/translator.h", "src/xds must never include src/translator"),
        ("src/xds/server.cc", "src/model/object.h", "src/xds must never include src/model"),
        ("src/xds/server_test.cc", "src/model/object.h", "src/xds must never include src/model"),
        ("filters/module.cc", "src/base/hash.h", "filters must never include src"),
        ("filters/module.cc", "template/transformation.h", None),
        ("template/engine.cc", "filters/abi.h", "template may include nothing of ours; not filters"),
        ("src/plugins/rest/plugin.cc", "src/plugins/static/plugin.h", "a plugin must never include another"),
        ("src/plugins/rest/plugin.cc", "src/plugins/rest/rest.h", None),
        ("src/plugins/builtin.cc", "src/plugins/rest/plugin.h", None),
        ("src/controller/controller.cc", "src/plugins/rest/plugin.h", "only the list of built-in plugins"),
        ("src/controller/controller.cc", "src/sources/file/file_source.h", "only bootstrap names a backend (file)"),
        ("src/controller/controller.cc", "src/sources/source.h", None),
        ("src/bootstrap/control_plane.cc", "src/sources/file/file_source.h", None),
        ("src/translator/translator_test.cc", "src/plugins/builtin.h", None),
        ("src/translator/translator.cc", "src/plugins/builtin.h", "src/translator may include"),
        ("src/cli/get.cc", "src/sources/file/tree.h", None),
        ("src/cli/get.cc", "cmd/gloo/main.h", "src must never include cmd"),
        ("tests/feature/routes.cc", "cmd/gloo/main.h", "nothing includes a program"),
    ],
)
def test_an_edge_between_folders(source, target, expected):
    problem = check_layers.problem_with(source, target)
    if expected is None:
        assert problem is None
    else:
        assert problem is not None and problem.startswith(expected)


def test_layers_of_a_tree_are_read_from_includes_and_imports(tmp_path):
    write(tmp_path, {
        "src/base/a.h": "#pragma once\n",
        "src/xds/b.cc": '#include "xds/b.h"\n#include <vector>\n#include "base/a.h"\n  #  include "model/c.h"\n',
        "src/xds/b.h": "",
        "src/model/c.h": '#include "absl/status/status.h"\n',
        "src/plugins/x/x.proto": 'import "src/plugins/y/y.proto";\n',
        "src/plugins/y/y.proto": 'import "google/protobuf/any.proto";\n',
        "src/xds/d.cc": '#include "src/plugins/y/y.pb.h"\n',
    })
    problems, count = check_layers.check(tmp_path)
    assert count == 7
    assert [p.split(" ")[0] for p in problems] == ["src/plugins/x/x.proto:1:", "src/xds/b.cc:4:", "src/xds/d.cc:1:"]


def test_lengths_name_the_file(tmp_path):
    write(tmp_path, {
        "src/a/long.cc": "x\n" * 801,
        "src/a/good.cc": "x\n" * 800,
        "tests/fuzz/corpus/data.h": "z" * 500,
    })
    problems, count = check_lengths.check(tmp_path)
    assert problems == [
        "src/a/long.cc: 801 lines, at most 800: split it by meaning",
    ]
    assert count == 2
