"""True times out of whatever a clock says: no frame is lost, and none stands before the one that is shown before it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.video.timeline import LEAP_NS, Place, Timeline
from schemas.spans import NS

MS = 1_000_000
USUAL = 50 * MS


def place_all(readings_ms: Sequence[int | None], usual_ns: int = USUAL) -> list[Place]:
    readings = [None if r is None else r * MS for r in readings_ms]
    timeline = Timeline(usual_ns)
    return [timeline.place(r, c) for r, c in zip(readings, [*readings[1:], None], strict=False)]


def times_ms(readings_ms: Sequence[int | None], usual_ns: int = USUAL) -> list[int]:
    return [place.t_ns // MS for place in place_all(readings_ms, usual_ns)]


@given(st.integers(-(10**9), 10**9), st.lists(st.integers(1, LEAP_NS // MS), max_size=20))
def test_a_clock_that_goes_on_is_believed(start: int, steps: list[int]) -> None:
    readings = [start]
    for step in steps:
        readings.append(readings[-1] + step)
    assert place_all(readings) == [Place((r - start) * MS) for r in readings]


@given(st.lists(st.none() | st.integers(-(10**8), 10**8), max_size=20))
def test_no_reading_loses_a_frame(readings: list[int | None]) -> None:
    times = [place.t_ns for place in place_all(readings)]
    assert times[:1] in ([], [0])
    assert all(a < b for a, b in pairwise(times))


@given(st.integers(2, 30), st.integers(2, 30), st.integers(-(10**6), 10**6))
def test_a_clock_that_starts_again_follows_the_last_one(first: int, second: int, start: int) -> None:
    """Unless it happens to go on from there."""
    end = (first - 1) * 50
    start = start if start <= end - 50 else -start
    readings = [i * 50 for i in range(first)] + [start + i * 50 for i in range(second)]
    places = place_all(readings)
    if start + 50 <= end:
        assert [p.t_ns for p in places] == [i * USUAL for i in range(first + second)]
        assert [i for i, p in enumerate(places) if p.is_joint] == [first]


def test_a_leap_is_time_and_a_leap_of_hours_is_another_clock() -> None:
    assert place_all([0, 50, 97_050, 97_100]) == [
        Place(0), Place(USUAL), Place(97_050 * MS, is_leap=True), Place(97_100 * MS),
    ]  # fmt: skip
    assert place_all([0, 50, 10**8, 10**8 + 50]) == [
        Place(0), Place(USUAL), Place(2 * USUAL, is_joint=True), Place(3 * USUAL),
    ]  # fmt: skip


@pytest.mark.parametrize("lie", [-(10**7), -30, 10, 50_000, 10**8])
def test_one_reading_that_lies_moves_nothing_else(lie: int) -> None:
    places = place_all([0, 50, 100, lie, 200, 250])
    assert [p.t_ns // MS for p in places] == [0, 50, 100, 150, 200, 250]
    assert not any(p.is_joint or p.is_leap for p in places)


def test_slow_video_does_not_leap() -> None:
    slow = [0, 5_000, 10_000, 25_000]
    assert not any(p.is_leap for p in place_all(slow, 5 * NS))
    assert any(p.is_leap for p in place_all(slow, NS))


def test_without_readings_frames_are_the_usual_time_apart() -> None:
    assert times_ms([None, None, None]) == [0, 50, 100]
    assert times_ms([None, 700, 800, None]) == [0, 50, 150, 200]


def test_a_frame_is_not_shown_over_a_leap() -> None:
    timeline = Timeline(USUAL)
    timeline.place(0, 40 * MS)
    timeline.place(40 * MS, 97 * NS)
    assert timeline.shown_ns(97 * NS, 97 * NS) == 40 * MS
    assert timeline.shown_ns(NS, NS + 40 * MS) == NS
    assert timeline.shown_ns(0, None) == timeline.shown_ns(10**18, None) == USUAL
