"""Writes the table of hops into ARCHITECTURE.md, between its marks, from HOPS. `make docs` runs it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from orchestration.turn import HOPS
from pipelines.hop import Hop

PAGE = "ARCHITECTURE.md"
BEGIN, END = "<!-- hops:begin -->\n", "<!-- hops:end -->"
HEAD = "| hop | reads | writes | needs | lease | runs on |\n|---|---|---|---|---|---|\n"


def row(hop: Hop) -> str:
    """A hop's line: what it reads beside tables first, tables in the order in which it declares them."""
    reads = ", ".join(filter(None, (hop.reads_beside, *hop.reads)))
    cells = (hop.name, reads, ", ".join(hop.writes), ", ".join(hop.needs), hop.lease, hop.engine)
    return "| " + " | ".join(cells) + " |\n"


def written(page: str, hops: Iterable[Hop] = HOPS) -> str:
    """The page with the hops' table between the marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{PAGE} has lost the marks {BEGIN.strip()} and {END}")
    return before + BEGIN + HEAD + "".join(map(row, hops)) + END + after


if __name__ == "__main__":
    page = Path(__file__).resolve().parents[1] / PAGE
    page.write_text(written(page.read_text()))
