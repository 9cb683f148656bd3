"""release.json as a value: what a release is and what it holds. Pure: `releases.py` reads and writes the file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict


class ViewCounts(TypedDict):
    """What a view holds."""

    clips: int
    hours: float


class TaskCounts(TypedDict):
    """Attempts at one task."""

    episodes: int
    scenes: int


class EmbodimentCounts(TypedDict):
    """Attempts of one kind of robot."""

    episodes: int
    hours: float


class ReleaseCounts(TypedDict, total=False):
    """Numbers of a release, as `releases.counts_json` holds them too."""

    hours_by_stage: dict[str, float]
    views: dict[str, ViewCounts]
    tasks: dict[str, TaskCounts]
    outcomes: dict[str, int]
    embodiments: dict[str, EmbodimentCounts]


@dataclass(frozen=True, slots=True)
class ViewFacts:
    """One view of a release: its data set's version, the Merkle root of its rows, and how much it holds."""

    version: int
    root: str
    clips: int
    hours: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseDocument:
    """What the engine reads of release.json. What a release of an earlier version leaves out is empty."""

    name: str
    id: str
    parent: str | None = None  # name of the release before it
    selection: str = ""  # digest of what went in
    wanted: str | None = None  # digest of what was to go in: more, where recordings were gone
    gone: Mapping[str, str] = field(default_factory=dict)  # where those recordings lay, by sha256
    recipe: Mapping[str, object] = field(default_factory=dict)
    inputs: Mapping[str, int] = field(default_factory=dict)  # version read, by table
    left_out: Mapping[str, int] = field(default_factory=dict)  # spans, by reason
    views: Mapping[str, ViewFacts] = field(default_factory=dict)
    axes: Mapping[str, str] = field(default_factory=dict)  # what each IDM's view holds: `view_names`
    splits: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # clips, by view and split
    counts: ReleaseCounts = field(default_factory=ReleaseCounts)
    files_sha256: str = ""
    created: str | None = None  # ISO 8601, UTC
    created_ns: int = 0
    run_id: str = ""


def parse_release(data: bytes) -> ReleaseDocument:
    """release.json's bytes as a value."""
    return release_of(json.loads(data))


def release_of(plain: Mapping[str, Any]) -> ReleaseDocument:
    """release.json's object as a value; keys that the engine does not read (`stats`, `format` ...) are left out."""
    known = {name: plain[name] for name in ReleaseDocument.__dataclass_fields__ if plain.get(name) is not None}
    views = {
        view: ViewFacts(facts.get("version", 0), facts.get("root", ""), facts["clips"], facts["hours"])
        for view, facts in plain.get("views", {}).items()
    }
    return ReleaseDocument(**{**known, "views": views})
