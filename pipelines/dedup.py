"""dedup: fingerprints of human clips -> which of them are copies (Beam): a shuffle by what copies share.

New clips are joined with the index of known ones, `marks`, by key: no pair is looked at that shares none. A robot's
attempts are not compared: they look alike and are not copies, and its inverse dynamics model takes all of them.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from filters import fingerprints, matches
from filters.fingerprints import Print
from infra import objects
from infra.store import Store
from pipelines.copies import RULE, version_of
from pipelines.engines import pipeline
from pipelines.hop import Done, Run, batches
from pipelines.inventory import current_clips, inventory
from pipelines.parcel import staged, staging
from schemas import Duplicate, Marks
from schemas.arrow import table_of
from schemas.keys import digest_of, key_of

HOP = "dedup"
BATCH_CLIPS = 4000
COMMON = 256  # clips a key: what more have (a title, a test card) joins none of them
SLICE, TASK = 4000, 64  # rows an element of the shuffle's input; pairs a task of matching
MS = 1_000_000

# A mark in the shuffle: clip, when in ms, how many marks the clip has, whether it is new.
Mark = tuple[str, int, int, bool]
# Two clips, the lesser first.
Names = tuple[str, str]


def dedup(run: Run, recipe: str) -> Done:
    """Compares every clip that was not compared yet with those that were; a batch is committed before the next."""
    done = Done(HOP)
    version = version_of(recipe)
    common: set[int] = set()
    with run.hold(HOP) as held:
        objects.delete_below(objects.join(run.store.root, "staging", HOP))  # of killed runs: the lease is ours
        todo = missing(run.store, recipe, version)
        finished = 0
        for batch in batches([(clip, 1) for clip in todo], BATCH_CLIPS, BATCH_CLIPS):
            run.progress(HOP, finished, len(todo))
            marks = marks_of(run.store, batch, recipe, version, run.run_id)
            known = run.store.scan("marks", ["clip_id", "keys", "at_ms"], f"version = '{version}'")
            shared, passed = joined(marks, known)
            common |= passed
            rows = _run_beam(run, shared, recipe) if shared.num_rows else []
            held.check()
            done.add("duplicates", run.store.insert("duplicates", rows, run_id=run.run_id))
            held.check()
            run.store.insert("marks", marks, run_id=run.run_id)
            finished += len(batch)
            run.progress(HOP, finished, len(todo))
    if todo:
        done.notes.append(f"{len(todo)} clips compared")
    if common:
        done.notes.append(f"{len(common)} marks are on more than {COMMON} clips and were passed over")
    return done


def missing(store: Store, recipe: str, version: str) -> list[str]:
    """Human clips that were not compared yet."""
    clips = current_clips(store, inventory(store, recipe), recipe)
    human = clips.filter(pc.not_equal(clips["stage"], "robot"))["clip_id"].to_pylist()
    absent = set(store.absent("marks", [key_of(clip, version) for clip in human]))
    return [clip for clip in human if key_of(clip, version) in absent]


def prints_of(store: Store, clips: Iterable[str], recipe: str) -> dict[str, Print]:
    """Fingerprints by clip; clips without a sample have none."""
    columns = ["clip_id", "recipe", "tiling", "fingerprints"]
    table = store.read_keys("clips", "clip_id", sorted(clips), columns)
    # Where a span was cut under several tilings the last by name speaks: its pictures are the same.
    table = table.filter(pc.equal(table["recipe"], recipe)).sort_by("tiling").combine_chunks()
    words = table["fingerprints"]
    return {
        str(clip): fingerprints.print_of(words[i].values.to_numpy())
        for i, clip in enumerate(table["clip_id"].to_pylist())
        if words[i].is_valid
    }


def marks_of(store: Store, clips: Sequence[str], recipe: str, version: str, run_id: str) -> pa.Table:
    """Rows of `marks`, one a clip; what never changes leaves none, and is no copy of anything."""
    prints, rows = prints_of(store, clips, recipe), []
    for clip in clips:
        made = fingerprints.marks(prints[clip]) if clip in prints else None
        keys, at_ms = ([], []) if made is None else (made.keys.tolist(), (made.t_ns // MS).tolist())
        key = key_of(clip, version)
        rows.append(Marks(marks_id=key, clip_id=clip, version=version, keys=keys, at_ms=at_ms, run_id=run_id))
    return table_of(Marks, rows)


def joined(marks: pa.Table, known: Iterable[pa.RecordBatch]) -> tuple[pa.Table, set[int]]:
    """Marks whose key a new clip shares with another: key, clip_id, at_ms, count, new; and the keys that are COMMON."""
    new = _flat(marks, True)
    keys = new["key"].unique()
    both = pa.concat_tables([new, *(_flat(batch, False, keys) for batch in known)])
    clips = both.group_by("key").aggregate([("clip_id", "count_distinct")])
    count = clips["clip_id_count_distinct"]
    common = clips.filter(pc.greater(count, COMMON))
    shared = clips.filter(pc.and_(pc.greater(count, 1), pc.less_equal(count, COMMON)))
    return both.filter(pc.is_in(both["key"], value_set=shared["key"].combine_chunks())), set(common["key"].to_pylist())


def _flat(marks: pa.Table | pa.RecordBatch, new: bool, wanted: pa.Array | None = None) -> pa.Table:
    """One row a mark; of the wanted keys alone, where they are given."""
    table = marks.combine_chunks() if isinstance(marks, pa.Table) else pa.Table.from_batches([marks])
    keys, at_ms = (table[name].combine_chunks() for name in ("keys", "at_ms"))
    flat = pa.table({"of": pc.list_parent_indices(keys), "key": keys.flatten(), "at_ms": at_ms.flatten()})
    if wanted is not None:
        flat = flat.filter(pc.is_in(flat["key"], value_set=wanted))
    return pa.table(
        {
            "key": flat["key"],
            "clip_id": table["clip_id"].take(flat["of"]),
            "at_ms": flat["at_ms"],
            "count": pc.list_value_length(keys).take(flat["of"]),
            "new": pa.repeat(new, flat.num_rows),
        }
    )


def _run_beam(run: Run, shared: pa.Table, recipe: str) -> list[Duplicate]:
    """Marks by key, then votes by pair; the pairs whose votes agree are matched."""
    import apache_beam as beam

    worker = Matcher(run.store, run.run_id, recipe, staging(run, HOP))
    slices = [shared.slice(i, SLICE).to_pydict() for i in range(0, shared.num_rows, SLICE)]
    with pipeline(run.beam) as p:
        _ = (
            p
            | "slices" >> beam.Create(slices)
            | "spread" >> beam.Reshuffle(num_buckets=1000)
            | "marks" >> beam.FlatMap(by_key)
            | "same key" >> beam.GroupByKey()
            | "votes" >> beam.FlatMap(votes)
            | "same pair" >> beam.GroupByKey()
            | "agreed" >> beam.FlatMap(agreed)
            | "tasks" >> beam.BatchElements(TASK, TASK)
            | "match" >> beam.Map(worker.match)
        )
    rows = [row for info in staged(worker.staging) for row in json.loads(objects.read_bytes(info.uri))]
    objects.delete_below(worker.staging)
    return [Duplicate(**row) for row in rows]


def by_key(columns: dict[str, list[object]]) -> Iterator[tuple[int, Mark]]:
    """Marks, keyed."""
    rows = zip(*(columns[c] for c in ("clip_id", "at_ms", "count", "new")), strict=True)
    yield from zip(columns["key"], rows, strict=True)


def votes(group: tuple[int, Iterable[Mark]]) -> Iterator[tuple[Names, tuple[int, int]]]:
    """For any two clips with this key, one of them new: the offset it speaks for in ms, and the lesser mark count."""
    for a, b in itertools.combinations(sorted(group[1]), 2):
        if a[0] != b[0] and (a[3] or b[3]):
            yield (a[0], b[0]), (a[1] - b[1], min(a[2], b[2]))


def agreed(group: tuple[Names, Iterable[tuple[int, int]]]) -> Iterator[tuple[Names, list[int]]]:
    """Two clips with the offsets in ns that enough of their marks agree on."""
    cast = list(group[1])
    if found := matches.offsets([ms * MS for ms, _ in cast], cast[0][1], RULE):
        yield group[0], found


@dataclass(frozen=True, slots=True)
class Matcher:
    """What runs on Beam's workers."""

    store: Store
    run_id: str
    recipe: str
    staging: str

    def match(self, task: Sequence[tuple[Names, list[int]]]) -> None:
        """Stages a row for each pair that are copies."""
        prints = prints_of(self.store, {clip for names, _ in task for clip in names}, self.recipe)
        rows = [
            self._row(names, found, prints)
            for names, near_ns in task
            if (found := matches.match(prints[names[0]], prints[names[1]], near_ns, RULE)) is not None
        ]
        name = digest_of([names for names, _ in task])
        staged_as = objects.join(self.staging, f"{name}.json")
        objects.put(staged_as, json.dumps([dataclasses.asdict(r) for r in rows]).encode())

    def _row(self, names: Names, found: matches.Match, prints: dict[str, Print]) -> Duplicate:
        kind = "mirrored" if found.mirrored else "exact" if matches.same(*(prints[n] for n in names)) else "near"
        version = version_of(self.recipe)
        return Duplicate(
            duplicate_id=key_of(*names, version), clip_a=names[0], clip_b=names[1], kind=kind,
            offset_ns=found.offset_ns, overlap_ns=found.overlap_ns, distance=found.distance, version=version,
            run_id=self.run_id,
        )  # fmt: skip
