"""Which clips that share entries of the index are copies: votes by pair, then fingerprints laid over one another."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from filters import fingerprint_match, fingerprints
from filters.fingerprints import Fingerprint
from infra.storage import objects
from infra.storage.tables import Store
from pipelines.corpus.duplicates import RULE, version_of
from pipelines.dedup import index
from pipelines.dedup.batch import prints_of
from pipelines.engines import pipeline
from pipelines.hop import Run
from pipelines.staging.package import staged, staging
from schemas import Duplicate
from schemas.keys import digest_of, duplicate_key

SLICE, TASK = 4000, 64  # rows an element of the shuffle's input; pairs a task of matching


class SharedEntry(NamedTuple):
    """A clip's entry under a key that another clip has too. Through the shuffle goes the plain tuple: Beam encodes it
    without pickling."""

    clip_id: str
    rank: str
    times: int  # how many of the clip's marks have the key
    marks: int  # how many marks the clip has
    is_new: bool
    stands: bool  # for the key: it is compared with all who have it


Entry = tuple[str, str, int, int, bool, bool]
# Two clips, the lesser first.
ClipIds = tuple[str, str]
# For two clips: how many votes a key may give, how many are needed, the lesser rank.
Vote = tuple[int, int, str]
# Two clips that have as many votes as are needed, with the lesser of their ranks.
Candidates = tuple[ClipIds, str]


def match_clips(run: Run, hop: str, shared: pa.Table, recipe: str) -> list[Duplicate]:
    """The copies among clips that share entries of the index: entries by key, then votes by pair (Beam).

    shared: pipelines.dedup.index.JoinedEntries's. Pairs whose votes agree are matched by their fingerprints.
    """
    import apache_beam as beam

    worker = MatchWorker(run.store, run.run_id, recipe, staging(run, hop))
    slices = [shared.slice(i, SLICE).to_pydict() for i in range(0, shared.num_rows, SLICE)]
    with pipeline(run.beam) as p:
        _ = (
            p
            | "slices" >> beam.Create(slices)
            | "spread" >> beam.Reshuffle(num_buckets=1000)
            | "marks" >> beam.FlatMap(entries_by_key)
            | "same key" >> beam.GroupByKey()
            | "votes" >> beam.FlatMap(votes_of)
            | "same pair" >> beam.GroupByKey()
            | "agreed" >> beam.FlatMap(agreed_pairs)
            | "tasks" >> beam.BatchElements(TASK, TASK)
            | "match" >> beam.Map(worker.match)
        )
    rows = [row for info in staged(worker.staging) for row in json.loads(objects.read_bytes(info.uri))]
    objects.delete_below(worker.staging)
    return [Duplicate(**row) for row in rows]


def entries_by_key(columns: dict[str, list[object]]) -> Iterator[tuple[int, Entry]]:
    """Shared entries, keyed. columns: a slice of the table of them."""
    entries = zip(*(columns[c] for c in ("clip_id", "rank", "times", "marks", "new", "stands")), strict=True)
    yield from zip(columns["key"], entries, strict=True)


def votes_of(group: tuple[int, Iterable[Entry]]) -> Iterator[tuple[ClipIds, Vote]]:
    """For any two clips with this key, one of which is new and one of which stands for it."""
    entries = sorted(map(SharedEntry._make, group[1]), key=lambda entry: (not entry.stands, entry.clip_id))
    for i, a in enumerate(entries):
        if not a.stands:
            return
        for b in entries[i + 1 :]:
            if a.is_new or b.is_new:
                needed = fingerprint_match.votes_needed(min(a.marks, b.marks), RULE)
                clips = (min(a.clip_id, b.clip_id), max(a.clip_id, b.clip_id))
                yield clips, (min(a.times, b.times), needed, min(a.rank, b.rank))


def agreed_pairs(group: tuple[ClipIds, Iterable[Vote]]) -> Iterator[Candidates]:
    """The two clips, where they have as many votes as are needed."""
    clips, cast = group[0], list(group[1])
    _, needed, rank = cast[0]
    if sum(votes for votes, _, _ in cast) >= needed:
        yield clips, rank


@dataclass(slots=True)
class MarkedFingerprint:
    """A clip's fingerprint, with its marks."""

    fingerprint: Fingerprint
    marks: fingerprints.Marks = field(init=False)

    def __post_init__(self) -> None:
        self.marks = fingerprints.find_marks(self.fingerprint)


def match_pair(
    a: MarkedFingerprint, b: MarkedFingerprint, rule: fingerprint_match.MatchRule = RULE
) -> fingerprint_match.Match | None:
    """What two clips alone say of one another."""
    at = np.nonzero(a.marks.keys[:, None] == b.marks.keys[None])
    fewer = min(len(a.marks.keys), len(b.marks.keys))
    near = fingerprint_match.offsets_to_try((a.marks.t_ns[at[0]] - b.marks.t_ns[at[1]]).tolist(), fewer, rule)
    return fingerprint_match.find_match(a.fingerprint, b.fingerprint, near, rule)


@dataclass(frozen=True, slots=True)
class MatchWorker:
    """What runs on Beam's workers."""

    store: Store
    run_id: str
    recipe: str
    staging: str

    def match(self, task: Sequence[Candidates]) -> None:
        """Stages a row for each pair that are copies."""
        prints = prints_of(self.store, {clip for clips, _ in task for clip in clips}, self.recipe)
        marked = {clip: MarkedFingerprint(fingerprint) for clip, fingerprint in prints.items()}
        rows = [row for clips, rank in task if (row := self._row(clips, rank, marked)) is not None]
        name = digest_of([clips for clips, _ in task])
        uri = objects.join(self.staging, f"{name}.json")
        objects.put(uri, json.dumps([dataclasses.asdict(row) for row in rows]).encode())

    def _row(self, clips: ClipIds, rank: str, marked: Mapping[str, MarkedFingerprint]) -> Duplicate | None:
        """The pair's row, or None where they are not copies."""
        a, b = (marked[clip] for clip in clips)
        match = match_pair(a, b)
        if match is None:
            return None
        equal = fingerprint_match.are_equal(a.fingerprint, b.fingerprint)
        version = version_of(self.recipe)
        return Duplicate(
            duplicate_id=duplicate_key(*clips, version), clip_a=clips[0], clip_b=clips[1],
            kind="mirrored" if match.mirrored else "exact" if equal else "near",
            offset_ns=match.offset_ns, overlap_ns=match.overlap_ns, distance=match.distance,
            keys=index.shared_keys(a.marks, b.marks, version),
            needed=fingerprint_match.votes_needed(min(len(a.marks.keys), len(b.marks.keys)), RULE), rank=rank,
            version=version, run_id=self.run_id,
        )  # fmt: skip
