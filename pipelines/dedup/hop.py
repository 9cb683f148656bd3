"""dedup: fingerprints of human clips -> which of them are copies (Beam): a shuffle by what copies share.

New clips are joined with the index of known ones, `postings`, by key: no pair is looked at that shares none. A robot's
attempts are not compared: they look alike and are not copies, and its inverse dynamics model takes all of them.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filters import fingerprint_match, fingerprints
from filters.duplicates import MAX_COMPARED
from filters.fingerprints import Fingerprint
from infra.storage import objects
from infra.storage.tables import Store
from pipelines.corpus.corpus import Corpus
from pipelines.corpus.duplicates import RULE, version_of
from pipelines.corpus.inventory import ASSET, CLIP
from pipelines.dedup import index
from pipelines.dedup.index import COLUMNS, Joined
from pipelines.engines import pipeline
from pipelines.hop import Context, Done, Hop, Run, commit_in_batches, in_batches, one_by_one
from pipelines.staging.package import staged, staging
from schemas import Compared, CrowdedKey, Duplicate
from schemas.columns import differs, values_of
from schemas.keys import digest_of, key_of, recipes_of

NAME = "dedup"
BATCH_CLIPS = 4000
SLICE, TASK = 4000, 64  # rows an element of the shuffle's input; pairs a task of matching

# A posting in the shuffle: clip, rank, times, marks, whether it is new, whether it stands for the key.
Post = tuple[str, str, int, int, bool, bool]
# Two clips, the lesser first.
Names = tuple[str, str]
# For two clips: how many votes a key may give, how many are needed, the lesser rank.
Vote = tuple[int, int, str]


def run(context: Context) -> Done:
    """Fingerprints of human clips -> which of them are copies."""
    return dedup(context.run, context.recipe)


HOP = Hop(
    name=NAME, doc="Fingerprints of human clips -> which of them are copies.", run=run,
    reads=("assets", "clips", "postings", "marks"), reads_beside="fingerprints of human clips",
    writes=("duplicates", "commons", "postings", "marks"), needs=("ingest",), lease=NAME, engine="Beam",
)  # fmt: skip


def dedup(run: Run, recipe: str) -> Done:
    """Compares every clip that was not compared yet with those that were; a batch is committed before the next."""
    done = Done(HOP.name)
    common: set[int] = set()
    with run.hold(HOP.lease) as held:
        objects.delete_below(objects.join(run.store.root, "staging", HOP.name))  # of killed runs: the lease is ours
        ranks = missing(run.store, recipe)

        def work(clips: Sequence[str]) -> tuple[Batch, list[Duplicate]]:
            batch = joined(run.store, {clip: ranks[clip] for clip in clips}, recipe)
            return batch, _run_beam(run, batch.found.shared, recipe) if batch.found.shared.num_rows else []

        def write(result: tuple[Batch, list[Duplicate]]) -> int:
            batch, rows = result
            held.check()
            done.add("duplicates", run.store.insert("duplicates", rows, run_id=run.run_id))
            held.check()
            commit(run, batch)
            common.update(batch.found.common)
            return len(batch.clips)

        batches = in_batches(((clip, 1) for clip in ranks), BATCH_CLIPS, BATCH_CLIPS)
        commit_in_batches(run, HOP.name, batches, one_by_one(work), write)
    if ranks:
        done.notes.append(f"{len(ranks)} clips compared")
    if common:
        done.notes.append(
            f"{len(common)} marks are on more than {MAX_COMPARED} clips, which were compared with {MAX_COMPARED} each"
        )
    return done


def missing(store: Store, recipe: str) -> dict[str, str]:
    """Human clips that were not compared yet, with their ranks."""
    corpus = Corpus(store, recipe)
    clips = corpus.clips()
    there = store.read("marks", ["clip_id"], f"version = '{version_of(recipe)}'")["clip_id"]
    new = pc.invert(pc.is_in(clips[CLIP.clip_id], value_set=there.combine_chunks()))
    clips = clips.filter(pc.and_(differs(clips[CLIP.stage], "robot"), new))
    assets = corpus.primary_assets()
    assets = assets.filter(pc.is_in(assets[ASSET.sha256], value_set=clips[CLIP.sha256].unique()))
    pixels = {
        sha256: width_px * height_px
        for sha256, width_px, height_px in zip(
            *(assets.values(ASSET.sha256), assets.values(ASSET.width_px), assets.values(ASSET.height_px)), strict=True
        )
    }
    return {
        clip.clip_id: index.rank_of(pixels[clip.sha256], clip.end_ns - clip.start_ns, clip.clip_id)
        for clip in clips.rows()
    }


@dataclass(frozen=True, slots=True)
class Batch:
    """Some clips on their way into the index: what they share with it, and their postings that it lacks."""

    clips: list[str]
    version: str
    found: Joined
    new: pa.Table


def joined(store: Store, ranks: Mapping[str, str], recipe: str) -> Batch:
    """Reads what is posted under the keys of these clips, and nothing else. ranks: by clip."""
    clips, version = list(ranks), version_of(recipe)
    prints = prints_of(store, clips, recipe)
    new = index.posted({c: fingerprints.find_marks(prints[c]) for c in clips if c in prints}, ranks, version)
    own = index.self_keys(clips, version).tolist()
    known = store.lookup("postings", "key", [*values_of(new["key"].unique(), int), *own], COLUMNS)
    ours = pc.is_in(known["clip_id"], value_set=pa.array(clips, pa.string()))  # posted by a run that was killed
    there = known.filter(ours)["clip_id"].unique()
    known = known.filter(pc.invert(ours))
    found = index.joined(new, known)
    if len(found.opened):
        rest = store.lookup("postings", "key", index.rest_keys(found.opened).tolist(), COLUMNS)
        rest = rest.filter(pc.invert(pc.is_in(rest["clip_id"], value_set=pa.array(clips, pa.string()))))
        found = found._replace(shared=index.with_rest(found, rest))
    absent = pc.invert(pc.is_in(new["clip_id"], value_set=there))
    left = [c for c in clips if c not in set(there.to_pylist())]
    return Batch(clips, version, found, index.rows_of(new.filter(absent), found.common, left, version))


def commit(run: Run, batch: Batch) -> None:
    """Children first: common keys and postings, then the rows that say that the clips were compared."""
    common = [
        CrowdedKey(common_id=key_of(key, rank), key=key, rank=rank, version=batch.version, run_id=run.run_id)
        for key, rank in batch.found.common.items()
    ]
    run.store.insert("commons", common, run_id=run.run_id)
    rows = batch.new.append_column("run_id", pa.repeat(run.run_id, batch.new.num_rows))
    run.store.append("postings", run.store.write_fragments("postings", rows.to_batches()), run_id=run.run_id)
    run.store.index("postings", "key")
    marks = [
        Compared(marks_id=key_of(clip, batch.version), clip_id=clip, version=batch.version, run_id=run.run_id)
        for clip in batch.clips
    ]
    run.store.insert("marks", marks, run_id=run.run_id)


def prints_of(store: Store, clips: Iterable[str], recipe: str) -> dict[str, Fingerprint]:
    """Fingerprints by clip; clips without a sample have none."""
    columns = ["clip_id", "recipe", "tiling", "fingerprints"]
    table = store.read_keys("clips", "clip_id", sorted(clips), columns)
    # Where a span was cut under several variants the last by name speaks: they differ in how it was turned.
    # Of several generations the newest speaks.
    age = pc.index_in(table["recipe"], value_set=pa.array(recipes_of(recipe)))
    table = table.append_column("age", age).filter(pc.is_valid(age))
    table = table.sort_by([("age", "descending"), ("tiling", "ascending")]).combine_chunks()
    words = table["fingerprints"]
    return {
        str(clip): fingerprints.fingerprint_of(words[i].values.to_numpy())
        for i, clip in enumerate(table["clip_id"].to_pylist())
        if words[i].is_valid
    }


def _run_beam(run: Run, shared: pa.Table, recipe: str) -> list[Duplicate]:
    """Marks by key, then votes by pair; the pairs whose votes agree are matched."""
    import apache_beam as beam

    worker = Matcher(run.store, run.run_id, recipe, staging(run, HOP.name))
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


def by_key(columns: dict[str, list[object]]) -> Iterator[tuple[int, Post]]:
    """Postings, keyed."""
    rows = zip(*(columns[c] for c in ("clip_id", "rank", "times", "marks", "new", "stands")), strict=True)
    yield from zip(columns["key"], rows, strict=True)


def votes(group: tuple[int, Iterable[Post]]) -> Iterator[tuple[Names, Vote]]:
    """For any two clips with this key, one of which is new and one of which stands for it."""
    posts = sorted(group[1], key=lambda post: (not post[5], post[0]))
    for i, a in enumerate(posts):
        if not a[5]:
            return
        for b in posts[i + 1 :]:
            if a[4] or b[4]:
                names = (a[0], b[0]) if a[0] < b[0] else (b[0], a[0])
                yield names, (min(a[2], b[2]), fingerprint_match.votes_needed(min(a[3], b[3]), RULE), min(a[1], b[1]))


def agreed(group: tuple[Names, Iterable[Vote]]) -> Iterator[tuple[Names, str]]:
    """Two clips, with the lesser rank, that have as many votes as are needed."""
    cast = list(group[1])
    if sum(vote[0] for vote in cast) >= cast[0][1]:
        yield group[0], cast[0][2]


@dataclass(slots=True)
class Seen:
    """A clip's fingerprint, with its marks."""

    made: Fingerprint
    marks: fingerprints.Marks = field(init=False)

    def __post_init__(self) -> None:
        self.marks = fingerprints.find_marks(self.made)


def pair_of(a: Seen, b: Seen, rule: fingerprint_match.MatchRule = RULE) -> fingerprint_match.Match | None:
    """What two clips alone say of one another."""
    at = np.nonzero(a.marks.keys[:, None] == b.marks.keys[None])
    fewer = min(len(a.marks.keys), len(b.marks.keys))
    near = fingerprint_match.offsets_to_try((a.marks.t_ns[at[0]] - b.marks.t_ns[at[1]]).tolist(), fewer, rule)
    return fingerprint_match.find_match(a.made, b.made, near, rule)


@dataclass(frozen=True, slots=True)
class Matcher:
    """What runs on Beam's workers."""

    store: Store
    run_id: str
    recipe: str
    staging: str

    def match(self, task: Sequence[tuple[Names, str]]) -> None:
        """Stages a row for each pair that are copies."""
        prints = prints_of(self.store, {clip for names, _ in task for clip in names}, self.recipe)
        seen = {clip: Seen(made) for clip, made in prints.items()}
        rows = [
            self._row(names, rank, found, seen)
            for names, rank in task
            if (found := pair_of(seen[names[0]], seen[names[1]])) is not None
        ]
        name = digest_of([names for names, _ in task])
        staged_as = objects.join(self.staging, f"{name}.json")
        objects.put(staged_as, json.dumps([dataclasses.asdict(r) for r in rows]).encode())

    def _row(self, names: Names, rank: str, found: fingerprint_match.Match, seen: Mapping[str, Seen]) -> Duplicate:
        a, b = (seen[name] for name in names)
        kind = "mirrored" if found.mirrored else "exact" if fingerprint_match.are_equal(a.made, b.made) else "near"
        version = version_of(self.recipe)
        return Duplicate(
            duplicate_id=key_of(*names, version), clip_a=names[0], clip_b=names[1], kind=kind,
            offset_ns=found.offset_ns, overlap_ns=found.overlap_ns, distance=found.distance,
            keys=index.shared_keys(a.marks, b.marks, version),
            needed=fingerprint_match.votes_needed(min(len(a.marks.keys), len(b.marks.keys)), RULE), rank=rank,
            version=version, run_id=self.run_id,
        )  # fmt: skip
