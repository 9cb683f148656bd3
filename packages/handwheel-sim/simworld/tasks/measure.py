"""The truth of a planned recording, from poses alone: nothing is rendered for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from schemas.spans import NS
from schemas.truth import FrameTruth, HandTruth, RecordingTruth, ShotTruth, ThingTruth
from simworld.rotations import quaternion_from_rotation
from simworld.scene_types import Camera, Floats, Pose, Thing
from simworld.tasks import scene_graph, take, visibility
from simworld.tasks.plan import RecordingPlan, ShotPlan
from simworld.tasks.script import Hand
from simworld.tasks.take import PlayedShot, SceneState

TOUCH_M = 0.0015
SPARSE_M = 0.02  # a sixteenth of the skin's points misses the nearest one by less
MAX_DEPTH_M = 0.00105  # of a hand in a thing: written as 1.0 mm
TABLES = 3
FAR_M = 9.0  # the distance where there is no thing


def measure_plan(plan: RecordingPlan) -> RecordingTruth:
    """Everything about the recording but its bytes' hash."""
    return measure_shots(plan, [play_best(shot) for shot in plan.shots])


def play_best(shot: ShotPlan) -> PlayedShot:
    """The first of a few tables at which no hand goes deeper than MAX_DEPTH_M into a thing; else the least deep one."""
    deepest, best = -np.inf, None
    for again in range(TABLES):
        one = take.play(shot, again)
        depth = _deepest_m(one)
        if best is None or depth > deepest:
            deepest, best = depth, one
        if deepest >= -MAX_DEPTH_M:
            break
    assert best is not None
    return best


def _deepest_m(of: PlayedShot) -> float:
    """Least signed distance of any human hand to any thing over the take's frames."""
    names = [n for n, hand in of.script.hands.items() if hand.human]
    states = (of.at(k / of.shot.fps_hz) for k in range(of.shot.frame_count))
    return min((min(gaps_m(of, s, n).values(), default=FAR_M) for s in states for n in names), default=FAR_M)


def measure_shots(plan: RecordingPlan, takes: Sequence[PlayedShot]) -> RecordingTruth:
    """The same of takes that are there already, one a shot."""
    shots: list[ShotTruth] = []
    frames: list[FrameTruth] = []
    fps_hz = plan.shots[0].fps_hz
    for one in takes:
        first = len(frames)
        frames += [frame(one, k / fps_hz, frame_ns(first + k, fps_hz)) for k in range(one.shot.frame_count)]
        shots.append(scene_graph.shot_truth(one, first, len(frames)))
    lens = plan.shots[0].lens
    return RecordingTruth(
        name=plan.name,
        sha256="",
        fps_hz=fps_hz,
        width_px=lens.width_px,
        height_px=lens.height_px,
        focal_px=lens.focal_px,
        shots=tuple(shots),
        frames=tuple(frames),
    )


def frame_ns(index: int, fps_hz: float) -> int:
    """A frame's time from the first."""
    return round(index * NS / fps_hz)


def frame(of: PlayedShot, t_s: float, t_ns: int) -> FrameTruth:
    """One frame of a take."""
    state = of.at(t_s)
    names = [n for n, hand in of.script.hands.items() if hand.human]
    pose = state.camera.pose
    return FrameTruth(
        t_ns=t_ns,
        camera_position_m=_three(pose.position),
        camera_quaternion=quaternion_from_rotation(pose.rotation),
        hands=tuple(_hand(of, state, name) for name in names),
        things=tuple(_thing(name, of.script.props[name].thing, at, state.camera) for name, at in state.things.items()),
    )


def gaps_m(of: PlayedShot, state: SceneState, name: str) -> dict[str, float]:
    """Signed distance of a hand's skin from each thing that may be the nearest or touched."""
    hand = of.script.hands[name]
    skin = state.shapes[name].vertices[hand.arm.hand_vertices]
    bounds = {key: float(of.script.props[key].bounds_m(skin[::16], at).min()) for key, at in state.things.items()}
    out: dict[str, float] = {}
    for key in sorted(bounds, key=lambda k: (bounds[k], k)):
        nearest = min(out.values(), default=FAR_M)
        if bounds[key] - SPARSE_M > max(nearest, TOUCH_M):
            break
        out[key] = of.script.props[key].nearest(skin, state.things[key])[0]
    return out


def _hand(of: PlayedShot, state: SceneState, name: str) -> HandTruth:
    hand, shape = of.script.hands[name], state.shapes[name]
    at = state.camera.project(shape.keypoints)
    behind = not bool(np.isfinite(at).all())
    gaps = gaps_m(of, state, name)
    others = [visibility.capsules(s) for other, s in state.shapes.items() if other != name]
    things = [(of.script.props[key], place) for key, place in state.things.items()]
    visible = 0.0 if behind else visibility.visible_share(state.camera, hand.arm, shape, things, others)
    return HandTruth(
        side=hand.side,
        person=hand.person,
        box=None if behind else _box(at),
        keypoints=() if behind else tuple(_r(v) for v in at.ravel()),
        keypoints_m=tuple(_r(v) for v in shape.keypoints.ravel()),
        visible=_r(visible),
        blur_px=0.0 if behind else round(_blur_px(of, hand, state.t_s), 2),
        touches=tuple(sorted(key for key, gap in gaps.items() if gap <= TOUCH_M)),
        deepest_mm=round(min(gaps.values(), default=FAR_M) * 1000, 1) + 0.0,
    )


def _blur_px(of: PlayedShot, hand: Hand, t_s: float) -> float:
    """Median way of the 21 points on the picture between the shutter's opening and its closing."""
    times = take.exposures(t_s, of.shot.fps_hz, of.shot.camera_settings, 2)
    if len(times) < 2:
        return 0.0
    ends = []
    for t in times:
        points = hand.arm.keypoints(hand.arm.bones(hand.at(t)))
        ends.append(of.head.at(t, of.script).project(points))
    lens = of.shot.lens
    way = np.linalg.norm((ends[1] - ends[0]) * (lens.width_px, lens.height_px), axis=1)
    return float(np.nanmedian(way)) if np.isfinite(way).any() else 0.0


def _thing(name: str, thing: Thing, at: Pose, camera: Camera) -> ThingTruth:
    points = camera.project(at.to_world(np.concatenate([m.vertices for m in thing.meshes])))
    return ThingTruth(
        name=name,
        position_m=_three(at.position),
        quaternion=quaternion_from_rotation(at.rotation),
        box=_box(points) if np.isfinite(points).all() else None,
    )


def _box(points: Floats) -> tuple[float, float, float, float]:
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    return _r(x0), _r(y0), _r(x1), _r(y1)


def _three(v: Floats) -> tuple[float, float, float]:
    return _r(v[0]), _r(v[1]), _r(v[2])


def _r(value: float) -> float:
    return round(float(value), 4) + 0.0
