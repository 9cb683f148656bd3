"""A child process is named by its module, which a tool can follow, and not by a string that only a run finds wrong."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
OURS = {"schemas", "filters", "captioning", "infra", "pipelines", "orchestration", "handwheel", "simworld", "tests"}
RUNNERS = {"run", "run_measured"}  # of infra.sandbox.sandbox


def named_by_string(tree: ast.AST) -> Iterator[int]:
    """Lines where a module of ours is named by a literal: as the first argument of sandbox.run, or after "-m"."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            if called in RUNNERS and node.args and _is_ours(node.args[0]):
                yield node.lineno
        elif isinstance(node, ast.List | ast.Tuple):
            flags = [isinstance(e, ast.Constant) and e.value == "-m" for e in node.elts]
            if any(flag and _is_ours(after) for flag, after in zip(flags, node.elts[1:], strict=False)):
                yield node.lineno


def _is_ours(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.partition(".")[0] in OURS


def python_files() -> list[Path]:
    """Every Python file of the tree, what lies in hidden folders and environments apart."""
    files = [path.relative_to(REPOSITORY) for path in REPOSITORY.rglob("*.py")]
    return sorted(f for f in files if not any(p.startswith(".") or p in ("build", "node_modules") for p in f.parts))


@pytest.mark.slow
def test_no_child_is_named_by_a_string() -> None:
    found = []
    for file in python_files():
        tree = ast.parse((REPOSITORY / file).read_text())
        found += [f"{file}:{line}" for line in named_by_string(tree)]
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        'sandbox.run("pipelines.media.decode_child", argv, limits)', 'run_measured("tests.support.children", [], l)',
        '[sys.executable, "-m", "infra.sandbox.zygote"]', '("python", "-m", "orchestration.cli.main", *words)',
    ],
)  # fmt: skip
def test_a_string_is_found(code: str) -> None:
    assert list(named_by_string(ast.parse(code))) == [1]


@pytest.mark.parametrize(
    "code",
    ["sandbox.run(decode_child.__name__, argv, limits)", '[sys.executable, "-m", "pip"]', 'subprocess.run("ls")'],
)
def test_a_module_s_own_name_is_not(code: str) -> None:
    assert list(named_by_string(ast.parse(code))) == []
