"""Pages of the repository, and their fenced blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
TOP_PAGES = tuple(sorted(p.name for p in REPOSITORY.glob("*.md")))
PAGES = (
    *TOP_PAGES,
    *sorted(
        str(p.relative_to(REPOSITORY))
        for room in ("docs", "packages", "pipelines")
        for p in (REPOSITORY / room).rglob("*.md")
        if p.name != "LICENSE.md"
    ),
)
FENCE = re.compile(r"(?:<!-- (?P<mark>[^>]+) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)```", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, its text, and the mark in the comment before it."""

    mark: str
    language: str
    text: str


def read_page(name: str) -> str:
    """A page's text, by its path in the repository."""
    return (REPOSITORY / name).read_text()


def blocks_of(name: str, mark: str) -> list[Block]:
    """A page's fenced blocks with a mark, in order; there must be one."""
    every = [Block(m["mark"] or "", m["language"], m["text"]) for m in FENCE.finditer(read_page(name))]
    marked = [b for b in every if b.mark == mark]
    assert marked, f"{name} has no block marked {mark!r}"
    return marked


def section_of(name: str, heading: str) -> str:
    """The text under a page's heading, up to the next one of its rank or above; there must be some."""
    rank = len(heading.partition(" ")[0])
    _, _, text = read_page(name).partition(f"\n{heading}\n")
    text = re.split(rf"\n#{{1,{rank}}} ", text, maxsplit=1)[0]
    assert text.strip(), f"{name} has nothing under {heading!r}"
    return text
