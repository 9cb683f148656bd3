"""Whether rows and frames of one number are of one moment: the change of the rows against the motion of the picture.

A robot that moves changes its state and its picture at once, but for the latency of its camera. Where the two fit best
some frames apart, rows and frames are shifted: a start that was cut of the one, and as much of the end of the other.
The confidence is a block bootstrap's (Kuensch 1989; the stretches are drawn with replacement, so that what holds of a
few of them alone does not count): the best lag lies on one side of what honest logs show in all but one of 400 draws.
docs/decisions/0044-frame-and-row.md has what it told, and did not tell, of real logs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.floating]
Sums = npt.NDArray[np.float64]

FEWEST_ROWS = 24
REACH_S, LEAST_REACH = 1.5, 24  # how far apart they are tried: s, and frames at least; never over a third of the rows
HONEST_S, LEAST_HONEST = 0.15, 2  # latency of cameras and drives: s, and frames at least
LEAST_FIT = 0.3  # correlation at the best lag below which motion tells nothing
LEAST_GAIN = 0.1  # by which it is above the best within what is honest
BLOCK_ROWS, MOST_BLOCKS = 8, 100
DRAWS, STRAY_DRAWS = 400, 1  # and how many of them may say otherwise, at either end
_NO_FIT = -1.0


@dataclass(frozen=True, slots=True)
class Lag:
    """Frames from a change of the rows to the picture's motion (positive: the picture is later), and how sure that is.

    low, high: the lag in all but STRAY_DRAWS of the draws at either end. fit: correlation at the lag; fit_at_none: at
    lag 0; honest: the lag in frames up to which latency explains it, and fit_honest the best fit within.
    """

    frames: int
    low: int
    high: int
    fit: float
    fit_at_none: float
    honest: int
    fit_honest: float

    @property
    def is_shift(self) -> bool:
        """Whether no latency explains it."""
        beyond = self.low > self.honest or self.high < -self.honest
        return beyond and self.fit - self.fit_honest >= LEAST_GAIN

    @property
    def is_latency(self) -> bool:
        """Whether all but the stray draws are within what latency explains."""
        return -self.honest <= self.low and self.high <= self.honest

    def is_plainly_better(self, other: Lag | None, apart: int) -> bool:
        """Whether rows fit here but for latency, and fit less at a place where the lag is `apart` frames more."""
        if abs(self.frames) > self.honest:
            return False
        if other is None:
            return self.fit_honest - LEAST_FIT >= LEAST_GAIN
        agrees = abs(other.frames - apart - self.frames) <= LEAST_HONEST
        return agrees and self.fit_honest - other.fit_honest >= LEAST_GAIN

    def words(self) -> str:
        """For people."""
        count = f"{abs(self.frames)} frame" + ("s" if abs(self.frames) != 1 else "")
        side = "after" if self.frames >= 0 else "before"
        return (
            f"the picture moves {count} {side} the rows change ({self.low} to {self.high} in "
            f"{100 - 100 * STRAY_DRAWS / DRAWS:g} % of {DRAWS} draws of its stretches), correlation {self.fit:.2f}, "
            f"at no lag {self.fit_at_none:.2f}"
        )


def change_of(states: Values | None, actions: Values | None) -> npt.NDArray[np.float64] | None:
    """How much each row differs from the one before, float64 (T,), the first 0; of the state, else of the action.

    Each axis in its own usual step (root mean square), so that metres and degrees weigh the same; axes that stand
    still do not count. A row that lacks its reading changes by 0. None: nothing moves.
    """
    values = states if states is not None else actions
    if values is None or len(values) < 2:
        return None
    steps = np.abs(np.diff(values.astype(np.float64), axis=0))
    steps[~np.isfinite(steps)] = 0
    usual = np.sqrt((steps**2).mean(axis=0))
    largest = np.where(np.isfinite(values), np.abs(values), 0).max(axis=0)
    moving = usual > 1e-9 * (largest + 1e-12)
    if not moving.any():
        return None
    return np.concatenate([[0.0], (steps[:, moving] / usual[moving]).mean(axis=1)])


def measured(change: Values, motion: Values, fps_hz: float) -> Lag | None:
    """The lag between the rows' change (T,) and their frames' motion (T,), which is NaN where no frame was decoded.

    None: it tells nothing, since there is too little of it, one of the two stands still, or they do not fit each other.
    """
    there = np.isfinite(motion)
    count = int(np.argmin(there)) if not there.all() else len(motion)
    if count < FEWEST_ROWS + 1:
        return None
    rows, picture = np.sqrt(change[1:count]), np.sqrt(motion[1:count].astype(np.float64))
    reach = min(max(LEAST_REACH, round(REACH_S * fps_hz)), len(rows) // 3)
    honest = max(LEAST_HONEST, math.ceil(HONEST_S * fps_hz))
    if min(rows.std(), picture.std()) < 1e-6 or reach <= honest:
        return None
    fits = _fits(rows - rows.mean(), picture - picture.mean(), reach)
    best = int(fits[0].argmax())
    if fits[0, best] < LEAST_FIT:
        return None
    drawn = np.sort(fits[1:].argmax(axis=1) - reach)
    return Lag(
        frames=best - reach, low=int(drawn[STRAY_DRAWS]), high=int(drawn[-1 - STRAY_DRAWS]),
        fit=float(fits[0, best]), fit_at_none=float(fits[0, reach]), honest=honest,
        fit_honest=float(fits[0, reach - honest : reach + honest + 1].max()),
    )  # fmt: skip


def _fits(rows: Sums, picture: Sums, reach: int) -> Sums:
    """Correlations (1 + DRAWS, 2 reach + 1) at lags -reach..reach: of all stretches, then of each draw of them."""
    starts = np.arange(0, len(rows), max(BLOCK_ROWS, -(-len(rows) // MOST_BLOCKS)))
    x, y = rows[:, None], _beside(picture, reach)
    there = _beside(np.ones(len(rows)), reach)
    terms = (there, x * there, y, x * x * there, y * y, x * y)
    sums = [np.add.reduceat(term, starts, axis=0) for term in terms]  # (stretches, lags)
    drawn = np.random.default_rng(0).multinomial(len(starts), np.full(len(starts), 1 / len(starts)), DRAWS)
    weights = np.vstack([np.ones(len(starts)), drawn])
    n, sx, sy, sxx, syy, sxy = (weights @ one for one in sums)
    spread = np.maximum(n * sxx - sx * sx, 0) * np.maximum(n * syy - sy * sy, 0)
    varies = spread > 1e-9 * np.maximum(n, 1) ** 4 * rows.var() * picture.var()
    return np.where(varies, (n * sxy - sx * sy) / np.sqrt(np.where(varies, spread, 1)), _NO_FIT)


def _beside(values: Sums, reach: int) -> Sums:
    """(T, 2 reach + 1) The values from `reach` before each row to as many behind it; 0 where there is none."""
    return np.lib.stride_tricks.sliding_window_view(np.pad(values, reach), 2 * reach + 1)
