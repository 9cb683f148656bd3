"""How sure a number is: cluster bootstrap with percentile limits, on sums, so that nothing is held in memory.

Field and Welsh, "Bootstrapping clustered data" (2007, the randomized cluster bootstrap): whole wearers are drawn
with replacement, since frames of one wearer tell the same. Limits are the 2.5 and 97.5 percentiles of the draws.
A share that is 0 or 1 in every cluster has no spread to draw from: its limit is Clopper and Pearson's (1934) for as
many trials as there are clusters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DRAWS = 1000
SEED = 7
LIMITS = 2.5, 97.5  # percentiles


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its limits. Unknown is None: no case at all, or a single cluster, which shows no spread."""

    estimate: float | None
    low: float | None
    high: float | None
    n: int  # cases

    def plain(self) -> dict[str, float | int | None]:
        """As `--json` prints it."""
        return {"estimate": self.estimate, "low": self.low, "high": self.high, "n": self.n}


@lru_cache(maxsize=64)
def times_drawn(clusters: int, draws: int = DRAWS, seed: int = SEED) -> Floats:
    """(draws, clusters): how often each cluster is in each draw."""
    rng = np.random.default_rng([seed, clusters])
    times = rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=draws).astype(np.float64)
    times.setflags(write=False)
    return times


def of_sums(sums: Floats, statistic: Callable[[Floats], Floats], n: int, *, share: bool) -> Estimate:
    """Interval of a statistic of sums.

    sums: (clusters, k), what each cluster adds; statistic: (..., k) summed -> (...), nan where it is not defined.
    share: it lies in 0..1, and clusters without spread get Clopper and Pearson's limit.
    """
    if not len(sums):
        return Estimate(None, None, None, n)
    estimate = float(statistic(sums.sum(axis=0)))
    if np.isnan(estimate):
        return Estimate(None, None, None, n)
    each = statistic(sums)
    each = each[~np.isnan(each)]
    if share and estimate in (0.0, 1.0) and bool((each == estimate).all()):
        limit = 0.025 ** (1 / len(each))
        return _rounded(estimate, limit, 1.0, n) if estimate else _rounded(estimate, 0.0, 1 - limit, n)
    if len(each) < 2:
        return Estimate(round(estimate, 6), None, None, n)
    drawn = statistic(times_drawn(len(sums)) @ sums)
    low, high = np.percentile(drawn[~np.isnan(drawn)], LIMITS)
    return _rounded(estimate, min(float(low), estimate), max(float(high), estimate), n)


def ratio(sums: Floats, n: int, *, share: bool = True) -> Estimate:
    """Interval of one sum over the other; sums: (clusters, 2), numerator and denominator."""
    return of_sums(sums, over, n, share=share)


def over(sums: Floats) -> Floats:
    """(..., 2) -> (...): the first over the second, nan where that is 0."""
    top, bottom = sums[..., 0], sums[..., 1]
    return np.asarray(np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom != 0))


def median(values: Sequence[float], clusters: Sequence[str]) -> Estimate:
    """Interval of the median (the lower one of an even number) of values that belong to clusters, in any order."""
    if not values:
        return Estimate(None, None, None, 0)
    order = np.argsort(values, kind="stable")
    ordered = np.asarray(values, np.float64)[order]
    names, codes = np.unique(np.asarray(clusters, str), return_inverse=True)
    estimate = float(ordered[(len(ordered) - 1) // 2])
    if len(names) < 2:
        return Estimate(round(estimate, 6), None, None, len(values))
    weights = times_drawn(len(names))[:, codes[order]].cumsum(axis=1)
    at = (weights >= weights[:, -1:] / 2).argmax(axis=1)
    low, high = np.percentile(ordered[at], LIMITS)
    return _rounded(estimate, min(float(low), estimate), max(float(high), estimate), len(values))


def _rounded(estimate: float, low: float, high: float, n: int) -> Estimate:
    return Estimate(round(estimate, 6), round(low, 6), round(high, 6), n)
