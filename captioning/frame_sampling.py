"""Which of a clip's sampled frames a model sees."""

from __future__ import annotations

from collections.abc import Sequence


def frames_of(sample_ns: Sequence[int], start_ns: int, end_ns: int, max_frames: int) -> list[int]:
    """Indices into sample_ns, rising: at most `max_frames` of the samples in [start_ns, end_ns), spread evenly.

    The span is cut in equal parts and the middle sample of each is taken; all of them where there are no
    more than `max_frames`. Empty where the span holds no sample or max_frames is 0.
    """
    inside = [i for i, t in enumerate(sample_ns) if start_ns <= t < end_ns]
    if len(inside) <= max_frames:
        return inside
    return [inside[(2 * k + 1) * len(inside) // (2 * max_frames)] for k in range(max_frames)]
