"""Recordings of a corpus and the truth that lies beside them, joined by the sha256 of their bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from infra.storage.tables import Store
from pipelines.audits.tally import Cluster
from pipelines.corpus.decisions import decisions_of
from pipelines.corpus.inventory import current_clips, inventory
from schemas.columns import equals
from schemas.errors import UsageError
from schemas.truth import SUFFIX, FrameTruth, RecordingTruth, ShotTruth, load

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Truth:
    """A truth file: its rows without the frames, which are read when they are wanted."""

    path: Path
    head: RecordingTruth  # frames: ()

    def frames(self) -> tuple[FrameTruth, ...]:
        """The frames, by time."""
        return tuple(sorted(load(self.path).frames, key=lambda f: f.t_ns))


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording of the corpus with its truth."""

    sha256: str
    uri: str
    stage: str
    truth: Truth
    clips: tuple[Row, ...]  # schemas.Clip without signals, by time

    def cluster(self, shot: ShotTruth | None) -> Cluster:
        """What a mark in this shot is drawn with: the wearer, or the recording where nobody wears the camera."""
        wearer = shot.wearer if shot else None
        return wearer or self.sha256, self.sha256

    def clips_in(self, start_ns: int, end_ns: int) -> tuple[str, ...]:
        """Clips that overlap a span, by time: their clip_row_id."""
        return tuple(str(c["clip_row_id"]) for c in self.clips if c["start_ns"] < end_ns and start_ns < c["end_ns"])

    def shot_at(self, t_ns: int) -> ShotTruth | None:
        """The shot that holds this time."""
        return next((s for s in self.truth.head.shots if s.start_ns <= t_ns < s.end_ns), None)


@dataclass(frozen=True, slots=True)
class Joined:
    """What an audit reads: the corpus under a recipe and policy, and the truth of some of its recordings."""

    store: Store
    assets: pa.Table  # the inventory
    recordings: tuple[Recording, ...]  # by sha256
    truths: tuple[Truth, ...]
    unmatched: dict[str, int]
    decisions: pa.Table  # the policy's, of these recordings

    def decided(self, recording: Recording) -> list[Row]:
        """The recording's spans with their verdicts, by time."""
        found = self.decisions.filter(equals(self.decisions["sha256"], recording.sha256))
        return [dict(r) for r in found.sort_by([("start_ns", "ascending"), ("end_ns", "ascending")]).to_pylist()]

    def read(self, table: str, column: str, values: list[str], columns: list[str], where: str = "") -> list[Row]:
        """Rows of these keys, as dicts; where: one column's value, as `column=value`."""
        found = self.store.read_keys(table, column, values, columns)
        if where:
            name, _, value = where.partition("=")
            found = found.filter(equals(found[name], value))
        return [dict(r) for r in found.to_pylist()]


def truths_below(folder: Path) -> tuple[Truth, ...]:
    """Every truth file below a folder, by path. UsageError: there is none, or one that cannot be read as truth."""
    paths = sorted(folder.rglob(f"*{SUFFIX}")) if folder.is_dir() else []
    if not paths:
        raise UsageError(
            f"no *{SUFFIX} below {folder}; `handwheel sim OUT` renders recordings with truth, then --truth OUT"
        )
    found = []
    for path in paths:
        try:
            found.append(Truth(path, replace(load(path), frames=())))
        except (KeyError, TypeError, ValueError, AttributeError) as e:
            raise UsageError(f"{path} is no truth of a recording ({type(e).__name__}: {e}); remove it") from e
    return tuple(found)


def join(store: Store, recipe: str, policy: str, truths: tuple[Truth, ...]) -> Joined:
    """The corpus' current recordings with their truth.

    UsageError: the corpus is empty, or no recording of it has truth.
    """
    assets = inventory(store, recipe)
    primary = assets.filter(assets["primary"])
    if not primary.num_rows:
        raise UsageError(f"{store.root} holds no recording under this config; run `handwheel turn` first")
    by_sha = {t.head.sha256: t for t in truths if t.head.sha256}
    rows = primary.select(["sha256", "uri", "stage"]).to_pylist()
    current = current_clips(store, assets, recipe)
    current = current.filter(pc.is_in(current["sha256"], pa.array(sorted(by_sha), pa.string())))
    clips = _clips(current)
    recordings = [
        Recording(r["sha256"], r["uri"], r["stage"], by_sha[r["sha256"]], tuple(clips.get(r["sha256"], [])))
        for r in sorted(rows, key=lambda r: str(r["sha256"]))
        if r["sha256"] in by_sha
    ]
    there = {r["sha256"] for r in rows}
    unmatched = {
        "recordings_without_truth": len(rows) - len(recordings),
        "truths_without_recording": sum(t.head.sha256 not in there for t in truths),
    }
    return Joined(store, assets, tuple(recordings), truths, unmatched, decisions_of(store, current, policy))


def _clips(clips: pa.Table) -> dict[str, list[Row]]:
    """Clips by recording, by time."""
    out: dict[str, list[Row]] = {}
    columns = ["clip_row_id", "clip_id", "sha256", "start_ns", "end_ns", "cutter"]
    for row in clips.select(columns).sort_by("start_ns").to_pylist():
        out.setdefault(row["sha256"], []).append(row)
    return out


def human(joined: Joined) -> Iterator[Recording]:
    """The recordings that people made."""
    return (r for r in joined.recordings if r.stage != "robot")


def nothing_joined(joined: Joined, what: str) -> UsageError:
    """What an audit raises that found nothing to look at."""
    counts = json.dumps(joined.unmatched)
    return UsageError(
        f"{what} has truth: {counts}. Truth is joined by the sha256 of the recording; add the folder that holds both "
        "as a [[source]] and run `handwheel turn`"
    )
