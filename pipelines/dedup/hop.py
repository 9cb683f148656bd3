"""dedup: fingerprints of human clips -> which of them are copies (Beam): a shuffle by what copies share.

New clips are joined with the index of known ones, `postings`, by key: no pair is looked at that shares none. A robot's
attempts are not compared: they look alike and are not copies, and its inverse dynamics model takes all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from filters.duplicates import MAX_COMPARED
from infra.storage import objects
from infra.storage.tables import Store
from pipelines.corpus.corpus import Corpus
from pipelines.corpus.duplicates import version_of
from pipelines.corpus.inventory import ASSET, CLIP
from pipelines.dedup import index
from pipelines.dedup.batch import Batch, read_batch
from pipelines.dedup.matcher import match_clips
from pipelines.hop import Context, Done, Hop, Run, commit_in_batches, in_batches, one_by_one
from schemas import Compared, CrowdedKey, Duplicate
from schemas.columns import differs
from schemas.keys import compared_key, crowded_key

NAME = "dedup"
BATCH_CLIPS = 4000


def run(context: Context) -> Done:
    """Find which human clips are copies of each other."""
    return dedup(context.run, context.recipe)


HOP = Hop(
    name=NAME, doc="Find which human clips are copies of each other.", run=run,
    reads=("assets", "clips", "postings", "marks"), reads_beside="fingerprints of human clips",
    writes=("duplicates", "commons", "postings", "marks"), needs=("ingest",), lease=NAME, engine="Beam",
)  # fmt: skip


def dedup(run: Run, recipe: str) -> Done:
    """Compares every clip that was not compared yet with those that were; a batch is committed before the next."""
    done = Done(HOP.name)
    crowded: set[int] = set()
    with run.hold(HOP.lease) as lease:
        objects.delete_below(objects.join(run.store.root, "staging", HOP.name))  # of killed runs: the lease is ours
        ranks = missing(run.store, recipe)

        def work(clips: Sequence[str]) -> tuple[Batch, list[Duplicate]]:
            batch = read_batch(run.store, {clip: ranks[clip] for clip in clips}, recipe)
            return batch, match_clips(
                run, HOP.name, batch.joined.shared, recipe
            ) if batch.joined.shared.num_rows else []

        def write(result: tuple[Batch, list[Duplicate]]) -> int:
            batch, rows = result
            lease.check()
            done.add("duplicates", run.store.insert("duplicates", rows, run_id=run.run_id))
            lease.check()
            commit(run, batch)
            crowded.update(batch.joined.crowded)
            return len(batch.clips)

        batches = in_batches(((clip, 1) for clip in ranks), BATCH_CLIPS, BATCH_CLIPS)
        commit_in_batches(run, HOP.name, batches, one_by_one(work), write)
    if ranks:
        done.notes.append(f"{len(ranks)} clips compared")
    if crowded:
        done.notes.append(
            f"{len(crowded)} marks are on more than {MAX_COMPARED} clips, which were compared with {MAX_COMPARED} each"
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


def commit(run: Run, batch: Batch) -> None:
    """Children first: common keys and postings, then the rows that say that the clips were compared."""
    crowded = [
        CrowdedKey(common_id=crowded_key(key, rank), key=key, rank=rank, version=batch.version, run_id=run.run_id)
        for key, rank in batch.joined.crowded.items()
    ]
    run.store.insert("commons", crowded, run_id=run.run_id)
    rows = batch.new.append_column("run_id", pa.repeat(run.run_id, batch.new.num_rows))
    run.store.append("postings", run.store.write_fragments("postings", rows.to_batches()), run_id=run.run_id)
    run.store.index("postings", "key")
    compared = [
        Compared(marks_id=compared_key(clip, batch.version), clip_id=clip, version=batch.version, run_id=run.run_id)
        for clip in batch.clips
    ]
    run.store.insert("marks", compared, run_id=run.run_id)
