"""What is true of a robot's attempt: physics' own outcome, where things and the camera were, captions."""

from __future__ import annotations

import numpy as np

from schemas.spans import NS
from schemas.truth import FrameTruth, RecordingTruth, ShotTruth, TaskTruth, ThingTruth
from simworld.robot.attempt import Attempt
from simworld.robot.frames import goal_pose, head_camera, in_world
from simworld.robot.plan import OTHER_HALF_M, PLATE_HEIGHT_M, AttemptPlan
from simworld.robot.words import captions
from simworld.rotations import quaternion_from_rotation
from simworld.scene_types import Camera, Floats, Pose

_VERBS = {"pick_place": "place", "push": "push", "stack": "stack", "lift": "lift"}
_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=np.float64)


def measure_attempt(plan: AttemptPlan, attempt: Attempt) -> RecordingTruth:
    """The attempt's truth; no human hand is in it. Things: block, other (what it is stacked on), goal."""
    view, count = head_camera(plan), len(attempt.t_s)
    at_ns = [round(k * NS / plan.fps_hz) for k in range(count + 1)]
    frames = tuple(_frame(plan, attempt, view, k, at_ns[k]) for k in range(count))
    shot = ShotTruth(
        start_ns=0,
        end_ns=at_ns[-1],
        scene=plan.scene,
        wearer=None,
        variation=_variation(plan, attempt),
        tasks=(_task(plan, attempt, at_ns[-1]),),
    )
    return RecordingTruth(
        name=plan.name,
        sha256="",
        fps_hz=plan.fps_hz,
        width_px=plan.width_px,
        height_px=plan.height_px,
        focal_px=plan.focal_px,
        shots=(shot,),
        frames=frames,
        outcome="success" if attempt.success else "failure",
        failure_cause=attempt.failure_cause,
        failure_frame=attempt.failure_step,
    )


def _task(plan: AttemptPlan, attempt: Attempt, end_ns: int) -> TaskTruth:
    goal = plan.goal
    return TaskTruth(
        start_ns=0,
        end_ns=end_ns,
        verb=_VERBS[plan.task],
        object="block",
        colour=plan.block.colour,
        target=None if goal.kind == "none" else f"{goal.colour} {goal.kind}",
        roles={},
        success=attempt.success,
        failure_cause=attempt.failure_cause,
        failure_frame=attempt.failure_step,
        captions=captions(plan, attempt),
    )


def _variation(plan: AttemptPlan, attempt: Attempt) -> dict[str, str]:
    return {
        "task": plan.task,
        "fault": plan.fault.kind,
        "generation": str(plan.generation),
        "room": plan.room,
        "light": plan.light,
        "block_mm": str(round(2000 * plan.block.half_m)),
        "collect_mode": plan.collect_mode,
        "intervention": "yes" if attempt.intervened else "no",
        "label": plan.label,
    }


def _frame(plan: AttemptPlan, attempt: Attempt, view: Camera, k: int, t_ns: int) -> FrameTruth:
    halves = {"block": plan.block.half_m, "other": OTHER_HALF_M}
    things = [
        _thing(name, in_world(Pose(rows[k, :, 3], rows[k, :, :3])), (halves[name],) * 3, view)
        for name, rows in attempt.things.items()
    ]
    if plan.goal.kind in ("square", "plate"):
        flat = (plan.goal.half_m, plan.goal.half_m, (PLATE_HEIGHT_M if plan.goal.kind == "plate" else 0.0) / 2)
        things.append(_thing("goal", in_world(goal_pose(plan)), flat, view))
    return FrameTruth(
        t_ns=t_ns,
        camera_position_m=_three(view.pose.position),
        camera_quaternion=quaternion_from_rotation(view.pose.rotation),
        hands=(),
        things=tuple(things),
    )


def _thing(name: str, pose: Pose, half_m: tuple[float, ...], view: Camera) -> ThingTruth:
    """A box of half sizes half_m about its centre; the picture's box is that of its corners."""
    corners = view.project(pose.to_world(_CORNERS * half_m))
    low, high = corners.min(axis=0), corners.max(axis=0)
    hidden = bool(np.isnan(corners).any())
    box = None if hidden else tuple(round(float(v), 4) for v in (*low, *high))
    return ThingTruth(
        name=name,
        position_m=_three(pose.position),
        quaternion=quaternion_from_rotation(pose.rotation),
        box=None if box is None else (box[0], box[1], box[2], box[3]),
    )


def _three(values: Floats) -> tuple[float, float, float]:
    return round(float(values[0]), 4), round(float(values[1]), 4), round(float(values[2]), 4)
