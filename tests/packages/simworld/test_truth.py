"""The truth of recordings: rows as the contract says, the same bytes each time, visibility that geometry explains."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from simworld.scene_types import Camera, Lens
from simworld.scenery.things import make_thing
from simworld.tasks import measure, plan, take, visibility
from simworld.tasks.motion import look_at, upright_pose, vec
from simworld.tasks.plan import TakeOptions
from simworld.tasks.script import Prop

from schemas import truth

OPTIONS = TakeOptions(fps_hz=2.0, task_s=3.0, cut_share=1.0, fixed={"verb": "place", "blur": "heavy", "hands": "both"})


@pytest.fixture(scope="module")
def recording() -> tuple[plan.RecordingPlan, truth.RecordingTruth]:
    planned = plan.draw(5, 0, 3, OPTIONS)
    return planned, measure.measure_plan(planned)


@pytest.mark.slow
def test_the_same_plan_gives_the_same_bytes(
    recording: tuple[plan.RecordingPlan, truth.RecordingTruth], tmp_path: Path
) -> None:
    _, told = recording
    truth.save(told, tmp_path / "a.truth.json")
    truth.save(measure.measure_plan(plan.draw(5, 0, 3, OPTIONS)), tmp_path / "b.truth.json")
    assert (tmp_path / "a.truth.json").read_bytes() == (tmp_path / "b.truth.json").read_bytes()
    assert truth.load(tmp_path / "a.truth.json") == told
    assert truth.truth_of(json.loads(json.dumps(asdict(told)))) == told


@pytest.mark.slow
def test_shots_tile_the_recording_and_a_cut_lies_between(
    recording: tuple[plan.RecordingPlan, truth.RecordingTruth],
) -> None:
    planned, told = recording
    assert len(planned.shots) == 2
    assert len(told.frames) == planned.frame_count
    assert (
        told.shots[0].end_ns
        == told.shots[1].start_ns
        == told.cuts_ns[0]
        == told.frames[planned.shots[0].frame_count].t_ns
    )
    assert told.shots[0].scene != told.shots[1].scene
    assert told.shots[0].wearer == told.shots[1].wearer
    for shot in told.shots:
        for task in shot.tasks:
            assert shot.start_ns <= task.start_ns < task.end_ns <= shot.end_ns


def test_frames_have_every_hand_and_every_thing(recording: tuple[plan.RecordingPlan, truth.RecordingTruth]) -> None:
    _, told = recording
    for frame in told.frames:
        assert {"left", "right"} <= {hand.side for hand in frame.hands if hand.person == "wearer"}
        assert len(frame.things) >= 2
        assert np.linalg.norm(frame.camera_quaternion) == pytest.approx(1.0, abs=1e-3)
        for hand in frame.hands:
            assert len(hand.keypoints_m) == 63
            assert 0 <= hand.visible <= 1
            assert set(hand.touches) <= {thing.name for thing in frame.things}
            assert (hand.box is None) == (hand.keypoints == ())
            assert (
                bool(hand.touches) == (hand.deepest_mm <= measure.TOUCH_M * 1000 + 0.05)
                or abs(hand.deepest_mm - 1.5) < 0.1
            )


def test_a_moving_hand_is_blurred_and_a_resting_one_hardly(
    recording: tuple[plan.RecordingPlan, truth.RecordingTruth],
) -> None:
    planned, told = recording
    side = planned.shots[0].acting
    frames = told.frames[: planned.shots[0].frame_count]
    acting = [h.blur_px for f in frames for h in f.hands if (h.person, h.side) == ("wearer", side)]
    resting = [h.blur_px for f in frames for h in f.hands if h.person == "wearer" and h.side != side]
    assert max(acting) > 3 * np.median(resting)


@pytest.mark.slow
def test_an_open_shutter_of_no_length_blurs_nothing() -> None:
    planned = plan.draw(5, 0, 3, TakeOptions(fps_hz=1.0, fixed={"verb": "reach", "blur": "none"}))
    assert {hand.blur_px for frame in measure.measure_plan(planned).frames for hand in frame.hands} == {0.0}


@pytest.mark.parametrize("negative", plan.UNMANNED)
def test_what_is_no_human_hand_is_not_told_as_one(negative: str) -> None:
    planned = plan.draw(2, 0, 1, TakeOptions(fps_hz=1.0, fixed={"negative": negative}))
    told = measure.measure_plan(planned)
    assert all(frame.hands == () for frame in told.frames)
    assert told.shots[0].wearer is None
    assert told.shots[0].tasks[0].success is None


@pytest.mark.slow
def test_a_failure_says_why_and_when() -> None:
    planned = plan.draw(2, 0, 1, TakeOptions(fps_hz=2.0, fixed={"outcome": "miss", "verb": "pick"}))
    task = measure.measure_plan(planned).shots[0].tasks[0]
    assert (task.success, task.failure_cause) == (False, "miss")
    assert task.failure_frame is not None
    assert task.start_ns <= measure.frame_ns(task.failure_frame, 2.0) <= task.end_ns


def test_a_ball_hides_what_is_behind_it_and_nothing_else() -> None:
    ball = Prop("red ball", make_thing("ball", "red"), upright_pose(0, 0))
    eye = vec(0, -0.5, 0.033)
    points = np.array([[0, 0.2, 0.033], [0, -0.2, 0.033], [0.06, 0.2, 0.033], [0, 0.2, 0.2], [0, -0.034, 0.033]])
    hidden = visibility.is_hidden_by(ball, upright_pose(0, 0), eye, points)
    assert hidden.tolist() == [True, False, False, False, False]


def test_a_hand_in_the_open_is_seen_and_one_behind_a_book_is_not() -> None:
    shot = plan.draw(
        2, 0, 1, TakeOptions(fixed={"negative": "rest", "clutter": "none", "other": "nobody", "hands": "one"})
    ).shots[0]
    one = take.play(shot)
    state = one.at(0.5)
    name = one.script.acting
    hand, shape = one.script.hands[name], state.shapes[name]
    middle = shape.keypoints.mean(axis=0)
    camera = Camera(Lens(640, 360, 500), look_at(middle + vec(0, 0.1, 0.45), middle))
    assert visibility.visible_share(camera, hand.arm, shape, [], []) > 0.85
    aside = Camera(camera.lens, look_at(camera.pose.position, middle + vec(1.5, 0, 0)))
    assert visibility.visible_share(aside, hand.arm, shape, [], []) == 0.0
    between = replace(upright_pose(0, 0), position=middle + vec(0, 0.03, 0.12))
    book = Prop("blue book", make_thing("book", "blue"), between)
    assert visibility.visible_share(camera, hand.arm, shape, [(book, between)], []) < 0.3
