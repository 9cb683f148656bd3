"""Are two clips copies? Their fingerprints, laid over one another where marks agree, must move alike and look alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from filters.fingerprints import Fingerprint, Floats, Times, cells_at, mirror
from schemas.keys import stored_as
from schemas.spans import NS

VERSION = "matches-3"
BIN_NS = NS // 4
REACH_NS = NS // 4  # votes are counted in bins, and the steps of a trimmed copy are not its original's
STEP_NS = NS // 20
MIN_SAMPLES = 3


@dataclass(frozen=True, slots=True)
class MatchRule:
    """What makes two clips copies. Thresholds were chosen as docs/benchmarks/2026-11-22-near-duplicates.md tells."""

    max_distance: float = stored_as("distance_most", default=0.15)  # of an overlap of brief_ns and more
    # Of one of min_overlap_ns, rising to the other: a brief motion is soon like another.
    max_brief_distance: float = stored_as("brief_most", default=0.10)
    brief_ns: int = 2 * NS
    noise: float = 0.1  # of codecs, root mean square in levels: of changes so small it makes a part of the distance,
    max_noise: float = stored_as("noise_most", default=0.1)  # which is taken off up to here
    looks_weight: float = 20.0  # copies' mean pictures differ that much less than their changes
    # At a voted offset; no nearer one is tried beyond: looks change little within REACH_NS.
    max_looks: float = stored_as("looks_most", default=1.0)
    # Root mean square change in levels: a still has .004, and nothing to tell moments by.
    min_change: float = stored_as("change_least", default=0.12)
    max_votes: int = stored_as("votes_most", default=3)  # needed
    marks_a_vote: int = 24  # a clip with fewer needs one vote, one with fewer than twice as many two
    max_offsets: int = stored_as("offsets_most", default=3)
    # An overlap is half of the shorter clip, but never longer than the one and never shorter than the other.
    max_overlap_ns: int = stored_as("overlap_most_ns", default=3 * NS)
    min_overlap_ns: int = stored_as("overlap_least_ns", default=NS)


@dataclass(frozen=True, slots=True)
class Match:
    """A time in clip a is that in clip b plus the offset; distance: 0 for equal ones."""

    offset_ns: int
    overlap_ns: int
    distance: float
    mirrored: bool


def votes_needed(marks: int, rule: MatchRule) -> int:
    """How many votes must agree. marks: how many the clip with fewer has."""
    return min(rule.max_votes, 1 + marks // rule.marks_a_vote)


def offsets_to_try(votes_ns: Sequence[int], marks: int, rule: MatchRule) -> list[int]:
    """Offsets to try for clips that share a mark: those that enough votes agree on, the most voted first, and 0.

    At 0 lie the copies of one file that were cut alike, also where noise moved what little they share. marks: how many
    the clip with fewer has.
    """
    if not len(votes_ns):
        return []
    bins, counts = np.unique(np.round(np.asarray(votes_ns) / BIN_NS).astype(np.int64), return_counts=True)
    near = counts + np.array([counts[(bins == b - 1) | (bins == b + 1)].sum() for b in bins])
    enough = near >= votes_needed(marks, rule)
    order = np.lexsort((bins, -near))
    voted = [int(bins[i]) * BIN_NS for i in order if enough[i]][: rule.max_offsets]
    return voted if 0 in voted else [*voted, 0]


def max_distance_of(overlap_ns: int, rule: MatchRule) -> float:
    """The farthest that copies are apart which share so much."""
    share = (overlap_ns - rule.min_overlap_ns) / (rule.brief_ns - rule.min_overlap_ns)
    return rule.max_brief_distance + (rule.max_distance - rule.max_brief_distance) * min(1.0, share)


def find_match(a: Fingerprint, b: Fingerprint, near_ns: Sequence[int], rule: MatchRule) -> Match | None:
    """The best match at or near one of the offsets, in either orientation; None: no copies."""
    if min(len(a.t_ns), len(b.t_ns)) < 2:
        return None
    best: Match | None = None
    for other, flipped in ((b, False), (mirror(b), True)):
        near = [o for o in near_ns if not (at := _at(a, other, o, rule)) or at[1] <= rule.max_looks]
        tried = {o + d for o in near for d in range(-REACH_NS, REACH_NS + 1, STEP_NS)}
        for offset in sorted(tried, key=lambda o: (abs(o), o)):
            if (overlay := _at(a, other, offset, rule)) is None:
                continue
            distance, _, overlap_ns = overlay
            if distance > max_distance_of(overlap_ns, rule):
                continue
            if best is None or distance < best.distance:
                best = Match(offset, overlap_ns, distance, flipped)
    return best


def are_equal(a: Fingerprint, b: Fingerprint) -> bool:
    """Whether two fingerprints are equal, times included: other bytes of the very same frames."""
    return bool(np.array_equal(a.t_ns, b.t_ns) and np.array_equal(a.cells, b.cells))


def _at(a: Fingerprint, b: Fingerprint, offset_ns: int, rule: MatchRule) -> tuple[float, float, int] | None:
    """Distance, the part of it that looks make, and overlap in ns at one offset; None where that is too short."""
    b = Fingerprint(b.t_ns + offset_ns, b.cells)
    overlap_ns = min(_end(a.t_ns), _end(b.t_ns)) - max(int(a.t_ns[0]), int(b.t_ns[0]))
    shorter_ns = min(_end(p.t_ns) - int(p.t_ns[0]) for p in (a, b))
    if overlap_ns < max(rule.min_overlap_ns, min(rule.max_overlap_ns, shorter_ns // 2)):
        return None
    between = _midway(a.t_ns, b.t_ns)
    if len(between) < MIN_SAMPLES:
        return None
    x, y = cells_at(a, between), cells_at(b, between)
    mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
    looks = _correlation(mean_x - mean_x.mean(), mean_y - mean_y.mean(), 0.0)
    x, y = x - mean_x, y - mean_y
    moves = _correlation(x, y, rule.min_change)
    power = float(np.sqrt(np.mean(x**2) * np.mean(y**2)))
    moves += min(rule.max_noise, rule.noise**2 / power) if moves else 0.0
    apart = rule.looks_weight * (1 - looks)
    return round(max(0.0, 1 - moves + apart), 4), apart, overlap_ns


def _end(t_ns: Times) -> int:
    """When the last sample's turn ends."""
    return int(t_ns[-1] + np.median(np.diff(t_ns)))


def _midway(x_ns: Times, y_ns: Times) -> Times:
    """Times midway between y's samples and x's nearest, where both are known: interpolation then blurs both alike."""
    after = np.clip(np.searchsorted(x_ns, y_ns), 1, len(x_ns) - 1)
    nearest = np.where(y_ns - x_ns[after - 1] < x_ns[after] - y_ns, x_ns[after - 1], x_ns[after])
    t_ns = (nearest + y_ns) // 2
    return np.asarray(t_ns[(t_ns >= max(x_ns[0], y_ns[0])) & (t_ns <= min(x_ns[-1], y_ns[-1]))])


def _correlation(x: Floats, y: Floats, least: float) -> float:
    """Of two arrays without their means, -1..1; 0 where either's root mean square is not over `least`."""
    power = float(np.mean(x**2)), float(np.mean(y**2))
    return float(np.mean(x * y)) / float(np.sqrt(power[0] * power[1])) if min(power) > least**2 else 0.0
