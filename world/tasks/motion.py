"""How things move: rotations, minimum jerk, straight and arched ways, falling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from world.parts import Floats, Pose

GRAVITY_M_S2 = 9.81
UP = np.array([0.0, 0.0, 1.0])


def vec(x: float, y: float, z: float) -> Floats:
    """(3,) float64."""
    return np.array([x, y, z], dtype=np.float64)


def unit(v: Floats) -> Floats:
    """v at length one."""
    return np.asarray(v / (np.linalg.norm(v) + 1e-12))


def smooth(u: float) -> float:
    """Minimum jerk from 0 at u <= 0 to 1 at u >= 1 (Flash and Hogan 1985)."""
    x = min(max(u, 0.0), 1.0)
    return x * x * x * (10.0 - 15.0 * x + 6.0 * x * x)


def turned(axis: Floats, angle_rad: float) -> Floats:
    """(3, 3) rotation about an axis, Rodrigues' formula."""
    x, y, z = unit(axis)
    k = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.asarray(np.eye(3) + np.sin(angle_rad) * k + (1.0 - np.cos(angle_rad)) * (k @ k))


def angle_between(a: Floats, b: Floats) -> float:
    """Radians from one rotation to another."""
    return float(np.arccos(np.clip((np.trace(b @ a.T) - 1.0) / 2.0, -1.0, 1.0)))


def slerp(a: Floats, b: Floats, u: float) -> Floats:
    """The rotation a share u of the shortest way from a to b."""
    way = b @ a.T
    angle = angle_between(a, b)
    if angle < 1e-6:
        return a
    axis = np.array([way[2, 1] - way[1, 2], way[0, 2] - way[2, 0], way[1, 0] - way[0, 1]])
    if np.linalg.norm(axis) < 1e-6:  # half a turn: any axis of the symmetric part
        axis = (way + np.eye(3))[int(np.argmax(np.diag(way)))]
    return np.asarray(turned(axis, angle * u) @ a)


def between(a: Pose, b: Pose, u: float, arc: Floats | None = None) -> Pose:
    """The pose a share u of the way from a to b; `arc` (3,) m is added at its middle."""
    position = a.position * (1.0 - u) + b.position * u
    if arc is not None:
        position = position + arc * np.sin(np.pi * u)
    return Pose(position, slerp(a.rotation, b.rotation, u))


def moved(pose: Pose, by: Floats) -> Pose:
    """The pose shifted by (3,) m of the world."""
    return Pose(pose.position + by, pose.rotation)


def spun(pose: Pose, angle_rad: float) -> Pose:
    """The pose turned about the vertical through its own origin."""
    return Pose(pose.position, turned(UP, angle_rad) @ pose.rotation)


def upright(x: float, y: float, z: float = 0.0, yaw_rad: float = 0.0) -> Pose:
    """A thing standing at a place."""
    return Pose(vec(x, y, z), turned(UP, yaw_rad))


def hand_frame(forward: Floats | Sequence[float], back: Floats | Sequence[float]) -> Floats:
    """(3, 3) of a wrist whose fingers point `forward` and whose back of the hand faces `back`."""
    z = -unit(np.asarray(forward, dtype=np.float64))
    y = np.asarray(back, dtype=np.float64)
    y = unit(y - z * (y @ z))
    return np.stack([np.cross(y, z), y, z], axis=1)


def looking(eye: Floats, at: Floats, roll_rad: float = 0.0) -> Pose:
    """A camera's pose (x right, y down, z forward) at `eye` with `at` in the middle of its picture."""
    forward = unit(at - eye)
    right = unit(np.cross(forward, UP))
    rotation = np.stack([right, np.cross(forward, right), forward], axis=1)
    return Pose(eye, rotation @ turned(vec(0, 0, 1), roll_rad))


def quaternion(rotation: Floats) -> tuple[float, float, float, float]:
    """w, x, y, z of a rotation, w >= 0 (Shepperd's method, the largest of four first)."""
    m = rotation
    trace = m[0, 0] + m[1, 1] + m[2, 2]
    k = int(np.argmax([trace, m[0, 0], m[1, 1], m[2, 2]]))
    if k == 0:
        q = np.array([1 + trace, m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]])
    elif k == 1:
        q = np.array([m[2, 1] - m[1, 2], 1 + 2 * m[0, 0] - trace, m[0, 1] + m[1, 0], m[0, 2] + m[2, 0]])
    elif k == 2:
        q = np.array([m[0, 2] - m[2, 0], m[0, 1] + m[1, 0], 1 + 2 * m[1, 1] - trace, m[1, 2] + m[2, 1]])
    else:
        q = np.array([m[1, 0] - m[0, 1], m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], 1 + 2 * m[2, 2] - trace])
    q = q / np.linalg.norm(q) * (1.0 if q[0] >= 0 else -1.0)
    return float(q[0]), float(q[1]), float(q[2]), float(q[3])


def fallen_m(seconds: float) -> float:
    """How far a thing has fallen from rest."""
    return 0.5 * GRAVITY_M_S2 * seconds * seconds


def fall_s(height_m: float) -> float:
    """How long a fall from rest takes."""
    return float(np.sqrt(2.0 * max(height_m, 0.0) / GRAVITY_M_S2))
