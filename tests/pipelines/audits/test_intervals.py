"""Intervals: they hold their estimate, shrink with cases, draw whole clusters, and say when they know nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.audits.intervals import median, of_sums, over, ratio, times_drawn
from pipelines.audits.tally import Metric, Tally

Marks = list[tuple[str, bool]]
marks = st.lists(st.tuples(st.sampled_from("abcde"), st.booleans()), max_size=40)
SHARE = Metric("m", "a share")


def tally_of(said: Marks) -> Tally:
    tally = Tally()
    for wearer, right in said:
        tally.add("m", float(right), 1, (wearer, wearer), {"light": "dim" if right else "lamp"})
    return tally


@given(marks)
def test_an_interval_holds_its_estimate_and_lies_in_0_to_1(said: Marks) -> None:
    found = tally_of(said).estimate(SHARE)
    assert found.n == len(said)
    if not said:
        assert (found.estimate, found.low, found.high) == (None, None, None)
        return
    assert found.estimate == pytest.approx(sum(right for _, right in said) / len(said), abs=1e-6)
    if found.low is not None and found.high is not None:
        assert 0 <= found.low <= found.estimate <= found.high <= 1
    else:
        assert len({wearer for wearer, _ in said}) == 1


@given(marks, st.randoms())
@pytest.mark.slow
def test_the_order_of_marks_changes_nothing(said: Marks, rng: object) -> None:
    other = list(said)
    rng.shuffle(other)  # type: ignore[attr-defined]
    assert tally_of(said).by([SHARE]) == tally_of(other).by([SHARE])
    assert tally_of(said).metrics([SHARE]) == tally_of(other).metrics([SHARE])


def test_whole_clusters_are_drawn() -> None:
    """Ten wearers of which one is always wrong: as wide as ten trials are, whatever the cases of each."""
    few = ratio(np.array([[1.0, 1.0]] * 9 + [[0.0, 1.0]]), 10)
    many = ratio(np.array([[500.0, 500.0]] * 9 + [[0.0, 500.0]]), 5000)
    assert (few.low, few.high) == (many.low, many.high)
    assert few.low is not None
    assert few.low <= 0.75  # 0.9 - 1.96 * sqrt(.9 * .1 / 10) is .71


def test_the_interval_covers_as_often_as_it_says() -> None:
    """200 corpora of 30 wearers with shares about .7: the truth lies in some 95 % of the intervals."""
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(200):
        rates = rng.beta(7, 3, size=30)
        found = ratio(np.stack([rng.binomial(20, rates), np.full(30, 20)], axis=1).astype(float), 600)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.7 <= found.high
    assert 0.89 <= held / 200 <= 0.985


def test_without_spread_the_limit_is_clopper_and_pearsons() -> None:
    perfect = ratio(np.array([[5.0, 5.0]] * 8), 40)
    assert (perfect.estimate, perfect.high) == (1.0, 1.0)
    assert perfect.low == pytest.approx(0.6306, abs=1e-4)  # 8 of 8, 95 %, two-sided
    none = ratio(np.array([[0.0, 5.0]] * 8), 40)
    assert (none.estimate, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(0.3694, abs=1e-4)


def test_one_cluster_shows_no_spread() -> None:
    found = ratio(np.array([[3.0, 4.0], [0.0, 0.0]]), 4)
    assert (found.estimate, found.low, found.high) == (0.75, None, None)
    assert median([1.0, 5.0], ["a", "a"]).low is None


def test_one_wearer_is_drawn_by_recording() -> None:
    tally = Tally()
    for recording, right in (("r1", 1), ("r2", 0), ("r3", 1)):
        tally.add("m", right, 1, ("ann", recording), {})
    found = tally.estimate(SHARE)
    assert found.low is not None
    assert found.low < 2 / 3


@given(st.lists(st.tuples(st.floats(0, 1e6), st.sampled_from("abc")), min_size=1, max_size=30))
def test_a_median_is_a_value_and_lies_in_its_interval(values: list[tuple[float, str]]) -> None:
    found = median([v for v, _ in values], [c for _, c in values])
    assert found.estimate is not None
    assert min(abs(found.estimate - v) for v, _ in values) < 1e-5
    if found.low is not None and found.high is not None:
        assert found.low <= found.estimate <= found.high


def test_draws_are_seeded_and_whole() -> None:
    assert (times_drawn(5) == times_drawn(5)).all()
    assert (times_drawn(5).sum(axis=1) == 5).all()
    assert not (times_drawn(5, seed=1) == times_drawn(5, seed=2)).all()


def test_a_statistic_that_is_nowhere_defined_is_unknown() -> None:
    assert of_sums(np.zeros((3, 2)), over, 0, share=True).estimate is None
