"""One worker of detect: reads proxies by clip and runs one detector over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from filters.hand_track import track_hands
from infra.storage.tables import Store
from pipelines.detect.detectors import Detector
from schemas import Hands
from schemas.arrow import table_of
from schemas.keys import hands_key
from schemas.tables import TypedTable


@dataclass(frozen=True, slots=True)
class ClipProxy:
    """What is read of a clip's proxy."""

    clip_row_id: str
    clip_id: str
    sample_ns: list[int]
    jpegs: list[bytes]


class HandWorker:
    """An actor that holds one detector."""

    def __init__(self, store: Store, run_id: str, detector: Detector) -> None:
        cv2.setNumThreads(1)  # an actor is a core
        self.store, self.run_id = store, run_id
        self.version, self.detector = detector.track_version, detector.open()

    def detect(self, clips: Sequence[str]) -> pa.Table:
        """Hand tracks of clips, a row each. clips: by clip_row_id."""
        proxies = TypedTable(ClipProxy, self.store.read_keys("proxies", "clip_row_id", clips)).rows()
        return table_of(Hands, [self._row(proxy) for proxy in proxies])

    def _row(self, proxy: ClipProxy) -> Hands:
        frames = [frame_of(jpeg) for jpeg in proxy.jpegs]
        return Hands(
            hands_id=hands_key(proxy.clip_row_id, self.version), clip_row_id=proxy.clip_row_id,
            clip_id=proxy.clip_id, detector=self.version, sample_ns=proxy.sample_ns,
            hands=track_hands(frames, proxy.sample_ns, self.detector), run_id=self.run_id,
        )  # fmt: skip


def frame_of(jpeg: bytes) -> NDArray[np.uint8]:
    """RGB of a proxy's JPEG, uint8 (h, w, 3)."""
    return np.ascontiguousarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB), np.uint8)
