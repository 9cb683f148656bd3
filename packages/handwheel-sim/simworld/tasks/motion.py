"""How things move: rotations, minimum jerk, straight and arched ways, falling."""

from __future__ import annotations

import numpy as np

from simworld.rotations import rotation_about, unit
from simworld.scene_types import Floats, Pose

GRAVITY_M_S2 = 9.81
UP = np.array([0.0, 0.0, 1.0])


def vec(x: float, y: float, z: float) -> Floats:
    """(3,) float64."""
    return np.array([x, y, z], dtype=np.float64)


def minimum_jerk(u: float) -> float:
    """Minimum jerk from 0 at u <= 0 to 1 at u >= 1 (Flash and Hogan 1985)."""
    x = min(max(u, 0.0), 1.0)
    return x * x * x * (10.0 - 15.0 * x + 6.0 * x * x)


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
    return np.asarray(rotation_about(axis, angle * u) @ a)


def interpolate(a: Pose, b: Pose, u: float, arc: Floats | None = None) -> Pose:
    """The pose a share u of the way from a to b; `arc` (3,) m is added at its middle."""
    position = a.position * (1.0 - u) + b.position * u
    if arc is not None:
        position = position + arc * np.sin(np.pi * u)
    return Pose(position, slerp(a.rotation, b.rotation, u))


def translate(pose: Pose, by: Floats) -> Pose:
    """The pose shifted by (3,) m of the world."""
    return Pose(pose.position + by, pose.rotation)


def spin(pose: Pose, angle_rad: float) -> Pose:
    """The pose turned about the vertical through its own origin."""
    return Pose(pose.position, rotation_about(UP, angle_rad) @ pose.rotation)


def upright_pose(x: float, y: float, z: float = 0.0, yaw_rad: float = 0.0) -> Pose:
    """A thing standing at a place."""
    return Pose(vec(x, y, z), rotation_about(UP, yaw_rad))


def look_at(eye: Floats, at: Floats, roll_rad: float = 0.0) -> Pose:
    """A camera's pose (x right, y down, z forward) at `eye` with `at` in the middle of its picture."""
    forward = unit(at - eye)
    right = unit(np.cross(forward, UP))
    rotation = np.stack([right, np.cross(forward, right), forward], axis=1)
    return Pose(eye, rotation @ rotation_about(vec(0, 0, 1), roll_rad))


def fall_distance_m(seconds: float) -> float:
    """How far a thing has fallen from rest."""
    return 0.5 * GRAVITY_M_S2 * seconds * seconds


def fall_duration_s(height_m: float) -> float:
    """How long a fall from rest takes."""
    return float(np.sqrt(2.0 * max(height_m, 0.0) / GRAVITY_M_S2))
