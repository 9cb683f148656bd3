"""What may only shrink: untyped rows, long functions and files, vague names. `make ratchet` lowers the list.

tests/ratchet.toml lists, by measure and place, what is left and why; tests/test_house.py compares it with the tree.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
LIST = Path(__file__).with_suffix(".toml")
ROOMS = ("schemas", "filters", "captioning", "infra", "pipelines", "orchestration", "packages")
ROW_ROOMS = ("captioning", "pipelines", "orchestration")
MAX_FUNCTION_LINES, MAX_FILE_LINES = 48, 350
VAGUE = frozenset({"told", "said", "asked", "found", "shown", "held", "kept", "seen"})
UNTYPED = "dict[str, Any]"

Counts = dict[str, int]


def untyped_rows() -> Counts:
    """By file of ROW_ROOMS: how often `dict[str, Any]`, or a name that stands for it, is a type."""
    trees = dict(_trees(ROW_ROOMS))
    aliases = {place: {alias for node in tree.body if (alias := _alias(node))} for place, tree in trees.items()}
    modules = {place.removesuffix(".py").replace("/", "."): names for place, names in aliases.items()}
    return _positive({place: _untyped_in(tree, aliases[place], modules) for place, tree in trees.items()})


def _alias(node: ast.stmt) -> str:
    """The name that a statement makes another name of `dict[str, Any]`."""
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and ast.unparse(node.value) == UNTYPED:
        return node.targets[0].id
    return ""


def _untyped_in(tree: ast.Module, own: set[str], modules: Mapping[str, set[str]]) -> int:
    brought = {
        a.name for node in tree.body if isinstance(node, ast.ImportFrom) and node.module
        for a in node.names if a.name in modules.get(node.module, ())
    }  # fmt: skip
    count = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript):
            count += ast.unparse(node) == UNTYPED
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            count += node.id in own | brought
    return count


def long_functions() -> Counts:
    """Functions of more than MAX_FUNCTION_LINES, as `file:name`, with their lines."""
    return {
        f"{place}:{node.name}": lines
        for place, tree in _trees((*ROOMS, "tests"))
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > MAX_FUNCTION_LINES
    }


def long_files() -> Counts:
    """Files of more than MAX_FILE_LINES, with their lines in tens, so that a line more or less is no matter."""
    lines = {place: len(source.splitlines()) for place, source in _sources((*ROOMS, "tests"))}
    return {place: -(-n // 10) * 10 for place, n in lines.items() if n > MAX_FILE_LINES}


def vague_names() -> Counts:
    """By room: variables, arguments, fields and functions whose whole name is one of VAGUE."""
    totals = dict.fromkeys(ROOMS, 0)
    for place, tree in _trees(ROOMS):
        totals[place.partition("/")[0]] += sum(name.lstrip("_") in VAGUE for name in _bound(tree))
    return _positive(totals)


def _bound(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name


MEASURES: dict[str, Callable[[], Counts]] = {
    "untyped_rows": untyped_rows,
    "long_functions": long_functions,
    "long_files": long_files,
    "vague_names": vague_names,
}


def _sources(rooms: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for room in rooms:
        for path in sorted((REPOSITORY / room).rglob("*.py")):
            yield path.relative_to(REPOSITORY).as_posix(), path.read_text()


def _trees(rooms: tuple[str, ...]) -> Iterator[tuple[str, ast.Module]]:
    return ((place, _parsed(source)) for place, source in _sources(rooms))


@cache
def _parsed(source: str) -> ast.Module:
    return ast.parse(source)


def _positive(counts: Counts) -> Counts:
    return {place: count for place, count in counts.items() if count}


def listed() -> dict[str, Counts]:
    """tests/ratchet.toml: by measure, then place."""
    return tomllib.loads(LIST.read_text())


def lowered(text: str, measured: Mapping[str, Counts]) -> str:
    """The list with each number lowered to what is there now; one that is higher now stays, so that the test fails."""
    section, lines = "", []
    for line in text.splitlines():
        if header := re.fullmatch(r"\[(\w+)\]", line):
            section = header[1]
        elif entry := re.fullmatch(r'"([^"]+)" = (\d+)(.*)', line):
            left = min(measured[section].get(entry[1], 0), int(entry[2]))
            if not left:
                continue
            line = f'"{entry[1]}" = {left}{entry[3]}'
        lines.append(line)
    return "\n".join(lines) + "\n"


def raised(measured: Mapping[str, Counts]) -> list[str]:
    """What is more than listed, one line each."""
    old = listed()
    return [
        f'[{name}] "{place}" = {count}  # {old[name].get(place, 0)} in the list'
        for name, counts in measured.items()
        for place, count in counts.items()
        if count > old[name].get(place, 0)
    ]


def main() -> None:
    """Lowers tests/ratchet.toml, and prints what would have to be raised."""
    measured = {name: measure() for name, measure in MEASURES.items()}
    LIST.write_text(lowered(LIST.read_text(), measured))
    for line in raised(measured):
        print(line)


if __name__ == "__main__":
    main()
