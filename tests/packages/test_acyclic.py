"""The packages' modules import in one direction: under TYPE_CHECKING and inside functions too."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGES = Path(__file__).parents[2] / "packages"


def imports(source: str, modules: Mapping[str, Path]) -> set[str]:
    """Modules of the package that a source names in any import statement, wherever it stands."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            members = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= members & modules.keys() or {node.module}
    return names & modules.keys()


def module_graph(package: Path) -> dict[str, set[str]]:
    files = {".".join(f.relative_to(package.parent).with_suffix("").parts): f for f in package.rglob("*.py")}
    modules = {name.removesuffix(".__init__"): file for name, file in files.items()}
    return {name: imports(file.read_text(), modules) for name, file in modules.items()}


@pytest.mark.parametrize("package", [PACKAGES / "handwheel/handwheel", PACKAGES / "handwheel-sim/simworld"])
def test_no_module_imports_in_a_circle(package: Path) -> None:
    graph = module_graph(package)
    assert len(graph) > 10
    assert any(graph.values())
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize(
    "back",
    [
        "from looped import a",
        "def late():\n    from looped.a import x",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import looped.a",
    ],
)
def test_a_circle_is_found_wherever_it_is_closed(tmp_path: Path, back: str) -> None:
    package = tmp_path / "looped"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text("from looped.b import y\n")
    (package / "b.py").write_text(back)
    with pytest.raises(CycleError):
        TopologicalSorter(module_graph(package)).prepare()
