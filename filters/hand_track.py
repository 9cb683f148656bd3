"""From a clip's sampled frames to its hand track."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from filters import contact
from schemas.arrow import Json


class Detector(Protocol):
    """What finds hands in one picture: infra.models.mediapipe_hands.HandDetector."""

    def detect(self, rgb: NDArray[Any]) -> list[Json]:
        """uint8 (H, W, 3) -> dicts of HAND's fields without `sample` and `contact`."""
        ...


def track(frames: Sequence[NDArray[Any]], sample_ns: Sequence[int], detector: Detector) -> list[Json]:
    """Every hand of every sample, in order, with `sample` and `contact`: the `hands` of a schemas.Hands row.

    frames: the proxy's, uint8 RGB (H, W, 3), one size. What the detector saw is kept as it is, with false
    hands: a policy judges.
    """
    if len(frames) != len(sample_ns):
        raise ValueError(f"{len(frames)} frames for {len(sample_ns)} sample times")
    seen = [detector.detect(frame) for frame in frames]
    contacts = contact.evidence(frames, sample_ns, seen)
    return [
        {"sample": sample, **hand, "contact": value}
        for sample, (hands, values) in enumerate(zip(seen, contacts, strict=True))
        for hand, value in zip(hands, values, strict=True)
    ]
