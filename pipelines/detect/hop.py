"""look: proxies -> hand tracks (Ray)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from filters import contact
from filters.hand_track import track
from infra.storage.tables import Store
from pipelines.corpus.inventory import current_clips, inventory
from pipelines.engines import actors
from pipelines.hop import Done, Run, batches
from schemas import Hands
from schemas.arrow import table_of
from schemas.columns import differs, values_of
from schemas.keys import key_of

HOP = "look"


@dataclass(frozen=True, slots=True)
class LookOptions:
    """What looks, and how many clips a task holds."""

    batch_clips: int = 32


def detector_version() -> str:
    """Names everything that shapes a hand track: the model, its weights and the evidence of contact."""
    from infra.models.mediapipe_hands import version

    return f"{version()}+{contact.VERSION}"


def look(run: Run, recipe: str, options: LookOptions) -> Done:
    """Finds hands in every human clip that this detector has not seen; a batch is committed as it comes."""
    done = Done(HOP)
    detector = detector_version()
    with run.hold(HOP) as held:
        todo = missing(run.store, recipe, detector)
        if not todo:
            return done
        pool = actors(run.ray, Looker, run.store, run.run_id)
        groups = list(batches([(clip, 1) for clip in todo], options.batch_clips, options.batch_clips))
        finished = 0
        run.progress(HOP, 0, len(todo))
        for table in pool.map_unordered(lambda actor, group: actor.look.remote(group), groups):
            held.check()
            done.add("hands", run.store.insert("hands", table, run_id=run.run_id))
            finished += table.num_rows
            run.progress(HOP, finished, len(todo))
    return done


def missing(store: Store, recipe: str, detector: str) -> list[str]:
    """Human clips without a hand track by this detector, by clip_row_id."""
    clips = current_clips(store, inventory(store, recipe), recipe)
    human = values_of(clips.filter(differs(clips["stage"], "robot"))["clip_row_id"], str)
    absent = set(store.absent("hands", [key_of(clip, detector) for clip in human]))
    return [clip for clip in human if key_of(clip, detector) in absent]


class Looker:
    """An actor: reads proxies by clip and runs the detector over them."""

    def __init__(self, store: Store, run_id: str) -> None:
        from infra.models.mediapipe_hands import LiteHandDetector

        cv2.setNumThreads(1)  # an actor is a core
        self.store, self.run_id, self.detector = store, run_id, LiteHandDetector()

    def look(self, clips: Sequence[str]) -> pa.Table:
        """Hand tracks of clips, a row each."""
        proxies = self.store.read_keys("proxies", "clip_row_id", clips)
        return table_of(Hands, [self._row(proxy) for proxy in proxies.to_pylist()])

    def _row(self, proxy: dict[str, Any]) -> Hands:
        frames = [frame_of(jpeg) for jpeg in proxy["jpegs"]]
        return Hands(
            hands_id=key_of(proxy["clip_row_id"], detector_version()), clip_row_id=proxy["clip_row_id"],
            clip_id=proxy["clip_id"], detector=detector_version(), sample_ns=proxy["sample_ns"],
            hands=track(frames, proxy["sample_ns"], self.detector), run_id=self.run_id,
        )  # fmt: skip


def frame_of(jpeg: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """RGB of a proxy's JPEG, uint8 (h, w, 3)."""
    return np.ascontiguousarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB), np.uint8)
