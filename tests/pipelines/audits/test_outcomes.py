"""audit outcomes: what episodes say of their end against truth: wrong ones, causes, frames, calibration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.audits.corpus_truth import join, truths_below
from pipelines.audits.outcomes import METRICS, Attempt, audit, calibration, frame_error, mark, plain
from pipelines.audits.result import Result
from pipelines.audits.tally import Tally
from tests.support.audits import shot, truth, truths, write
from tests.support.corpus import POLICY, RECIPE, corpus, episode

ENDS = ("success", "failure", "unknown")
told = st.lists(
    st.tuples(st.sampled_from(ENDS), st.sampled_from(ENDS[:2]), st.none() | st.floats(0, 1)), min_size=1, max_size=30
)


def attempt(
    i: int, said: str, true: str, sure: float | None = 1.0, frames: tuple[int | None, int | None] = (None, None)
) -> Attempt:
    """An attempt told to end one way, which ended another."""
    uri = f"robot/{i:03d}.mp4"
    row = replace(episode(uri, (said, None, frames[0]), 5), outcome_confidence=sure)
    return Attempt(row, truth(uri, [shot(0, 5, None)], outcome=true, failure_frame=frames[1]), "s")


def estimates(attempts: list[Attempt]) -> dict[str, float | None]:
    tally = Tally()
    for one in attempts:
        mark(one, tally)
    return {name: e.estimate for name, e in tally.metrics(METRICS).items()}


@given(told)
def test_shares_are_counts(said: list[tuple[str, str, float | None]]) -> None:
    found = estimates([attempt(i, *one) for i, one in enumerate(said)])
    known = [(s, t) for s, t, _ in said if s != "unknown"]
    assert found["known"] == pytest.approx(len(known) / len(said), abs=1e-6)
    if known:
        assert found["accuracy"] == pytest.approx(sum(s == t for s, t in known) / len(known), abs=1e-6)
    failures = [s for s, t, _ in said if t == "failure"]
    if failures:
        assert found["false_success"] == pytest.approx(failures.count("success") / len(failures), abs=1e-6)


def test_calibration() -> None:
    sure_and_right = [attempt(i, "success", "success", 1.0) for i in range(10)]
    assert calibration(sure_and_right).estimate == 0.0
    sure_and_half = sure_and_right[:5] + [attempt(10 + i, "success", "failure", 1.0) for i in range(5)]
    assert calibration(sure_and_half).estimate == 0.5
    # Two bins, each off by .1: 5 of .9 that are all right, 5 of .1 that are all wrong.
    mixed = [attempt(i, "success", "success", 0.9) for i in range(5)]
    mixed += [attempt(5 + i, "success", "failure", 0.1) for i in range(5)]
    found = calibration(mixed)
    assert found.estimate == pytest.approx(0.1)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= 0.1 <= found.high
    assert calibration([attempt(0, "success", "success", None)]).estimate is None


def test_failure_frames_are_compared_in_the_truths_frames() -> None:
    one = attempt(0, "failure", "failure", frames=(20, 65))
    fast = replace(one, truth=replace(one.truth, fps_hz=30.0))  # the log's 20th of 10 Hz is the 60th of 30
    assert fast.frames_off == 5.0
    assert frame_error([one, fast, attempt(2, "failure", "failure", frames=(None, 3))]).n == 2
    assert frame_error([fast]).estimate == 5.0


def test_causes_are_compared_without_case_and_joints() -> None:
    assert plain("Calibration_bias") == plain("calibration bias")


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    folder = tmp_path_factory.mktemp("audit")
    joined = join(corpus(folder / "root"), RECIPE, POLICY, truths_below(write(folder / "truth", truths())))
    return audit(joined)


def test_a_corpus(result: Result) -> None:
    found = {name: e.estimate for name, e in result.metrics.items()}
    assert result.n == 3
    assert (found["known"], found["accuracy"]) == (round(2 / 3, 6), 1.0)
    assert (found["false_success"], found["false_failure"], found["cause"]) == (0.0, 0.0, 1.0)
    assert (found["frame_error"], found["frame_near"]) == (2.0, 1.0)
    assert result.by["outcome source"]["sim"]["known"].n == 3
    assert result.unmatched["episodes_without_truth"] == 0


def test_a_wrong_outcome_is_an_example(tmp_path: Path) -> None:
    given_truth = [replace(t, outcome="success") if t.name == "001" else t for t in truths()]
    joined = join(corpus(tmp_path / "root"), RECIPE, POLICY, truths_below(write(tmp_path / "truth", given_truth)))
    result = audit(joined)
    assert result.metrics["false_failure"].estimate == 0.5
    assert [e.kind for e in result.examples] == ["false failure"]
    assert result.examples[0].clips
