"""Dissolves: a stretch of frames over which one picture becomes another, each of them a blend of its two ends.

Motion is no blend: what moves is in neither end where it is in between. An arm that comes leaves each pixel at one end
or the other: half a way through, the best blend misses by half of what differs, a dissolve's by a third at most.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

HALVES = (14, 9, 5)  # frames on either side of the middle, of the stretches looked at
REACH = max(HALVES)
# Chosen on seeded concatenations (docs/benchmarks/2026-11-22-cuts.md).
MIN_DIFFERENCE = 14.0  # mean difference of the ends, levels of 8-bit luma
MIN_UNLIKE = 0.4  # the same at zero mean and unit deviation: another light alone is no dissolve
MAX_MISSED = 0.33  # of what differs between the ends, which the blends in between miss, root mean square
BETWEEN, MIN_BETWEEN = (0.2, 0.8), 3  # shares of the last picture that count as in between, and how many frames have
MAX_BACKWARD, MAX_JUMP = 0.03, 0.35  # share by which a frame may go back, or ahead, of the one before it

Luma = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@dataclass(slots=True)
class DissolveState:
    """The frames that a score may rest on, newest last."""

    dark: int = -REACH - 1  # the last black frame, counted from the first
    frames: deque[Luma] = field(default_factory=lambda: deque(maxlen=2 * REACH + 1))
    count: int = 0
    scored: int = 0


def update(state: DissolveState, luma: Luma, black: bool) -> list[float]:
    """Takes the next frame's luma; returns the score of the frame REACH before it, once there is one.

    A score is what differs between the ends of the widest dissolve with this frame in its middle; 0: there is none, or
    it is so near a black frame that it may be a fade.
    """
    state.frames.append(luma)
    state.dark = state.count if black else state.dark
    state.count += 1
    return [_score(state)] if state.count > REACH else []


def finish(state: DissolveState) -> list[float]:
    """The scores of the last frames."""
    return [_score(state) for _ in range(state.count - state.scored)]


def _score(state: DissolveState) -> float:
    frames = state.frames
    at = len(frames) - (state.count - state.scored)
    state.scored += 1
    best = 0.0
    for half in HALVES:
        if state.count - state.dark <= len(frames) or not half <= at < len(frames) - half:
            continue
        first, middle, last = frames[at - half], frames[at], frames[at + half]
        difference = float(cv2.norm(first, last, cv2.NORM_L1)) / middle.size
        if difference < MIN_DIFFERENCE or difference <= best or not _between(first, middle, last):
            continue
        if _blends([frames[i] for i in range(at - half, at + half + 1)]) and _tells(first, last):
            best = difference
    return best


def _between(first: Luma, middle: Luma, last: Luma) -> bool:
    """Whether the frame in the middle alone is a blend of the others."""
    change, off = _difference(last, first), _difference(middle, first)
    power = float(change @ change)
    share = float(off @ change) / power
    return BETWEEN[0] < share < BETWEEN[1] and float(off @ off) - share**2 * power <= 1.5 * MAX_MISSED**2 * power


def _difference(a: Luma, b: Luma) -> Floats:
    return np.asarray(cv2.subtract(a, b, dtype=cv2.CV_32F), np.float32).ravel()


def _blends(lumas: Sequence[Luma]) -> bool:
    """Whether the share of the last picture grows frame by frame, is half in the middle, and explains the frames."""
    change, off = _difference(lumas[-1], lumas[0]), np.stack([_difference(luma, lumas[0]) for luma in lumas])
    power = float(change @ change)
    shares = off @ change / power
    steps = np.diff(shares)
    half = len(lumas) // 2
    if not shares[half - 1] < 0.5 <= shares[half] or steps.min() < -MAX_BACKWARD or steps.max() > MAX_JUMP:
        return False
    between = (shares > BETWEEN[0]) & (shares < BETWEEN[1])
    missed = (off[between] - shares[between, None] * change) ** 2
    return bool(between.sum() >= MIN_BETWEEN and np.sqrt(missed.sum(axis=1) / power).mean() <= MAX_MISSED)


def _tells(first: Luma, last: Luma) -> bool:
    """Whether two pictures show different things."""
    even = [(x - x.mean()) / max(float(x.std()), 2.0) for x in (first.astype(np.float32), last.astype(np.float32))]
    return float(np.abs(even[0] - even[1]).mean()) >= MIN_UNLIKE
