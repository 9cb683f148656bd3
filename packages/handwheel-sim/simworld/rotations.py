"""Directions and rotations, as every room of the world means them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from simworld.scene_types import Floats


def unit(vector: npt.ArrayLike) -> Floats:
    """The vector (3,) at length one."""
    vector = np.asarray(vector, np.float64)
    return np.asarray(vector / (np.linalg.norm(vector) + 1e-12))


def wrist_frame(forward: npt.ArrayLike, back: npt.ArrayLike) -> Floats:
    """(3, 3) of a wrist: -z, the fingers, points forward; +y, the back of the hand, faces `back` as far as it can."""
    z = -unit(forward)
    y = np.asarray(back, np.float64)
    y = unit(y - z * (y @ z))
    return np.stack([np.cross(y, z), y, z], axis=1)


def rotation_about(axis: Floats, angle_rad: float) -> Floats:
    """(3, 3) rotation about an axis, Rodrigues' formula."""
    x, y, z = unit(axis)
    k = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.asarray(np.eye(3) + np.sin(angle_rad) * k + (1.0 - np.cos(angle_rad)) * (k @ k))


def quaternion_from_rotation(rotation: Floats) -> tuple[float, float, float, float]:
    """w, x, y, z of a rotation, w >= 0, rounded to 5 decimals (Shepperd's method, the largest of four first)."""
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
    w, x, y, z = (np.round(q, 5) + 0.0).tolist()
    return w, x, y, z
