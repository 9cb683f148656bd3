"""What of a hand a camera can see: rays against signed distances and capsules."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from simworld.body.hands import Arm, ArmShape
from simworld.rotations import unit
from simworld.scene_types import Camera, Floats, Pose
from simworld.tasks.script import Prop

POINTS = 200
BONES = ((0, 1), (1, 2), (2, 3), (3, 4), (0, 5), (5, 6), (6, 7), (7, 8), (0, 9), (9, 10), (10, 11), (11, 12),
         (0, 13), (13, 14), (14, 15), (15, 16), (0, 17), (17, 18), (18, 19), (19, 20))  # fmt: skip
FINGER_M, PALM_M, FOREARM_M, FOREARM_LONG_M = 0.0075, 0.011, 0.03, 0.2
OWN_M = 0.012  # skin this close to a bone's capsule is that bone's own
BEFORE_M = 0.025  # and what is nearer to it than this along the ray does not hide it
SHORT_M = 0.004  # a ray ends this far before the skin
HIT_M, STEP_M, STEPS = 3e-4, 1.5e-3, 24

Mask = npt.NDArray[np.bool_]
Capsules = tuple[Floats, Floats, Floats]  # ends (N, 3), ends (N, 3), radii (N,)


def sample_vertices(arm: Arm) -> Floats:
    """Indices (POINTS,) of vertices spread over the hand."""
    return np.asarray(arm.hand_vertices[np.linspace(0, len(arm.hand_vertices) - 1, POINTS).astype(int)])


def capsules(shape: ArmShape) -> Capsules:
    """Twenty bones and the forearm."""
    k = shape.keypoints
    a, b = k[[p for p, _ in BONES]], k[[q for _, q in BONES]]
    radii = np.array([PALM_M if p == 0 else FINGER_M for p, _ in BONES] + [FOREARM_M])
    back = k[0] + unit(_elbow(shape) - k[0]) * FOREARM_LONG_M
    near = k[0] + unit(back - k[0]) * 0.04
    return np.concatenate([a, near[None]]), np.concatenate([b, back[None]]), radii


def visible_share(
    camera: Camera, arm: Arm, shape: ArmShape, things: Iterable[tuple[Prop, Pose]], others: list[Capsules]
) -> float:
    """Share of the hand's skin that faces the camera and is inside the picture and not hidden, 0..1."""
    points = shape.vertices[sample_vertices(arm)]
    eye = camera.pose.position
    own = capsules(shape)
    nearest, foot = _nearest(points, own)
    front = ((points - foot) * (eye - points)).sum(axis=1) > 0
    points, nearest = points[front], nearest[front]
    if not len(points):
        return 0.0
    at = camera.project(points)
    in_view: Mask = np.asarray(((np.nan_to_num(at, nan=-1.0) >= 0) & (np.nan_to_num(at, nan=2.0) <= 1)).all(axis=1))
    for prop, pose in things:
        in_view[in_view] &= ~is_hidden_by(prop, pose, eye, points[in_view])
    for other in others:
        in_view[in_view] &= (_rays_to(eye, points[in_view], other)[0] > other[2]).all(axis=1)
    away, before = _rays_to(eye, points[in_view], own)
    in_view[in_view] &= ((away > own[2]) | (nearest[in_view] < own[2] + OWN_M) | (before < BEFORE_M)).all(axis=1)
    return float(in_view.sum()) / len(points)


def is_hidden_by(prop: Prop, pose: Pose, eye: Floats, points: Floats) -> Mask:
    """(N,) whether the thing stands between the eye and each point."""
    way = points - eye
    length = np.linalg.norm(way, axis=1)
    way = way / length[:, None]
    enter, leave = prop.crossed(eye, way, pose)
    t, end = np.maximum(enter, 0.0), np.minimum(length - SHORT_M, leave)
    live = t < end
    out = np.zeros(len(points), dtype=bool)
    for _ in range(STEPS):
        if not live.any():
            break
        away = prop.thing.distance_from(eye + way[live] * t[live, None], pose)
        index = np.flatnonzero(live)
        out[index[away < HIT_M]] = True
        t[index] += np.maximum(away, STEP_M)
        live[index] = (away >= HIT_M) & (t[index] < end[index])
    return out


def _nearest(points: Floats, caps: Capsules) -> tuple[Floats, Floats]:
    """Distances (N, C) of points from the capsules' axes, and the nearest axis point (N, 3)."""
    a, b, radii = caps
    way = b - a
    u = np.clip(((points[:, None] - a) * way).sum(axis=2) / ((way**2).sum(axis=1) + 1e-12), 0, 1)
    foot = a + u[..., None] * way
    distance = np.linalg.norm(points[:, None] - foot, axis=2)
    best = (distance - radii).argmin(axis=1)
    return distance, foot[np.arange(len(points)), best]


def _rays_to(eye: Floats, points: Floats, caps: Capsules) -> tuple[Floats, Floats]:
    """Distances (N, C) of the segments eye-point from the capsules' axes, and how far before the point that is.

    Ericson, Real-Time Collision Detection, closest points of two segments.
    """
    a, b, _ = caps
    d1, d2, r = (points - eye)[:, None], (b - a)[None], (eye - a)[None]
    aa, ee, ff = (d1**2).sum(2), (d2**2).sum(2) + 1e-12, (d2 * r).sum(2)
    cc, bb = (d1 * r).sum(2), (d1 * d2).sum(2)
    s = np.clip((bb * ff - cc * ee) / np.maximum(aa * ee - bb * bb, 1e-12), 0, 1)
    t = np.clip((bb * s + ff) / ee, 0, 1)
    s = np.clip((bb * t - cc) / np.maximum(aa, 1e-12), 0, 1)
    away = np.linalg.norm(r + d1 * s[..., None] - d2 * t[..., None], axis=2)
    return np.asarray(away), np.asarray((1 - s) * np.sqrt(aa))


def _elbow(shape: ArmShape) -> Floats:
    """A point towards the elbow: the far end of the forearm's skin is behind the wrist along its bone."""
    return np.asarray(shape.keypoints[0] + shape.bones[1, :, :3] @ np.array([0.0, 0.0, 1.0]))
