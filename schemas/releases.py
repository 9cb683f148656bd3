"""Rows of what was published."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.arrow import column


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One published release; release.json in its folder is the whole of it."""

    name: str = column("date and number: the key, since going back to earlier data gives an earlier id")
    release_id: str = column("Merkle root over its views and recipe")
    parent: str | None = column("name of the release before it")
    selection: str = column("digest of what went in: equal selections publish nothing")
    counts_json: str = column("clips and hours by view, stage, task, embodiment, outcome")
    created_ns: int = column("Unix ns")
    run_id: str = column("provenance")
