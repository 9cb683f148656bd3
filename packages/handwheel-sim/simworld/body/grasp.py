"""Where to put a hand so that it holds a thing: some hundred ways tried, the most natural one that touches kept."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simworld.body.approaches import APPROACHES, FLOOR_M, Approach, GraspTask
from simworld.body.closing import PALM, Field, Probe, backing_distance_m, close_fingers, make_probe, sample_on_grid
from simworld.body.hands import Arm, HandPose
from simworld.rotations import unit
from simworld.scene_types import Floats, Pose, Thing

HOWS = tuple(APPROACHES)
TOUCH_M = 0.0015  # skin nearer than this touches
MAX_DEPTH_M = 0.001  # skin may be this deep inside
MAX_BEND_RAD = np.radians(60)  # between forearm and hand
CLEAR_M = 0.0012  # of the open hand
FINALISTS = 4

MAX_OPPOSITION_COSINE = 0.3  # cosine between the two most different ways that touching skin pushes; a wall's are 1


@dataclass(frozen=True, slots=True, eq=False)
class Grasp:
    """An open hand about a thing, and the same hand closed on it. touches: within TOUCH_M, and nowhere deeper than
    MAX_DEPTH_M; where it is False, `closed` is the open hand, which is clear of the thing."""

    open: HandPose
    closed: HandPose
    touches: bool


def find_grasp(arm: Arm, thing: Thing, at: Pose, how: str, elbow: Floats) -> Grasp:
    """The hand's grip on a thing that stands at a pose; the forearm comes from the elbow (3,) m.

    how: side (round an upright thing), top (from above), pinch (thumb and two fingers), flat (palm down on it),
    handle (over a bar that sticks out of its front), rim (finger tips round a knob or lid). ValueError: another one.
    """
    if how not in HOWS:
        raise ValueError(f"no grip is called {how!r}: {', '.join(HOWS)}")
    task = GraspTask(arm, thing, at, how, np.asarray(elbow, np.float64))
    tries = list(APPROACHES[how](task))
    coarse = _coarse(task, tries)
    scored = []
    for trial in tries:
        pose = _back_off(task, trial, coarse, make_probe(arm, 15))
        if pose is not None:
            flex = close_fingers(make_probe(arm, 15), coarse, pose, trial.shut, 10)
            feel = make_probe(arm, 15)
            near = _near(feel, coarse, pose, flex)
            against = _opposition(feel, coarse, pose, flex, 0.003)
            scored.append((_score(task, pose, near, against, flex, 0.003), pose, trial))
    scored.sort(key=lambda s: -s[0])
    return _best(task, coarse, [s for s in scored if s[0] > 0][:FINALISTS]) or _clear_hand(task, scored, tries[0])


def carry_hand(grip: Grasp, at: Pose, new_at: Pose) -> HandPose:
    """The same grip on the thing moved from `at` to `new_at`; the elbow goes half of the hand's way."""
    turn = new_at.rotation @ at.rotation.T
    old = grip.closed.wrist
    wrist = Pose(turn @ (old.position - at.position) + new_at.position, turn @ old.rotation)
    elbow = grip.closed.elbow
    moved = None if elbow is None else elbow + 0.5 * (wrist.position - old.position)
    return replace(grip.closed, wrist=wrist, elbow=moved)


def elbow_for(wrist_position: Floats, side: str, person: str) -> Floats:
    """Where the elbow (3,) m is when the wrist is there: outwards and down of the line to the shoulder.

    person: wearer, or other, who sits across the table. Upper arm and forearm are an average adult's.
    """
    facing = 1.0 if person == "wearer" else -1.0
    across = facing * (1.0 if side == "right" else -1.0)
    shoulder = np.array([0.20 * across, -0.46 if person == "wearer" else 0.86, 0.24])
    way = shoulder - wrist_position
    length, fore, upper = float(np.linalg.norm(way)), 0.25, 0.27
    along = min((fore**2 - upper**2 + length**2) / (2 * length), fore)
    off = np.sqrt(max(fore**2 - along**2, 0.0))
    pole = np.array([0.8 * across, -0.2 * facing, -0.6])
    pole = unit(pole - way * (pole @ way) / length**2)
    elbow = wrist_position + way / length * along + pole * off
    return np.asarray([elbow[0], elbow[1], max(elbow[2], 0.045)])


def _coarse(task: GraspTask, tries: list[Approach]) -> Field:
    """The obstacles near the thing on a grid, for the search."""
    points = np.concatenate([task.at.to_world(mesh.vertices) for mesh in task.thing.meshes])
    target = np.mean([t.target for t in tries], axis=0)
    low = np.maximum(points.min(axis=0), target - 0.11) - 0.012
    high = np.minimum(points.max(axis=0), target + 0.11) + 0.012
    near = sample_on_grid(task.distance, low, high, 0.004)
    floor = task.at.position[2] >= -0.01
    return lambda p: np.minimum(near(p), p[:, 2] - FLOOR_M) if floor else near(p)


def _back_off(task: GraspTask, trial: Approach, field: Field, feel: Probe) -> HandPose | None:
    """The open hand, backed off until it is clear; None where that takes too far or the wrist would be bent."""
    start = HandPose(Pose(np.zeros(3), trial.rotation), trial.open, trial.spread, task.elbow)
    origin = trial.target - trial.rotation @ trial.grip
    if _bend(replace(start, wrist=Pose(origin, trial.rotation))) > MAX_BEND_RAD + 0.2:
        return None
    points = feel.pose_vertices(start.wrist, trial.open[None], trial.spread)[0] + origin
    way = backing_distance_m(field, points, trial.back, 0.10, CLEAR_M)
    if way is None:
        return None
    pose = replace(start, wrist=Pose(np.round(origin + way * trial.back, 5), trial.rotation))
    return pose if _bend(pose) <= MAX_BEND_RAD else None


def _back_off_exactly(task: GraspTask, rough: HandPose, trial: Approach, coarse: Field) -> HandPose | None:
    """The open hand backed off exactly, from a little before where the search has put it."""
    start = rough.wrist.position - 0.004 * trial.back
    points = make_probe(task.arm, 3).pose_vertices(rough.wrist, rough.flex[None], rough.spread)[0]
    near = points[coarse(points) < 0.015] - 0.004 * trial.back
    way = backing_distance_m(task.obstacle, near, trial.back, 0.012, CLEAR_M) if len(near) else 0.0
    if way is None:
        return None
    pose = replace(rough, wrist=Pose(np.round(start + way * trial.back, 5), rough.wrist.rotation))
    return pose if _bend(pose) <= MAX_BEND_RAD else None


def _bend(pose: HandPose) -> float:
    """Between the forearm and the hand, rad."""
    assert pose.elbow is not None
    fore = unit(pose.wrist.position - pose.elbow)
    return float(np.arccos(np.clip(fore @ -pose.wrist.rotation[:, 2], -1, 1)))


def _near(feel: Probe, field: Field, pose: HandPose, flex: Floats) -> Floats:
    """(16,) least distance of each segment."""
    points = feel.pose_vertices(pose.wrist, flex[None], pose.spread)
    return np.asarray(feel.nearest(field(points[0])[None])[0])


def _opposition(feel: Probe, field: Field, pose: HandPose, flex: Floats, touch_m: float) -> float:
    """The least cosine between normals of the field where the hand's segments touch it; 1 where fewer than two do."""
    points = feel.pose_vertices(pose.wrist, flex[None], pose.spread)[0]
    away = field(points)
    order = np.argsort(away, kind="stable")
    firsts = order[np.unique(feel.segment[order], return_index=True)[1]]  # the nearest of each segment
    firsts = firsts[away[firsts] < touch_m]
    if len(firsts) < 2:
        return 1.0
    steps = points[firsts][:, None] + 0.002 * np.concatenate([np.eye(3), -np.eye(3)])
    values = field(steps.reshape(-1, 3)).reshape(-1, 2, 3)
    normals = values[:, 0] - values[:, 1]
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    return float((normals @ normals.T).min())


def _score(task: GraspTask, pose: HandPose, near: Floats, against: float, flex: Floats, touch_m: float) -> float:
    """Larger is better; at most 0 is not a grip. against: of _opposition()."""
    fingers = near[:PALM].reshape(5, 3).min(axis=1) < touch_m
    tips = near[:PALM].reshape(5, 3)[:, 2] < touch_m
    palm = float(near[PALM] < 2 * touch_m)
    if not _holds(task.how, fingers, bool(near[PALM] < touch_m)) or (
        task.how != "flat" and against > MAX_OPPOSITION_COSINE
    ):
        return 0.0
    uneven = float(np.abs(np.diff(flex[1:].sum(axis=1))).sum())
    bend = _bend(pose)
    wish = {"side": palm, "flat": palm}.get(task.how, 0.0)
    return (
        6
        + float(fingers.sum() + 0.6 * tips.sum())
        + 1.5 * wish
        - 2.5 * bend**2
        - 0.25 * uneven
        - (1.5 * max(against, -0.3) if task.how != "flat" else 0.0)
    )


def _holds(how: str, fingers: Floats, palm: bool) -> bool:
    """Thumb and a finger; a flat hand holds down with its palm, or any two."""
    if how == "flat":
        return int(fingers.sum()) + int(palm) >= 2
    return bool(fingers[0] and fingers[1:].any())


def _best(task: GraspTask, coarse: Field, finalists: list[tuple[float, HandPose, Approach]]) -> Grasp | None:
    """The first of the finalists' grips, closed exactly, that touches and goes nowhere too deep."""
    best: tuple[float, Grasp] | None = None
    for _, rough, trial in finalists:
        pose = _back_off_exactly(task, rough, trial, coarse)
        if pose is None:
            continue
        feel = make_probe(task.arm, 4)
        flex = _relax_idle_fingers(close_fingers(feel, task.obstacle, pose, trial.shut, 12), pose, feel, task)
        shut = replace(pose, flex=np.round(flex, 4))
        skin = make_probe(task.arm, 1)
        near = _near(skin, task.distance, shut, shut.flex)
        against = _opposition(feel, task.distance, shut, shut.flex, TOUCH_M)
        score = _score(task, shut, near, against, flex, TOUCH_M - 1e-4)
        open_near = _near(skin, task.distance, pose, pose.flex)
        if min(near.min(), open_near.min()) > -MAX_DEPTH_M + 1e-4 and score > (best[0] if best else 0.0):
            best = (score, Grasp(pose, shut, True))
    return best[1] if best else None


def _relax_idle_fingers(flex: Floats, pose: HandPose, feel: Probe, task: GraspTask) -> Floats:
    """Fingers that met nothing bend no more than a little further than their neighbour towards the thumb."""
    near = _near(feel, task.distance, pose, flex)[:PALM].reshape(5, 3).min(axis=1)
    out = flex.copy()
    for finger in range(2, 5):
        if near[finger] > 0.004:
            eased = np.minimum(out[finger], out[finger - 1] + (0.1, 0.12, 0.08))
            trial = out.copy()
            trial[finger] = np.maximum(eased, pose.flex[finger])
            if _near(feel, task.obstacle, pose, trial)[3 * finger : 3 * finger + 3].min() > 0:
                out = trial
    return out


def _clear_hand(task: GraspTask, scored: list[tuple[float, HandPose, Approach]], trial: Approach) -> Grasp:
    """An open hand that is clear of the thing, where nothing better was found."""
    back = trial.back
    pose = scored[0][1] if scored else None
    if pose is None:
        position = trial.target - trial.rotation @ trial.grip + 0.05 * back
        pose = HandPose(Pose(position, trial.rotation), trial.open, trial.spread, task.elbow)
    skin = make_probe(task.arm, 1)
    for _ in range(40):
        if _near(skin, task.distance, pose, pose.flex).min() > CLEAR_M:
            break
        pose = replace(pose, wrist=Pose(np.round(pose.wrist.position + 0.005 * back, 5), pose.wrist.rotation))
    return Grasp(pose, pose, False)
