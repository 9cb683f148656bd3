"""Row and frame: by number, by date, by what is declared; or refused with both counts."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.fold.pairing import NO_FRAME, PairedCamera, RecordedTimes, Rows, pair_camera, pair_cameras
from pipelines.sources.logs.episode_log import CameraSpan, EpisodeLog
from schemas.errors import BadMedia, TransientError
from schemas.spans import NS
from tests.support.episode_logs import episode_log

STEP = NS // 10


def span(start: int = 0, frames: int = 10, alone: bool = True, camera: str = "front") -> CameraSpan:
    return CameraSpan(
        camera=camera, uri=f"{camera}.mp4", start_ns=start * STEP, end_ns=(start + frames) * STEP, alone=alone
    )


def dated(stamps_ns: list[int], tolerance_ns: int | None, frames: int) -> CameraSpan:
    stamps = np.array(stamps_ns, np.int64)
    return dataclasses.replace(span(frames=frames), frame_stamps_ns=stamps, tolerance_ns=tolerance_ns)


def recorded(frames: int) -> RecordedTimes:
    return RecordedTimes(np.arange(frames, dtype=np.int64) * STEP, frames * STEP)


def rows(count: int, step_ns: int = STEP) -> Rows:
    return Rows(np.arange(count, dtype=np.int64) * step_ns, 10.0)


def numbers(paired: PairedCamera) -> list[int]:
    return [-1 if t == NO_FRAME else int(t) // STEP for t in paired.row_ns]


def test_equal_counts_are_paired_by_number_whatever_the_clock_says() -> None:
    paired = pair_camera(span(), rows(10, 3 * STEP), recorded(10), None)
    assert numbers(paired) == list(range(10))
    assert (paired.span.start_ns, paired.span.end_ns) == (0, NS)
    (note,) = paired.notes
    assert note.code == "clock_drift"
    assert "2.700 s by the rows' clock, 0.900 s by the video's, up to 18.0 frames apart at row 9" in note.detail
    assert pair_camera(span(), rows(10, STEP + STEP // 10), recorded(10), None).notes == ()


def test_a_surplus_is_where_the_config_says_and_is_told_with_its_seconds() -> None:
    tail = pair_camera(span(), rows(9), recorded(15), "tail")
    head = pair_camera(span(), rows(9), recorded(15), "head")
    assert (numbers(tail), tail.span.start_ns, tail.span.end_ns) == (list(range(9)), 0, 9 * STEP)
    assert (numbers(head), head.span.start_ns, head.span.end_ns) == (list(range(6, 15)), 6 * STEP, 15 * STEP)
    for paired in (tail, head):
        assert paired.surplus is not None
        assert "6 frames (0.600 s)" in paired.surplus
        assert "9 rows, 15 frames" in paired.surplus


@pytest.mark.parametrize(("there", "surplus"), [(15, None), (8, None), (8, "tail"), (8, "head"), (0, None)])
def test_other_counts_are_refused_with_both(there: int, surplus: str | None) -> None:
    with pytest.raises(BadMedia, match=f"front: 9 rows, {there} frames in its video") as e:
        pair_camera(span(), rows(9), recorded(there), surplus)
    assert e.value.reason == "video_mismatch"
    assert ('surplus = "tail"' in e.value.detail) == (there > 9)


def test_of_a_shared_recording_only_the_window_counts() -> None:
    window = dataclasses.replace(span(12, 9, alone=False), start_ns=12 * STEP + 3, end_ns=21 * STEP - 3)
    paired = pair_camera(window, rows(9), recorded(40), None)
    assert numbers(paired) == list(range(12, 21))
    assert (paired.span.start_ns, paired.span.end_ns) == (12 * STEP, 21 * STEP)
    cut = pair_camera(span(12, 15, alone=False), rows(9), recorded(40), "tail")
    assert (numbers(cut), cut.span.end_ns) == (list(range(12, 21)), 21 * STEP)


def test_dated_frames_are_paired_by_the_nearest_date_within_the_tolerance() -> None:
    # The camera starts late, loses frames 3 and 4, and ends early.
    taken = [2, 3, 4, 7, 8]
    paired = pair_camera(dated([t * STEP + 5 for t in taken], STEP // 4, 5), rows(10), recorded(5), None)
    assert numbers(paired) == [-1, -1, 0, 1, 2, -1, -1, 3, 4, -1]
    assert [n.detail for n in paired.notes] == ["front: 5 of 10 rows, by their dates"]
    with pytest.raises(BadMedia, match="no_frame_in_time"):
        pair_camera(dated([100 * NS], STEP, 1), rows(10), recorded(1), None)
    with pytest.raises(BadMedia, match="stamps_not_ascending"):
        pair_camera(dated([0, 2 * STEP, STEP], STEP, 3), rows(3), recorded(3), None)
    with pytest.raises(BadMedia, match="3 frames dated in the log, 4 frames in its video"):
        pair_camera(dated([0, STEP, 2 * STEP], STEP, 3), rows(3), recorded(4), None)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=30), st.integers(1, 40), st.integers(0, 60))
def test_no_nearer_frame_is_passed_over(taken: list[int], count: int, tolerance: int) -> None:
    stamps = sorted(taken)
    at = np.arange(count, dtype=np.int64) * 30
    away = np.abs(at[:, None] - np.array(stamps)[None])
    if away.min() > tolerance:
        return
    paired = pair_camera(dated(stamps, tolerance, len(stamps)), Rows(at, 10.0), recorded(len(stamps)), None)
    for row, place in enumerate(numbers(paired)):
        assert (place < 0) == (away[row].min() > tolerance)
        assert place < 0 or away[row, place] == away[row].min()


def attempt(*cameras: CameraSpan, count: int = 10) -> EpisodeLog:
    return episode_log(count, cameras)


def test_a_camera_that_does_not_fit_costs_itself_alone() -> None:
    log = attempt(span(), span(camera="wrist"), span(camera="top"))
    bad = RecordedTimes(refusal=("no_frames", "none decodes"))
    paired = pair_cameras(log, {"front.mp4": recorded(10), "wrist.mp4": recorded(4), "top.mp4": bad}, None)
    assert [c.camera for c in paired.log.cameras] == ["front"]
    assert [(b.name, b.reason) for b in paired.left] == [
        (f"{log.name}/camera wrist", "video_mismatch"), (f"{log.name}/camera top", "no_frames"),
    ]  # fmt: skip
    with pytest.raises(BadMedia, match="video_mismatch"):
        pair_cameras(log, {"front.mp4": recorded(9), "wrist.mp4": recorded(4), "top.mp4": bad}, None)


def test_rows_whose_frames_do_not_decode_have_none_and_cost_their_camera_alone() -> None:
    short = dataclasses.replace(recorded(10), decoded_ns=7 * STEP)
    paired = pair_camera(span(), rows(10), short, None)
    assert numbers(paired) == [*range(7), -1, -1, -1]
    assert (paired.span.start_ns, paired.span.end_ns) == (0, 7 * STEP)
    assert [n.code for n in paired.notes] == ["rows_without_frame"]
    assert "3 of 10 rows, its video decodes to 0.700 s" in paired.notes[0].detail
    late = dataclasses.replace(span(10, 10, alone=False, camera="wrist"), uri="all.mp4")
    both = {"front.mp4": recorded(10), "all.mp4": dataclasses.replace(recorded(20), decoded_ns=7 * STEP)}
    left = pair_cameras(attempt(span(), late), both, None)
    assert [c.camera for c in left.log.cameras] == ["front"]
    assert [(b.name, b.reason) for b in left.left] == [("take/camera wrist", "cut_short")]


def test_no_cameras_no_dates_and_recordings_that_were_not_named_are_no_crash() -> None:
    with pytest.raises(BadMedia, match="no_pictures"):
        pair_cameras(attempt(), {}, None)
    with pytest.raises(BadMedia, match="no_frame_in_time"):
        pair_camera(dated([], STEP, 1), rows(3), RecordedTimes(), None)
    with pytest.raises(TransientError, match=r"front\.mp4"):
        pair_cameras(attempt(span()), {}, None)


def test_an_attempt_that_is_mostly_without_frames_is_refused() -> None:
    early, late = dated([0, STEP], 1, 2), dated([8 * STEP, 9 * STEP], 1, 2)
    log = attempt(early, dataclasses.replace(late, camera="wrist", uri="wrist.mp4"))
    both = {"front.mp4": recorded(2), "wrist.mp4": recorded(2)}
    with pytest.raises(BadMedia, match=r"rows_without_frames.*6 of 10 rows"):
        pair_cameras(log, both, None)
    assert len(pair_cameras(attempt(*log.cameras, count=4), {**both}, None).row_ns) == 1


def test_frames_that_a_recorder_makes_of_its_last_are_no_surplus_and_are_told() -> None:
    spared = dataclasses.replace(span(frames=9), spare_frames=1)
    paired = pair_camera(spared, rows(9), recorded(10), None)
    assert (numbers(paired), paired.span.end_ns, paired.surplus) == (list(range(9)), 9 * STEP, None)
    assert [n.code for n in paired.notes] == ["spare_frames"]
    assert pair_camera(spared, rows(9), recorded(9), None).notes == ()
    for frames in (8, 11):
        with pytest.raises(BadMedia, match=f"9 rows, {frames} frames"):
            pair_camera(spared, rows(9), recorded(frames), None)
    assert pair_camera(spared, rows(9), recorded(11), "tail").surplus is not None


def moving(count: int, late: int) -> tuple[Rows, RecordedTimes]:
    """Rows and as many frames, whose picture moves `late` frames after the rows change."""
    speed = np.random.default_rng(7).random(count + 50) ** 4
    first = 25 - late
    shown = dataclasses.replace(recorded(count), motion=(1 + speed[first : first + count]).astype(np.float32))
    return dataclasses.replace(rows(count), change=speed[25 : 25 + count]), shown


def test_rows_whose_picture_moves_at_another_time_are_refused_unless_the_config_says_the_shift() -> None:
    honest = pair_camera(span(frames=100), *moving(100, 1), None)
    assert [n.code for n in honest.notes] == ["motion_lag"]
    assert "front: the picture moves 1 frame after the rows change (1 to 1 in 99.75 % of" in honest.notes[0].detail
    change, shown = moving(100, 7)
    with pytest.raises(BadMedia, match=r"7 frames after the rows change .* correlation 0.97, at no lag") as e:
        pair_camera(span(frames=100), change, shown, None)
    assert e.value.reason == "frame_shift"
    assert "[[robot]] shift = 7 pairs each row with the frame that many later" in e.value.detail
    overruled = pair_camera(span(frames=100), change, shown, None, 0)
    assert numbers(overruled) == list(range(100))
    assert [n.code for n in overruled.notes] == ["motion_lag"]
    log = episode_log(100, (span(frames=100),))
    object.__setattr__(log, "states", np.cumsum(change.change).astype(np.float32)[:, None])
    with pytest.raises(BadMedia, match="frame_shift"):
        pair_cameras(log, {"front.mp4": shown}, None)


@pytest.mark.parametrize(("shift", "expected"), [(3, [3, 4, 5, 6, 7, 8, 9, -1, -1, -1]), (-9, [-1] * 9 + [0])])
def test_a_declared_shift_pairs_each_row_with_the_frame_so_many_later(shift: int, expected: list[int]) -> None:
    paired = pair_camera(span(), rows(10), recorded(10), None, shift)
    assert numbers(paired) == expected
    assert [n.code for n in paired.notes] == ["rows_without_frame"]
    assert f"by shift = {shift}" in paired.notes[0].detail
    used = [n for n in expected if n >= 0]
    assert (paired.span.start_ns, paired.span.end_ns) == (used[0] * STEP, (used[-1] + 1) * STEP)
    with pytest.raises(BadMedia, match="rows_without_frames"):
        pair_camera(span(), rows(10), recorded(10), None, 10 if shift > 0 else -10)


def test_dated_frames_need_no_witness() -> None:
    change, shown = moving(100, 7)
    dates = dated([t * STEP for t in range(100)], STEP // 4, 100)
    assert numbers(pair_camera(dates, change, shown, None)) == list(range(100))


def with_rows(count: int, change: Rows, *cameras: CameraSpan) -> EpisodeLog:
    log = episode_log(count, cameras)
    assert change.change is not None
    object.__setattr__(log, "states", np.cumsum(change.change).astype(np.float32)[:, None])
    return log


def test_a_camera_that_says_nothing_goes_with_one_that_says_that_the_rows_are_shifted() -> None:
    change, shown = moving(100, 7)
    still = dataclasses.replace(shown, motion=np.ones(100, np.float32))
    dates = dataclasses.replace(dated([t * STEP for t in range(100)], STEP // 4, 100), camera="top", uri="top.mp4")
    both = {"front.mp4": shown, "wrist.mp4": still, "top.mp4": still}
    log = with_rows(100, change, span(frames=100), span(frames=100, camera="wrist"), dates)
    paired = pair_cameras(log, both, None)
    assert [c.camera for c in paired.log.cameras] == ["top"]
    assert [(b.name, b.reason) for b in paired.left] == [
        ("take/camera front", "frame_shift"), ("take/camera wrist", "frame_shift"),
    ]  # fmt: skip
    assert "front shows that the rows are shifted" in paired.left[1].detail
    fits = {**both, "wrist.mp4": moving(100, 0)[1]}
    assert [c.camera for c in pair_cameras(log, fits, None).log.cameras] == ["wrist", "top"]
    assert [c.camera for c in pair_cameras(log, both, None, 0).log.cameras] == ["front", "wrist", "top"]


@pytest.mark.parametrize(("end", "late"), [("tail", 0), ("head", 20)])
def test_motion_advises_at_which_end_the_surplus_lies(end: str, late: int) -> None:
    change, shown = moving(120, late)
    speed = change.change
    assert speed is not None
    cut = dataclasses.replace(rows(100), change=speed[:100])
    with pytest.raises(BadMedia, match=f'its motion speaks for "{end}": the picture moves 0 frames') as e:
        pair_camera(span(frames=120), cut, shown, None)
    assert e.value.reason == "video_mismatch"
    with pytest.raises(BadMedia, match=r"as if the 20 frames that .* leaves out lay at the other end") as e:
        pair_camera(span(frames=120), cut, shown, "head" if end == "tail" else "tail")
    assert e.value.reason == "frame_shift"
    nothing = dataclasses.replace(shown, motion=np.ones(120, np.float32))
    with pytest.raises(BadMedia) as e:
        pair_camera(span(frames=120), cut, nothing, None)
    assert e.value.detail.endswith('"head" the last')
