"""docs/sources.md and the readers' own examples: every kind has its block, and every block is a config that loads."""

from __future__ import annotations

import inspect
import re
import textwrap
from pathlib import Path

import pytest

from orchestration.config import load
from pipelines.sources.recordings import READERS
from tests.docs.test_docs import FENCE, blocks, page

PAGE = "docs/sources.md"
ANNOTATED = ("epic_kitchens", "ego4d", "ego_exo4d", "egodex")


def kind_of(text: str, tmp_path: Path) -> str:
    """The kind of a config's one source."""
    (tmp_path / "handwheel.toml").write_text(text)
    (source,) = load(tmp_path / "handwheel.toml", [], None).source
    return source.kind


def test_every_kind_has_a_section_and_a_block() -> None:
    marks = [m["mark"] for m in FENCE.finditer(page(PAGE)) if m["mark"]]
    assert sorted(marks) == sorted(f"source: {kind}" for kind in READERS)
    assert set(READERS) <= set(re.findall(r"^## (\w+)$", page(PAGE), re.MULTILINE))
    assert sorted(re.findall(r"^\| `(\w+)` \|", page(PAGE), re.MULTILINE)) == sorted(READERS)


@pytest.mark.parametrize("kind", list(READERS))
def test_a_kinds_block_loads(kind: str, tmp_path: Path) -> None:
    (block,) = blocks(PAGE, f"source: {kind}")
    assert (block.language, kind_of(block.text, tmp_path)) == ("toml", kind)


@pytest.mark.parametrize("kind", ANNOTATED)
def test_a_readers_example_loads(kind: str, tmp_path: Path) -> None:
    told = inspect.getdoc(inspect.getmodule(READERS[kind])) or ""
    example = re.search(r"^    \[\[source\]\]\n(?:    .+\n)+", told, re.MULTILINE)
    assert example is not None
    assert kind_of(textwrap.dedent(example[0]), tmp_path) == kind


def test_the_table_tells_the_licences() -> None:
    rows = re.findall(r"^\| `(\w+)` \|.*\| `([^`|]+)` \|$", page(PAGE), re.MULTILINE)
    assert dict(rows) == {kind: getattr(inspect.getmodule(READERS[kind]), "LICENCE", None) for kind in ANNOTATED}
