"""Marks of an audit, summed as they come: by metric, axis value and cluster, in memory that grows with neither time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from pipelines.audits.intervals import Estimate, ratio

ALL = ("", "")  # the axis and value of every mark
Cluster = tuple[str, str]  # wearer, recording
Axes = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Metric:
    """What is measured. Shares lie in 0..1; of errors less is better."""

    name: str
    doc: str
    share: bool = True
    less_is_better: bool = False
    unit: str = ""


@dataclass(slots=True)
class Sums:
    """What one cluster adds to one metric."""

    got: float = 0.0
    of: float = 0.0
    n: int = 0


@dataclass(slots=True)
class Tally:
    """Marks by (metric, axis, value) and cluster. The order of marks does not matter."""

    sums: dict[tuple[str, str, str], dict[Cluster, Sums]] = field(default_factory=dict)

    def add(self, metric: str, got: float, of: float, cluster: Cluster, axes: Axes, n: int = 1) -> None:
        """A mark: `got` of `of`, n cases; it counts in total and under each of its axes."""
        for axis, value in (ALL, *axes.items()):
            place = self.sums.setdefault((metric, axis, value), {}).setdefault(cluster, Sums())
            place.got += got
            place.of += of
            place.n += n

    def estimate(self, metric: Metric, axis: str = "", value: str = "") -> Estimate:
        """The metric's ratio of sums, drawn by wearer; by recording where there is one wearer only."""
        by_pair = self.sums.get((metric.name, axis, value), {})
        which = 0 if len({wearer for wearer, _ in by_pair}) > 1 else 1
        grouped: dict[str, list[Sums]] = {}
        for pair in sorted(by_pair):
            grouped.setdefault(pair[which], []).append(by_pair[pair])
        rows = [[sum(s.got for s in group), sum(s.of for s in group)] for group in grouped.values()]
        cases = sum(s.n for s in by_pair.values())
        return ratio(np.array(rows, np.float64).reshape(-1, 2), cases, share=metric.share)

    def metrics(self, metrics: Iterable[Metric]) -> dict[str, Estimate]:
        """Every metric over all marks."""
        return {m.name: self.estimate(m) for m in metrics}

    def by(self, metrics: Iterable[Metric]) -> dict[str, dict[str, dict[str, Estimate]]]:
        """{axis: {value: {metric: estimate}}}, metrics without a mark there left out."""
        out: dict[str, dict[str, dict[str, Estimate]]] = {}
        wanted = {m.name: m for m in metrics}
        for name, axis, value in sorted(self.sums, key=lambda k: (k[1], _order(k[2]), k[0])):
            if axis and name in wanted:
                out.setdefault(axis, {}).setdefault(value, {})[name] = self.estimate(wanted[name], axis, value)
        return out


def _order(value: str) -> tuple[int, float, str]:
    """Bins by their numbers, words by the alphabet."""
    number = re.match(r"(under )?(\d+(?:\.\d+)?)(?: |$)", value)
    return (0, float(number[2]) - bool(number[1]), value) if number else (1, 0.0, value)
