"""Readings at rows: the nearest message that has the axis, never one that is farther than the tolerance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.readers.topics import Series
from pipelines.sources.logs.nearest import PERIODS, median_period_ns, nearest, readings_at

TIMES = st.lists(st.integers(0, 10_000), min_size=1, max_size=30)


def series_of(times: list[int], axes_of: list[int]) -> Series:
    """One axis or the other, or both, by message; each value is the message's number."""
    layouts = np.array([[True, True], [True, False], [False, True]])
    has = layouts[np.array(axes_of, int)]
    values = np.where(has, np.arange(len(times), dtype=float)[:, None], np.nan)
    return Series(
        topic="/q", type="", stamps_ns=np.array(times), log_ns=np.array(times), axes=("a", "b"), values=values,
        layouts=np.array(axes_of, int), has=layouts, texts=(), form="", left_out={},
    )  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 2)), min_size=2, max_size=30), TIMES)
@pytest.mark.slow
def test_each_axis_has_its_own_nearest_within_the_tolerance(sent: list[tuple[int, int]], rows: list[int]) -> None:
    times = np.array([t for t, _ in sent])
    series = series_of([t for t, _ in sent], [axes for _, axes in sent])
    readings = readings_at(series, times, [0, 1], np.array(rows))
    assert readings.tolerance_ns == round(PERIODS * median_period_ns(times))
    for row, t in enumerate(rows):
        for axis in (0, 1):
            mine = [i for i, (_, axes) in enumerate(sent) if series.has[axes, axis]]
            apart = min((abs(int(times[i]) - t) for i in mine), default=1 << 60)
            value = readings.values[row, axis]
            if apart > readings.tolerance_ns:
                assert np.isnan(value)
                assert readings.missing[row]
            else:
                assert abs(int(times[int(value)]) - t) == apart
                assert int(value) in mine


def test_a_reading_that_was_nan_is_not_replaced_by_its_neighbour() -> None:
    series = series_of([0, 10, 20], [0, 0, 0])
    series.values[1] = np.nan
    readings = readings_at(series, series.log_ns, [0, 1], np.array([10, 19]))
    np.testing.assert_array_equal(readings.values, [[np.nan, np.nan], [2, 2]])
    assert readings.missing.tolist() == [False, False]


def test_of_two_that_are_as_near_the_earlier_counts() -> None:
    at, apart = nearest(np.array([0, 10]), np.array([5, 6, -3, 99]))
    assert at.tolist() == [0, 1, 0, 1]
    assert apart.tolist() == [5, 4, 3, 89]
