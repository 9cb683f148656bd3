"""audit hands: what is found, what is false, sides, key points, kept seconds; pure parts and over a corpus."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.audits.corpus_truth import Recording, Truth, join, truths_below
from pipelines.audits.hands import Track, audit, judge_track
from pipelines.audits.matching import HandRules, binned, match, must_be_found, nearest_frames, overlap_of
from pipelines.audits.result import Result
from pipelines.audits.tally import Metric, Tally
from pipelines.corpus.inventory import CurrentClip
from schemas.spans import NS
from schemas.truth import HandTruth, RecordingTruth
from tests.support.audits import DRAWN, frames, hand, moved, shot, truth, truths, write
from tests.support.corpus import DETECTOR, POLICY, RECIPE, corpus

RULES = HandRules()
HEAD = truth("ego/kitchen.mp4", [shot(0, 60)])
places = st.lists(st.tuples(st.floats(-0.3, 0.7), st.floats(-0.4, 0.6), st.sampled_from(["left", "right"])), max_size=4)


def found_of(true: HandTruth, **other: Any) -> dict[str, Any]:
    """The detection that sees this hand exactly."""
    assert true.box is not None
    corners = dict(zip(("x0", "y0", "x1", "y1"), true.box, strict=True))
    plain = {"sample": 0, "side": true.side, "score": 0.9, "presence": 0.9, "keypoints": list(true.keypoints)}
    return plain | corners | other


CLIP = CurrentClip(
    clip_row_id="c", clip_id="c", sha256="s", start_ns=0, end_ns=1, cutter="c", stage="ego", licence=None
)


def judged(true: list[HandTruth], found: list[dict[str, Any]], head: RecordingTruth = HEAD) -> Tally:
    """The tally of one sample."""
    tally = Tally()
    recording = Recording(head.sha256, "u", "ego", Truth(Path("t"), head), ())
    track = Track("c", "d", [0], found)
    judge_track(recording, CLIP, track, frames(0.1, true), RULES, tally)
    return tally


def value(tally: Tally, metric: str) -> float | None:
    return tally.estimate(Metric(metric, "")).estimate


@given(places)
def test_perfect_detections_are_all_right(where: list[tuple[float, float, str]]) -> None:
    true = [hand(moved(DRAWN, dx, dy), side=side) for dx, dy, side in where]
    tally = judged(true, [found_of(h) for h in true])
    expected = 1.0 if true else None
    assert [value(tally, m) for m in ("recall", "precision")] == [expected, expected]
    if len({(h.keypoints[:2]) for h in true}) == len(true):  # of two hands in one place either may be meant
        assert value(tally, "side_accuracy") == expected
        assert value(tally, "keypoint_error") == (pytest.approx(0, abs=1e-9) if true else None)


@given(places, places, st.randoms())
def test_the_order_of_hands_changes_nothing(a: list[Any], b: list[Any], rng: Any) -> None:
    true = [hand(moved(DRAWN, dx, dy), side=side) for dx, dy, side in dict.fromkeys(a)]
    found = [found_of(hand(moved(DRAWN, dx, dy), side=side)) for dx, dy, side in dict.fromkeys(b)]
    before = judged(true, found)
    for hands in (true, found):
        rng.shuffle(hands)
    after = judged(true, found)
    assert [value(before, m) for m in ("recall", "precision")] == [value(after, m) for m in ("recall", "precision")]


@given(places, places)
def test_pairs_are_one_to_one_and_whole(a: list[Any], b: list[Any]) -> None:
    true = [hand(moved(DRAWN, dx, dy)) for dx, dy, _ in a]
    found = [found_of(hand(moved(DRAWN, dx, dy))) for dx, dy, _ in b]
    pairs = match(found, true, HEAD, RULES)
    assert sorted(p.detected for p in pairs if p.detected is not None) == list(range(len(found)))
    assert sorted(p.true for p in pairs if p.true is not None) == list(range(len(true)))


def test_a_second_box_on_a_hand_and_one_on_a_cup_are_false() -> None:
    true = hand()
    twice, cup = found_of(true, presence=0.8), found_of(hand(moved(DRAWN, 0.4, -0.3)))
    tally = judged([true], [found_of(true), twice, cup])
    assert (value(tally, "recall"), value(tally, "precision")) == (1.0, pytest.approx(1 / 3, abs=1e-6))


def test_a_hidden_hand_is_not_asked_for_but_right_when_found() -> None:
    hidden = hand(visible=0.1)
    assert value(judged([hidden], []), "recall") is None
    tally = judged([hidden], [found_of(hidden)])
    assert (value(tally, "recall"), value(tally, "precision")) == (None, 1.0)


def test_sides_and_distances() -> None:
    true = hand()
    tally = judged([true], [found_of(true, side="left")])
    assert value(tally, "side_accuracy") == 0.0
    shifted = found_of(hand(moved(DRAWN, 0.02, 0.0)))
    error = value(judged([true], [shifted]), "keypoint_error")
    # Points are moved by .02 * 284 px; the hand's long side is its width, .2 * 284 px.
    assert error == pytest.approx(0.1, abs=1e-3)


def test_what_must_be_found() -> None:
    assert must_be_found(hand(), HEAD, RULES)
    assert not must_be_found(hand(box=None, keypoints=()), HEAD, RULES)
    assert not must_be_found(hand(visible=0.29), HEAD, RULES)
    assert not must_be_found(hand(box=(0.5, 0.5, 0.51, 0.52)), HEAD, RULES)


def test_boxes_are_cut_to_the_picture() -> None:
    assert overlap_of((0.8, 0.5, 1.0, 1.0), (0.8, 0.5, 1.4, 1.6)) == pytest.approx(1.0)
    assert overlap_of((0, 0, 0.1, 0.1), (0.5, 0.5, 1, 1)) == 0.0


def test_the_nearest_frame_is_at_most_half_a_frame_away() -> None:
    times = [0, 100, 200, 300]
    assert nearest_frames([0, 49, 51, 149, 300, 349, 351], times, NS / 100) == [0, 0, 1, 1, 3, 3, None]
    assert nearest_frames([5], [], 10) == [None]


@given(st.floats(0, 100))
def test_every_value_has_a_bin(given_value: float) -> None:
    edges = (5.0, 10.0, 40.0)
    words = binned(given_value, edges)
    low = {"under 5": 0.0, "5 to 10": 5.0, "10 to 40": 10.0, "40 and more": 40.0}[words]
    assert low <= given_value
    assert all(edge > given_value or edge <= low for edge in edges)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    folder = tmp_path_factory.mktemp("audit")
    joined = join(corpus(folder / "root"), RECIPE, POLICY, truths_below(write(folder / "truth", truths())))
    return audit(joined, DETECTOR)


def test_a_corpus_with_every_second_hand_found(result: Result) -> None:
    values = {name: e.estimate for name, e in result.metrics.items()}
    assert result.n == 2
    assert values["recall"] == 0.5  # 24 samples of the kitchen, a hand in every second
    assert values["precision"] == pytest.approx(12 / 18, abs=1e-6)  # and 6 false ones in the other recording
    assert values["side_accuracy"] == 1.0
    assert result.metrics["recall"].n == 24


def test_kept_seconds(result: Result) -> None:
    values = {name: e.estimate for name, e in result.metrics.items()}
    assert values["kept_recall"] == 1.0
    assert values["kept_precision"] == pytest.approx(3 / 10, abs=1e-6)  # 6 s and 4 s are kept, 3 s are work
    assert values["kept_precision_padded"] == pytest.approx(4 / 10, abs=1e-6)
    assert values["idle_refused"] == pytest.approx(8 / 14, abs=1e-6)  # 4 to 12 s less 4 to 6; 6 s less 4


def test_axes_of_the_shot_and_of_the_hand(result: Result) -> None:
    assert {"light", "side", "person", "contact", "size, % of long side", "motion blur, px", "in view, %"} <= set(
        result.by
    )
    assert result.by["light"]["dim"]["recall"].n == 8
    assert result.by["contact"]["touches"]["recall"].n == 6
    assert result.by["side"]["right"]["recall"].estimate == 0.5


def test_what_took_no_part_is_counted(result: Result) -> None:
    assert result.unmatched["truths_without_recording"] == 1
    assert result.unmatched["recordings_without_truth"] > 0
    assert result.unmatched["clips_not_looked_at"] == 0


def test_examples_show_misses_and_false_hands(result: Result) -> None:
    kinds = {e.kind for e in result.examples}
    assert kinds == {"missed hand", "false hand"}
    false = next(e for e in result.examples if e.kind == "false hand")
    assert "on cup" in false.words
    assert {"false", "found", "truth"} >= {m.role for m in false.marks} >= {"false"}


def test_a_clip_that_nobody_looked_at_is_counted(tmp_path: Path) -> None:
    joined = join(corpus(tmp_path / "root"), RECIPE, POLICY, truths_below(write(tmp_path / "truth", truths())))
    other = audit(joined, "another detector")
    assert other.metrics["recall"].estimate is None
    assert other.unmatched["clips_not_looked_at"] == 5


def test_truth_of_another_frame_rate_is_read_at_its_own_times() -> None:
    head = replace(HEAD, fps_hz=30.0)
    times = np.arange(0, 3 * NS, NS // 30)
    assert None not in nearest_frames([0, 250_000_000, 500_000_000], times.tolist(), head.fps_hz)
