"""Rows of hand tracks, what one detector found in a clip; and what a detector is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypedDict

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas.arrow import Json, column

# Boxes and key points are relative to the picture: x by its width, y by its height.
HAND = pa.struct(
    [
        ("sample", pa.int32()),  # index into sample_ns
        ("side", pa.string()),  # left, right
        ("side_score", pa.float32()),
        ("score", pa.float32()),  # of the detection, 0..1
        ("presence", pa.float32()),  # of a hand in the crop, 0..1
        ("x0", pa.float32()),
        ("y0", pa.float32()),
        ("x1", pa.float32()),
        ("y1", pa.float32()),
        ("keypoints", pa.list_(pa.float32())),  # 42: x, y of 21 points, MediaPipe's order
        ("contact", pa.float32()),  # evidence that it handles something, 0..1; null: not measured
    ]
)


class StoredHand(TypedDict):
    """One hand of one sample: HAND's fields."""

    sample: int
    side: str
    side_score: float
    score: float
    presence: float
    x0: float
    y0: float
    x1: float
    y1: float
    keypoints: list[float]
    contact: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """A clip's hand track by one detector. No hands: an empty list, which is a finding."""

    hands_id: str = column("key_of(clip_row_id, detector)")
    clip_row_id: str = column("clips.clip_row_id: whose proxy was looked at")
    clip_id: str = column("clips.clip_id")
    detector: str = column("name, version and weights")
    sample_ns: list[int] = column("the proxy's times that were looked at", pa.list_(pa.int64()))
    hands: list[Json] = column("every hand of every sample", pa.list_(HAND))
    run_id: str = column("provenance")


@dataclass(frozen=True, slots=True)
class Resources:
    """What one worker with a model holds while it works: an engine places workers by it."""

    num_cpus: float = 1.0
    num_gpus: float = 0.0


class HandDetector(Protocol):
    """Finds hands in pictures; made once a worker. Equal frames give equal hands."""

    @property
    def version(self) -> str:
        """Names model, weights and thresholds: what finds other hands has another version."""
        ...

    def find_hands(self, frames: Sequence[NDArray[np.uint8]]) -> list[list[Json]]:
        """The hands of each frame, best first: dicts of HAND's fields without `sample` and `contact`.

        frames: uint8 RGB (H, W, 3), one size. Box and key points are relative to the picture; the box is the bounds of
        the key points clipped to the picture, key points may lie outside.
        """
        ...
