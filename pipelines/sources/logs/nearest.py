"""Readings at the times of rows: of each axis the nearest message that has it, within a tolerance, else NaN."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infra.readers.topics import Series

PERIODS = 1.5  # of a topic's median: a reading farther from its row than that was lost, not late
PICTURE_PERIODS = 0.75  # half a period is as far as rows and pictures can lie apart where none is missing

Times = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Readings:
    """values: float64 (T, A), NaN where there is none near. missing: rows that lack an axis; tolerance_ns as used."""

    values: Values
    missing: npt.NDArray[np.bool_]
    tolerance_ns: int


def median_period_ns(times: Times) -> int:
    """Between messages of different times; 0 where there are fewer than two."""
    apart = np.diff(np.unique(times))
    return int(np.median(apart)) if len(apart) else 0


def nearest(times: Times, rows: Times) -> tuple[npt.NDArray[np.int64], Times]:
    """Index of the nearest of the sorted times, the earlier of two, and how far it is, int64 (T,) each."""
    right = np.searchsorted(times, rows).clip(0, len(times) - 1)
    left = (right - 1).clip(0)
    at = np.where(np.abs(times[left] - rows) <= np.abs(times[right] - rows), left, right)
    return at, np.abs(times[at] - rows)


def readings_at(series: Series, times: Times, axes: list[int], rows: Times) -> Readings:
    """The axes at the rows' times. times: int64 (N,), when each message happened.

    A message may have some of a robot's axes (two publishers on one topic): each axis has its own nearest message.
    """
    tolerance_ns = round(PERIODS * median_period_ns(times))
    values = np.full((len(rows), len(axes)), np.nan)
    order = np.argsort(times, kind="stable")
    columns = np.array(axes, int)
    near = np.zeros(values.shape, bool)
    for present in np.unique(series.has[:, columns], axis=1).T if len(series.has) else ():
        mine = (series.has[:, columns] == present[:, None]).all(axis=0)
        messages = order[present[series.layouts[order]]]
        if not len(messages):
            continue
        at, apart = nearest(times[messages], rows)
        is_near = apart <= tolerance_ns
        values[np.ix_(is_near, mine)] = series.values[np.ix_(messages[at[is_near]], columns[mine])]
        near[np.ix_(is_near, mine)] = True
    missing = np.asarray(~near.all(axis=1), np.bool_)
    return Readings(values, missing, tolerance_ns)
