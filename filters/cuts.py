"""Shot cuts from tiny luma pictures, as a stream: each frame's answer is final AHEAD frames later."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from filters import dissolves
from filters.dissolves import REACH
from schemas.keys import stored_as

Luma = npt.NDArray[np.uint8]
VERSION = "luma-histogram-3"
AHEAD = 2 * REACH  # a dissolve is told REACH frames later, and compared with those REACH later
NEAR = 2  # frames looked at on either side of a hard cut
MIN_APART = 6  # frames from one cut to the next
BACK = 16  # frames before it to one of which a picture may return
BINS = 32  # of the histogram of 8-bit luma
BLACK, LIT = 0.01, 0.05  # share of pixels over GLOW under which a picture is black, and from which it is not any more
GLOW = 32
REPEAT = 0.3  # difference below which a frame is the last one again: codec noise
LOOSE = 0.5  # a shot's difference need stand out half as far as its shades


@dataclass(frozen=True, slots=True)
class CutOptions:
    """When a frame starts a shot. Differences are means of 8-bit luma, shares are of all pixels.

    A shot: much differs, other shades are there (an arm before the lens moves few shades), both stand out from what
    differs beside it (fast motion differs for long), and more than the light has changed. A jump within a shot: less
    differs, and stands out far. Neither returns to what was there before: a flash and a passing arm do. A picture
    that comes out of black starts a shot, and so does the middle of a dissolve (filters/dissolves.py). Chosen on seeded
    concatenations (docs/benchmarks/2026-11-22-cuts.md).
    """

    min_difference: float = stored_as("least", default=14.0)  # mean difference of luma, levels
    shades: float = 0.3  # share of pixels that changed their bin of the histogram
    ratio: float = 3.0  # of shades, against the mean of the neighbours
    beside: float = 1.5  # of shades, against the largest of them
    unlike: float = 0.4  # difference of the pictures at zero mean and unit deviation
    min_jump_difference: float = stored_as("least_jump", default=5.0)  # likewise, of a jump
    ratio_jump: float = 8.0  # of the difference
    beside_jump: float = 4.0  # likewise, against the largest of them
    unlike_jump: float = 0.08  # likewise, of the pictures
    returns: float = 0.5  # a picture nearer than this share of the difference is there again
    longest_s: float = 60.0  # a clip is closed after this, without a cut


@dataclass(frozen=True, slots=True)
class FrameChange:
    """A frame: its luma, its histogram, what differs from the frame before, whether it comes out of black or is."""

    luma: Luma
    histogram: npt.NDArray[np.float64]
    diff: float
    shades: float
    emerges: bool
    black: bool


@dataclass(slots=True)
class CutState:
    """The frames that an answer may rest on, newest last."""

    frames: deque[FrameChange] = field(default_factory=lambda: deque(maxlen=BACK + 1 + NEAR))
    lit: bool = False  # since the start
    black: bool = False  # after something was lit
    count: int = 0
    judged: int = 0  # as hard cuts
    last_cut: int = -MIN_APART  # the frame, counted from the first
    blends: dissolves.DissolveState = field(default_factory=dissolves.DissolveState)
    hard: deque[bool] = field(default_factory=deque)  # of the frames from REACH before the next answer on
    scores: deque[float] = field(default_factory=deque)  # as dissolves, of the same
    answered: int = 0


def update(state: CutState, luma: Luma, options: CutOptions) -> list[bool]:
    """Takes the next frame's luma (h, w), the same size throughout; returns the answers that became final, in order."""
    state.frames.append(_change_of(state, luma))
    state.count += 1
    if state.count > NEAR:
        state.hard.append(_hard(state, options))
    state.scores += dissolves.update(state.blends, luma, state.frames[-1].black)
    return [_answer(state)] if state.count > AHEAD else []


def finish(state: CutState, options: CutOptions) -> list[bool]:
    """The answers of the last frames."""
    state.hard += [_hard(state, options) for _ in range(state.count - state.judged)]
    state.scores += dissolves.finish(state.blends)
    return [_answer(state) for _ in range(state.count - state.answered)]


def _answer(state: CutState) -> bool:
    """Whether the oldest unanswered frame is a hard cut, or the middle of a dissolve that is far from any.

    Of the stretches within a dissolve the one whose ends differ most is it, the first of equal ones.
    """
    at = min(state.answered, REACH)
    starts = state.hard[at] or (state.scores[at] > 0 and _dissolves(state, at))
    state.answered += 1
    if at == REACH:
        state.hard.popleft()
        state.scores.popleft()
    return starts


def _dissolves(state: CutState, at: int) -> bool:
    hard, scores = (list(column)[: at + REACH + 1] for column in (state.hard, state.scores))
    first = scores[at] > max(scores[:at], default=0.0) and scores[at] >= max(scores[at:])
    return first and not any(hard)


def _change_of(state: CutState, luma: Luma) -> FrameChange:
    histogram = np.bincount(luma.ravel() >> 3, minlength=BINS) / luma.size
    glowing = float(histogram[GLOW * BINS // 256 :].sum())
    emerges = state.black and glowing >= LIT
    state.lit = state.lit or glowing >= LIT
    state.black = state.lit and not emerges and (state.black or glowing < BLACK)
    if not state.frames:
        return FrameChange(luma, histogram, 0.0, 0.0, False, glowing < LIT)
    last = state.frames[-1]
    shades = float(np.abs(histogram - last.histogram).sum()) / 2
    return FrameChange(luma, histogram, _difference(luma, last.luma), shades, emerges, glowing < LIT)


def _difference(a: Luma, b: Luma) -> float:
    return float(cv2.norm(a, b, cv2.NORM_L1)) / a.size


def _hard(state: CutState, options: CutOptions) -> bool:
    """Whether the oldest unjudged frame starts a shot: never the first, nor one less than MIN_APART from a cut."""
    number, at = state.judged, len(state.frames) - (state.count - state.judged)
    state.judged += 1
    if number == 0 or number - state.last_cut < MIN_APART:
        return False
    starts = state.frames[at].emerges or (_stands_out(state, at, options) and not _returns(state, at, options))
    state.last_cut = number if starts else state.last_cut
    return starts


def _stands_out(state: CutState, at: int, options: CutOptions) -> bool:
    """Whether this frame differs as a shot or a jump does."""
    frame, o = state.frames[at], options
    if frame.diff < min(o.min_difference, o.min_jump_difference):
        return False
    near = _beside(state, at)
    diffs, shades = [f.diff for f in near], [f.shades for f in near]
    shot = (
        frame.diff >= o.min_difference and frame.shades >= o.shades and _over(frame.shades, shades, o.ratio, o.beside)
    )
    shot = shot and _over(frame.diff, diffs, LOOSE * o.ratio, LOOSE * o.beside)
    jump = frame.diff >= o.min_jump_difference and _over(frame.diff, diffs, o.ratio_jump, o.beside_jump)
    if not (shot or jump):
        return False
    here, last, before = (state.frames[max(0, at - k)].luma for k in range(3))
    unlike = _unlike(here, last)
    if shot and unlike >= o.unlike:
        return True
    return jump and unlike >= max(o.unlike_jump, o.beside_jump * _unlike(last, before))


def _beside(state: CutState, at: int) -> list[FrameChange]:
    """NEAR frames on either side that are no repeats: slow video in a fast container shows each frame a few times."""
    first = max(0, len(state.frames) - state.count)  # where the recording's first frame stands: it differs from nothing
    frames = list(state.frames)
    before = [f for f in frames[max(first + 1, at - MIN_APART) : at] if f.diff >= REPEAT][-NEAR:]
    return before + [f for f in frames[at + 1 : at + 1 + NEAR] if f.diff >= REPEAT]


def _over(value: float, near: Sequence[float], ratio: float, beside: float) -> bool:
    """Whether a value is `ratio` times its neighbours' mean and `beside` times the largest."""
    return not near or (value >= ratio * sum(near) / len(near) and value >= beside * max(near))


def _unlike(a: Luma, b: Luma) -> float:
    """Mean difference of two pictures at zero mean and unit deviation: more light alone leaves it near 0."""
    even = [(x - x.mean()) / max(float(x.std()), 2.0) for x in (a.astype(np.float32), b.astype(np.float32))]
    return float(np.abs(even[0] - even[1]).mean())


def _returns(state: CutState, at: int, options: CutOptions) -> bool:
    """Whether this picture was there before, or the one before it comes again: a flash, or an arm that passed."""
    frames = [f.luma for f in state.frames]
    near = options.returns * state.frames[at].diff
    again = any(_difference(frames[at], frames[i]) < near for i in range(max(0, at - BACK), at - 1))
    return again or any(_difference(f, frames[at - 1]) < near for f in frames[at + 1 : at + 1 + NEAR])
