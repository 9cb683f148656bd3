"""docs/walk.md can be walked: its files and names are there, and each file is imported by one before it."""

from __future__ import annotations

import re

import grimp

from tests.ratchet import REPOSITORY

STEP = re.compile(r"^\| (\d+) \| \[[^\]]+\]\(\.\./([^)]+)\) \| ([^|]+) \|", re.MULTILINE)
MAX_FILES = 35
PACKAGES = ("schemas", "filters", "captioning", "infra", "simworld", "pipelines", "orchestration", "handwheel")


def steps() -> list[tuple[int, str, list[str]]]:
    """Number, file and names to look at, of each row."""
    rows = STEP.findall((REPOSITORY / "docs" / "walk.md").read_text())
    return [(int(number), file, re.findall(r"`(\w+)`", names)) for number, file, names in rows]


def module_of(file: str) -> str:
    """The module of a file, by its name when it is imported."""
    plain = re.sub(r"^packages/[^/]+/", "", file).removesuffix(".py").removesuffix("/__init__")
    return plain.replace("/", ".")


def test_the_walk_is_short_and_in_order() -> None:
    numbers = [number for number, _, _ in steps()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert 20 < len(numbers) <= MAX_FILES


def test_what_is_to_be_looked_at_is_there() -> None:
    for _, file, names in steps():
        text = (REPOSITORY / file).read_text()
        assert names, file
        for name in names:
            assert re.search(rf"^ *(?:def |class )?{name}\b", text, re.MULTILINE), f"{file} has no {name}"


def test_each_file_is_imported_by_one_before_it() -> None:
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    before: set[str] = set()
    for _, file, _ in steps():
        module = module_of(file)
        importers = graph.find_modules_that_directly_import(module)
        assert not before or before & importers, f"no file before {file} imports it"
        before.add(module)
