"""From a clip's sampled frames to its hand track."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from filters import contact
from schemas.arrow import Json
from schemas.hands import HandDetector


def track_hands(frames: Sequence[NDArray[np.uint8]], sample_ns: Sequence[int], detector: HandDetector) -> list[Json]:
    """Every hand of every sample, in order, with `sample` and `contact`: the `hands` of a schemas.Hands row.

    frames: the proxy's, uint8 RGB (H, W, 3), one size. What the detector finds stays as it is, with false
    hands: a policy judges.
    """
    if len(frames) != len(sample_ns):
        raise ValueError(f"{len(frames)} frames for {len(sample_ns)} sample times")
    hands = detector.find_hands(frames)
    contacts = contact.measure_contact(frames, sample_ns, hands)
    return [
        {"sample": sample, **hand, "contact": value}
        for sample, (of_sample, values) in enumerate(zip(hands, contacts, strict=True))
        for hand, value in zip(of_sample, values, strict=True)
    ]
