"""Are two clips copies? Their fingerprints, laid over one another where marks agree, must move alike and look alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from filters.fingerprints import Floats, Print, Times, mirrored
from schemas.spans import NS

VERSION = "matches-1"
BIN_NS = NS // 4
REACH_NS = NS // 4  # a vote is off by up to a sample: the grids of a trimmed copy and its original differ
STEP_NS = NS // 20
LEAST_SAMPLES = 3


@dataclass(frozen=True, slots=True)
class Rule:
    """What makes two clips copies. Thresholds: tests/benchmarks/bench_duplicates.py chose them on half its clips."""

    distance_most: float = 0.22  # copies .17 and less; the nearest two attempts of one robot before one camera .31
    looks_weight: float = 20.0  # copies' mean pictures differ that much less than their changes
    change_least: float = 0.12  # root mean square change in levels: a still has .004, and nothing to tell moments by
    votes_least: int = 3
    few_marks: int = 8  # a clip with fewer needs one vote
    offsets_most: int = 3
    overlap_most_ns: int = 3 * NS  # never asked for more; half of the shorter clip, but
    overlap_least_ns: int = NS  # never less


@dataclass(frozen=True, slots=True)
class Match:
    """A time in clip a is that in clip b plus the offset; distance: 0 for equal ones."""

    offset_ns: int
    overlap_ns: int
    distance: float
    mirrored: bool


def offsets(votes_ns: Sequence[int], marks: int, rule: Rule) -> list[int]:
    """Offsets that enough votes agree on, the most voted first. marks: how many the clip with fewer has."""
    if not len(votes_ns):
        return []
    bins, counts = np.unique(np.round(np.asarray(votes_ns) / BIN_NS).astype(np.int64), return_counts=True)
    near = counts + np.array([counts[(bins == b - 1) | (bins == b + 1)].sum() for b in bins])
    enough = near >= (rule.votes_least if marks >= rule.few_marks else 1)
    order = np.lexsort((bins, -near))
    return [int(bins[i]) * BIN_NS for i in order if enough[i]][: rule.offsets_most]


def match(a: Print, b: Print, near_ns: Sequence[int], rule: Rule) -> Match | None:
    """The best match at or near one of the offsets, in either orientation; None: no copies."""
    if min(len(a.t_ns), len(b.t_ns)) < 2:
        return None
    best: Match | None = None
    tried = sorted({o + d for o in near_ns for d in range(-REACH_NS, REACH_NS + 1, STEP_NS)}, key=lambda o: (abs(o), o))
    for other, flipped in ((b, False), (mirrored(b), True)):
        for offset in tried:
            found = _at(a, other, offset, rule)
            if found is not None and (best is None or found[0] < best.distance):
                best = Match(offset, found[1], found[0], flipped)
    return best


def same(a: Print, b: Print) -> bool:
    """Whether two fingerprints are equal, times included: other bytes of the very same frames."""
    return bool(np.array_equal(a.t_ns, b.t_ns) and np.array_equal(a.cells, b.cells))


def _at(a: Print, b: Print, offset_ns: int, rule: Rule) -> tuple[float, int] | None:
    """Distance and overlap in ns at one offset; None where the rule is not met."""
    t_ns = b.t_ns + offset_ns
    overlap_ns = min(_end(a.t_ns), _end(t_ns)) - max(int(a.t_ns[0]), int(t_ns[0]))
    shorter_ns = min(_end(a.t_ns) - int(a.t_ns[0]), _end(t_ns) - int(t_ns[0]))
    if overlap_ns < max(rule.overlap_least_ns, min(rule.overlap_most_ns, shorter_ns // 2)):
        return None
    between = _midway(a.t_ns, t_ns)
    x, y = _interpolated(a.t_ns, a.cells, between), _interpolated(t_ns, b.cells, between)
    if len(between) < LEAST_SAMPLES:
        return None
    mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
    looks = _correlation(mean_x - mean_x.mean(), mean_y - mean_y.mean(), 0.0)
    moves = _correlation(x - mean_x, y - mean_y, rule.change_least)
    distance = (1 - moves) + rule.looks_weight * (1 - looks)
    return (round(max(0.0, distance), 4), overlap_ns) if distance <= rule.distance_most else None


def _end(t_ns: Times) -> int:
    """When the last sample's turn ends."""
    return int(t_ns[-1] + np.median(np.diff(t_ns)))


def _midway(x_ns: Times, y_ns: Times) -> Times:
    """Times midway between y's samples and x's nearest, where both are known: interpolation then blurs both alike."""
    after = np.clip(np.searchsorted(x_ns, y_ns), 1, len(x_ns) - 1)
    nearest = np.where(y_ns - x_ns[after - 1] < x_ns[after] - y_ns, x_ns[after - 1], x_ns[after])
    t_ns = (nearest + y_ns) // 2
    return t_ns[(t_ns >= max(x_ns[0], y_ns[0])) & (t_ns <= min(x_ns[-1], y_ns[-1]))]


def _interpolated(t_ns: Times, cells: Floats, at_ns: Times) -> Floats:
    """Cells at times between the first and the last sample, (len(at_ns), cells)."""
    after = np.clip(np.searchsorted(t_ns, at_ns, side="right"), 1, len(t_ns) - 1)
    share = ((at_ns - t_ns[after - 1]) / (t_ns[after] - t_ns[after - 1])).astype(np.float32)[:, None]
    flat = cells.reshape(len(t_ns), -1)
    return np.asarray(flat[after - 1] * (1 - share) + flat[after] * share, np.float32)


def _correlation(x: Floats, y: Floats, least: float) -> float:
    """Of two arrays without their means, -1..1; 0 where either's root mean square is not over `least`."""
    power = float(np.mean(x**2)), float(np.mean(y**2))
    return float(np.mean(x * y)) / float(np.sqrt(power[0] * power[1])) if min(power) > least**2 else 0.0
