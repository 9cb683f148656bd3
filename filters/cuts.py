"""Shot cuts from tiny luma pictures, as a stream: each frame's answer is final two frames later."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Luma = npt.NDArray[np.uint8]
VERSION = "luma-adaptive-1"
AHEAD = 2  # frames looked at on either side


@dataclass(frozen=True, slots=True)
class CutOptions:
    """A cut differs much (least), and much more than its neighbours do (ratio); fast motion differs for long.

    A flash differs twice, there and back: a cut stands out from each of its neighbours (beside).
    """

    least: float = 14.0  # mean absolute difference of 8-bit luma
    ratio: float = 3.0  # against the mean of the neighbouring differences
    beside: float = 1.5  # against the largest of them
    longest_s: float = 60.0


@dataclass(slots=True)
class CutState:
    """Differences waiting for their neighbours."""

    last: Luma | None = None
    diffs: deque[float] = field(default_factory=deque)  # newest last
    seen: int = 0
    answered: int = 0


def update(state: CutState, luma: Luma, options: CutOptions) -> list[bool]:
    """Takes the next frame's luma (h, w), the same size throughout; returns the answers that became final, in order."""
    diff = 0.0 if state.last is None else float(np.abs(luma.astype(np.int16) - state.last).mean())
    state.last = luma
    state.diffs.append(diff)
    state.seen += 1
    return [_answer(state, options)] if state.seen > AHEAD else []


def finish(state: CutState, options: CutOptions) -> list[bool]:
    """The answers of the last frames."""
    return [_answer(state, options) for _ in range(state.seen - state.answered)]


def _answer(state: CutState, options: CutOptions) -> bool:
    """Whether the oldest unanswered frame starts a shot. Keeps AHEAD answered differences for its successors."""
    at = min(state.answered, AHEAD)
    diff = state.diffs[at]
    near = [state.diffs[i] for i in range(max(0, at - AHEAD), min(len(state.diffs), at + AHEAD + 1)) if i != at]
    state.answered += 1
    if state.answered > AHEAD:
        state.diffs.popleft()
    mean = sum(near) / len(near) if near else 0.0
    stands_out = diff >= options.ratio * mean and diff >= options.beside * max(near, default=0.0)
    return state.answered > 1 and diff >= options.least and stands_out
