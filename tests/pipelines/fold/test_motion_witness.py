"""The motion of the picture tells that rows are shifted, and says nothing where it cannot know."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from pipelines.fold.motion_witness import change_of, measured

Values = npt.NDArray[np.float64]


def moves(count: int, seed: int, hz: float = 10.0) -> tuple[Values, Values]:
    """Speed of an arm that reaches and rests by turns, (T,), and motion of a picture of it, with a codec's noise."""
    rng = np.random.default_rng(seed)
    speed = np.zeros(count)
    at = 0
    while at < count:
        length = int(rng.integers(4, 14) * hz / 10)
        speed[at : at + length] = rng.uniform(0.2, 1) * np.hanning(length + 2)[1:-1][: max(0, count - at)]
        at += length + int(rng.integers(1, 8) * hz / 10)
    return speed, 0.4 + 3 * speed * rng.uniform(0.7, 1.3, count) + 0.1 * rng.random(count)


def states(speed: Values) -> Values:
    """Positions of two axes that move so, (T, 2), one in degrees and one in radians, and one that stands still."""
    way = np.cumsum(speed)
    return np.stack([way * 57, way * 0.3 - 1, np.full(len(way), 0.25)], axis=1)


@pytest.mark.parametrize("late", [-14, -8, 8, 14])
@pytest.mark.parametrize("seed", range(4))
def test_rows_that_are_shifted_are_told_with_their_shift(late: int, seed: int) -> None:
    speed, motion = moves(220, seed)
    rows, shown = (speed[late:], motion[:-late]) if late > 0 else (speed[:late], motion[-late:])
    change = change_of(states(rows), None)
    assert change is not None
    lag = measured(change, shown, 10.0)
    assert lag is not None
    assert lag.is_shift
    assert abs(lag.frames - late) <= 1
    assert lag.low <= lag.frames <= lag.high
    assert lag.fit > lag.fit_at_none + 0.1
    assert f"{abs(lag.frames)} frames {'after' if late > 0 else 'before'} the rows change" in lag.words()


@pytest.mark.parametrize("late", [-2, -1, 0, 1, 2])
def test_latency_is_no_shift(late: int) -> None:
    for seed in range(10):
        speed, motion = moves(150, seed)
        change = change_of(states(speed), None)
        assert change is not None
        lag = measured(change, np.roll(motion, late), 10.0)
        assert lag is not None
        assert not lag.is_shift
        assert abs(lag.frames - late) <= 1


def test_latency_is_a_time_at_higher_rates() -> None:
    speed, motion = moves(600, 3, hz=60.0)
    change = change_of(states(speed), None)
    assert change is not None
    near, far = measured(change, np.roll(motion, 9), 60.0), measured(change, np.roll(motion, 40), 60.0)
    assert near is not None
    assert far is not None
    assert (near.honest, near.is_shift, far.is_shift) == (9, False, True)


def test_a_picture_of_something_else_tells_nothing() -> None:
    said = [measured(moves(150, seed)[0], moves(150, 1000 + seed)[1], 10.0) for seed in range(60)]
    assert not any(lag.is_shift for lag in said if lag is not None)


def test_motion_that_comes_again_is_no_witness_of_its_phase() -> None:
    to_and_fro = np.abs(np.sin(np.arange(200) * np.pi / 10))
    lag = measured(to_and_fro, np.roll(to_and_fro, 0), 10.0)
    assert lag is not None
    assert not lag.is_shift
    moved = measured(to_and_fro, np.roll(to_and_fro, 10), 10.0)
    assert moved is not None
    assert not moved.is_shift  # a whole period: nothing tells


def test_what_stands_still_is_short_or_is_missing_tells_nothing() -> None:
    speed, motion = moves(150, 1)
    assert measured(speed, np.ones(150), 10.0) is None
    assert measured(np.ones(150), motion, 10.0) is None
    assert measured(speed[:24], motion[:24], 10.0) is None
    assert measured(speed, np.full(150, np.nan), 10.0) is None
    cut = np.where(np.arange(150) < 100, motion, np.nan)
    assert measured(speed, cut, 10.0) == measured(speed[:100], motion[:100], 10.0) is not None
    assert change_of(None, None) is None
    assert change_of(np.ones((5, 2)), None) is None
    assert change_of(np.zeros((1, 2)), None) is None


def test_the_change_weighs_axes_alike_and_passes_lost_readings_over() -> None:
    state = np.array([[0, 0], [1, 0], [1, 1000], [np.nan, 1000], [1, 1000]], np.float32)
    change = change_of(state, None)
    assert change is not None
    assert change[0] == change[3] == change[4] == 0
    assert change[1] == change[2] > 0
    only = change_of(None, np.array([[0.0], [2.0]]))
    assert only is not None
    assert only.tolist() == [0, 1]
