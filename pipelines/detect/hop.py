"""detect: proxies -> hand tracks (Ray)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from filters import contact
from filters.hand_track import track_hands
from infra.storage.tables import Store
from pipelines.corpus.corpus import Corpus
from pipelines.corpus.inventory import CLIP
from pipelines.engines import actors
from pipelines.hop import Context, Done, Hop, Run, commit_in_batches, in_batches
from schemas import Hands
from schemas.arrow import table_of
from schemas.columns import differs
from schemas.keys import hands_key

NAME = "detect"


@dataclass(frozen=True, slots=True)
class DetectOptions:
    """What looks, and how many clips a task holds."""

    batch_clips: int = 32


def detector_version() -> str:
    """Names everything that shapes a hand track: the model, its weights and the evidence of contact."""
    from infra.models.mediapipe_hands import version

    return f"{version()}+{contact.VERSION}"


def run(context: Context) -> Done:
    """Proxies -> hand tracks."""
    return detect(context.run, context.recipe, context.get(DetectOptions))


HOP = Hop(
    name=NAME, doc="Proxies -> hand tracks.", run=run, reads=("assets", "clips", "proxies", "hands"),
    writes=("hands",), needs=("ingest", "fold"), lease=NAME, engine="Ray actors", alias="look",
)  # fmt: skip


def detect(run: Run, recipe: str, options: DetectOptions) -> Done:
    """Finds hands in every human clip that this detector has not seen; a batch is committed as it comes."""
    done = Done(HOP.name)
    detector = detector_version()
    with run.hold(HOP.lease) as held:
        todo = missing(run.store, recipe, detector)
        if not todo:
            return done
        pool = actors(run.ray, HandWorker, run.store, run.run_id)

        def work(batches: Sequence[Sequence[str]]) -> Iterable[pa.Table]:
            tables: Iterable[pa.Table] = pool.map_unordered(lambda actor, clips: actor.find.remote(clips), batches)
            return tables

        def commit(table: pa.Table) -> int:
            held.check()
            done.add("hands", run.store.insert("hands", table, run_id=run.run_id))
            return table.num_rows

        batches = in_batches(((clip, 1) for clip in todo), options.batch_clips, options.batch_clips)
        commit_in_batches(run, HOP.name, batches, work, commit)
    return done


def missing(store: Store, recipe: str, detector: str) -> list[str]:
    """Human clips without a hand track by this detector, by clip_row_id."""
    clips = Corpus(store, recipe).clips()
    human = clips.filter(differs(clips[CLIP.stage], "robot")).values(CLIP.clip_row_id)
    absent = set(store.absent("hands", [hands_key(clip, detector) for clip in human]))
    return [clip for clip in human if hands_key(clip, detector) in absent]


class HandWorker:
    """An actor: reads proxies by clip and runs the detector over them."""

    def __init__(self, store: Store, run_id: str) -> None:
        from infra.models.mediapipe_hands import LiteHandDetector

        cv2.setNumThreads(1)  # an actor is a core
        self.store, self.run_id, self.detector = store, run_id, LiteHandDetector()

    def find(self, clips: Sequence[str]) -> pa.Table:
        """Hand tracks of clips, a row each."""
        proxies = self.store.read_keys("proxies", "clip_row_id", clips)
        return table_of(Hands, [self._row(proxy) for proxy in proxies.to_pylist()])

    def _row(self, proxy: dict[str, Any]) -> Hands:
        frames = [frame_of(jpeg) for jpeg in proxy["jpegs"]]
        return Hands(
            hands_id=hands_key(proxy["clip_row_id"], detector_version()), clip_row_id=proxy["clip_row_id"],
            clip_id=proxy["clip_id"], detector=detector_version(), sample_ns=proxy["sample_ns"],
            hands=track_hands(frames, proxy["sample_ns"], self.detector), run_id=self.run_id,
        )  # fmt: skip


def frame_of(jpeg: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """RGB of a proxy's JPEG, uint8 (h, w, 3)."""
    return np.ascontiguousarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB), np.uint8)
