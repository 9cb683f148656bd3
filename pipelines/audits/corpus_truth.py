"""Recordings of a corpus and the truth that lies beside them, joined by the sha256 of their bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from infra.storage.tables import Store
from pipelines.audits.tally import Cluster
from pipelines.corpus.corpus import Corpus
from pipelines.corpus.decisions import DECISION, decisions_of
from pipelines.corpus.inventory import ASSET, CLIP, CurrentAsset, CurrentClip
from schemas import Decision
from schemas.columns import equals
from schemas.errors import UsageError
from schemas.tables import TypedTable, columns_of
from schemas.truth import SUFFIX, FrameTruth, RecordingTruth, ShotTruth, load

R = TypeVar("R")


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
    clips: tuple[CurrentClip, ...]  # by time

    def cluster(self, shot: ShotTruth | None) -> Cluster:
        """What a mark in this shot is drawn with: the wearer, or the recording where nobody wears the camera."""
        wearer = shot.wearer if shot else None
        return wearer or self.sha256, self.sha256

    def clips_in(self, start_ns: int, end_ns: int) -> tuple[str, ...]:
        """Clips that overlap a span, by time: their clip_row_id."""
        return tuple(c.clip_row_id for c in self.clips if c.start_ns < end_ns and start_ns < c.end_ns)

    def shot_at(self, t_ns: int) -> ShotTruth | None:
        """The shot that holds this time."""
        return next((s for s in self.truth.head.shots if s.start_ns <= t_ns < s.end_ns), None)


@dataclass(frozen=True, slots=True)
class Joined:
    """What an audit reads: the corpus under a recipe and policy, and the truth of some of its recordings."""

    store: Store
    assets: TypedTable[CurrentAsset]  # the inventory
    recordings: tuple[Recording, ...]  # by sha256
    truths: tuple[Truth, ...]
    unmatched: dict[str, int]
    decisions: TypedTable[Decision]  # the policy's, of these recordings

    def decided(self, recording: Recording) -> list[Decision]:
        """The recording's spans with their verdicts, by time."""
        own = self.decisions.filter(equals(self.decisions[DECISION.sha256], recording.sha256))
        return own.sorted_by(DECISION.start_ns, DECISION.end_ns).rows()

    def read(self, row: type[R], table: str, column: str, values: list[str]) -> list[R]:
        """Rows of these keys; row: a dataclass of the columns that are read."""
        names = [str(name) for name in vars(columns_of(row)).values()]
        return TypedTable(row, self.store.read_keys(table, column, values, names)).rows()


def truths_below(folder: Path) -> tuple[Truth, ...]:
    """Every truth file below a folder, by path. UsageError: there is none, or one that cannot be read as truth."""
    paths = sorted(folder.rglob(f"*{SUFFIX}")) if folder.is_dir() else []
    if not paths:
        raise UsageError(
            f"no *{SUFFIX} below {folder}; `handwheel sim OUT` renders recordings with truth, then --truth OUT"
        )
    truths = []
    for path in paths:
        try:
            truths.append(Truth(path, replace(load(path), frames=())))
        except (KeyError, TypeError, ValueError, AttributeError) as e:
            raise UsageError(f"{path} is not the truth of a recording ({type(e).__name__}: {e}); remove it") from e
    return tuple(truths)


def join(store: Store, recipe: str, policy: str, truths: tuple[Truth, ...]) -> Joined:
    """The corpus' current recordings with their truth.

    UsageError: the corpus is empty, or no recording of it has truth.
    """
    corpus = Corpus(store, recipe, policy)
    primary = corpus.primary_assets()
    if not len(primary):
        raise UsageError(f"{store.root} holds no recording under this config; run `handwheel turn` first")
    by_sha = {t.head.sha256: t for t in truths if t.head.sha256}
    columns = (primary.values(ASSET.sha256), primary.values(ASSET.uri), primary.values(ASSET.stage))
    places = sorted(zip(*columns, strict=True))
    clips = corpus.clips()
    clips = clips.filter(pc.is_in(clips[CLIP.sha256], pa.array(sorted(by_sha), pa.string())))
    of_recording = _clips(clips)
    recordings = [
        Recording(sha256, uri, stage, by_sha[sha256], tuple(of_recording.get(sha256, ())))
        for sha256, uri, stage in places
        if sha256 in by_sha
    ]
    there = {sha256 for sha256, _, _ in places}
    unmatched = {
        "recordings_without_truth": len(places) - len(recordings),
        "truths_without_recording": sum(t.head.sha256 not in there for t in truths),
    }
    decisions = decisions_of(store, clips, policy)
    return Joined(store, corpus.assets(), tuple(recordings), truths, unmatched, decisions)


def _clips(clips: TypedTable[CurrentClip]) -> dict[str, list[CurrentClip]]:
    """Clips by recording, by time."""
    of_recording: dict[str, list[CurrentClip]] = {}
    for clip in clips.sorted_by(CLIP.start_ns).rows():
        of_recording.setdefault(clip.sha256, []).append(clip)
    return of_recording


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
