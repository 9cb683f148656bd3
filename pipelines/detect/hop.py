"""detect: proxies -> hand tracks (Ray)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from infra.storage.lease import Lease
from infra.storage.tables import Store
from pipelines.corpus.corpus import Corpus
from pipelines.corpus.inventory import CLIP
from pipelines.detect.detectors import DETECTORS, Detector, find_detector
from pipelines.detect.worker import HandWorker
from pipelines.engines import actors
from pipelines.hop import Context, Done, Hop, Run, commit_in_batches, in_batches
from schemas.columns import differs
from schemas.keys import hands_key

NAME = "detect"


@dataclass(frozen=True, slots=True)
class DetectOptions:
    """What looks, and how many clips a task holds."""

    detectors: tuple[str, ...] = (DETECTORS[0].name,)  # each writes tracks; policy.detector names whose are judged
    batch_clips: int = 32  # clips in one commit


def run(context: Context) -> Done:
    """Find hands in the proxies of new human clips: hand tracks."""
    return detect(context.run, context.recipe, context.get(DetectOptions))


HOP = Hop(
    name=NAME, doc="Find hands in the proxies of new human clips: hand tracks.", run=run,
    reads=("assets", "clips", "proxies", "hands"),
    writes=("hands",), needs=("ingest", "fold"), lease=NAME, engine="Ray actors", alias="look",
)  # fmt: skip


def detect(run: Run, recipe: str, options: DetectOptions) -> Done:
    """Finds hands in every human clip that a detector has not seen; a batch is committed as it comes."""
    done = Done(HOP.name)
    detectors = [find_detector(name) for name in options.detectors]
    with run.hold(HOP.lease) as lease:
        for detector in detectors:
            clips = missing(run.store, recipe, detector.track_version)
            if clips:
                _detect_with(detector, run, clips, options.batch_clips, lease, done)
    return done


def _detect_with(
    detector: Detector, run: Run, clips: Sequence[str], batch_clips: int, lease: Lease, done: Done
) -> None:
    """One detector's tracks of clips, by clip_row_id."""
    pool = actors(run.ray, HandWorker, run.store, run.run_id, detector, resources=detector.resources)

    def work(batches: Sequence[Sequence[str]]) -> Iterable[pa.Table]:
        tables: Iterable[pa.Table] = pool.map_unordered(lambda actor, batch: actor.detect.remote(batch), batches)
        return tables

    def commit(table: pa.Table) -> int:
        lease.check()
        done.add("hands", run.store.insert("hands", table, run_id=run.run_id))
        return table.num_rows

    batches = in_batches(((clip, 1) for clip in clips), batch_clips, batch_clips)
    commit_in_batches(run, HOP.name, batches, work, commit)


def missing(store: Store, recipe: str, detector: str) -> list[str]:
    """Human clips without a hand track by this detector, by clip_row_id."""
    clips = Corpus(store, recipe).clips()
    human = clips.filter(differs(clips[CLIP.stage], "robot")).values(CLIP.clip_row_id)
    absent = set(store.absent("hands", [hands_key(clip, detector) for clip in human]))
    return [clip for clip in human if hands_key(clip, detector) in absent]
