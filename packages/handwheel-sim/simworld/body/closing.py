"""Fingers that close on a thing until their skin touches it, and where an open hand first fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from simworld.body.hands import BONES, Arm, HandPose, Skin
from simworld.scene_types import Floats, Ints, Pose

Bools = npt.NDArray[np.bool_]
Field = Callable[[Floats], Floats]  # world points (N, 3) to distances (N,) in m

GAP_M = 0.0005  # what fingers stop at
PALM = 15  # number of the palm among the 15 segments of fingers, three a finger from the thumb on


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """Some of a hand's skin, to feel with. segment (N,): 3 * finger + 0..2 from the root, PALM for the palm."""

    arm: Arm
    skin: Skin
    segment: Ints

    def pose_vertices(self, wrist: Pose, flex: Floats, spread: float) -> Floats:
        """(T, N, 3) in the world for flex (T, 5, 3)."""
        bones = np.tile(np.eye(3, 4), (len(flex), len(BONES), 1, 1))
        bones[:, 4:] = self.arm.finger_bones(flex, spread)
        blend = np.einsum("vk,tvkab->tvab", self.skin.weights, bones[:, self.skin.bones])
        points = np.einsum("tvab,vb->tva", blend[..., :3], self.skin.rest) + blend[..., 3]
        return np.asarray(points @ wrist.rotation.T + wrist.position)

    def nearest(self, distances: Floats) -> Floats:
        """(T, 16) least distance of each segment for distances (T, N)."""
        return np.stack([distances[:, self.segment == s].min(axis=1) for s in range(PALM + 1)], axis=1)


@cache
def make_probe(body_arm: Arm, stride: int) -> Probe:
    """Every stride-th vertex of the hand."""
    chosen = np.arange(0, len(body_arm.hand_vertices), stride)
    finger, part = body_arm.finger_of[chosen], body_arm.segment_of[chosen]
    segment = np.where(finger < 0, PALM, finger * 3 + part - 1).astype(np.int32)
    return Probe(body_arm, body_arm.skin.part(body_arm.hand_vertices[chosen]), segment)


def sample_on_grid(field: Field, low: Floats, high: Floats, step_m: float) -> Field:
    """The field read off a grid of its values in a box; outside it grows with the distance from the box."""
    count = np.ceil((high - low) / step_m).astype(int) + 1
    axes = [low[k] + step_m * np.arange(count[k]) for k in range(3)]
    values = field(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3))
    strides = np.array([count[1] * count[2], count[2], 1])
    corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])

    def read(points: Floats) -> Floats:
        at = (points - low) / step_m
        inner = np.clip(at, 0, count - 1.000001)
        cell = inner.astype(int)
        share = inner - cell
        base = cell @ strides
        out = np.zeros(len(points))
        for corner in corners:
            weight = np.prod(np.where(corner, share, 1 - share), axis=1)
            out += weight * values[base + corner @ strides]
        return np.asarray(out + np.linalg.norm(at - inner, axis=1) * step_m)

    return read


def backing_distance_m(field: Field, points: Floats, back: Floats, reach_m: float, clear_m: float) -> float | None:
    """How far points (N, 3) must go along `back` (3,) so that they and all places further back are free.

    None: not within reach_m.
    """
    step = 0.004
    ways = np.arange(0, reach_m + 1e-9, step)
    free = _are_clear(field, points, back, ways, clear_m)
    if free.all():
        return 0.0
    last = int(np.flatnonzero(~free)[-1])
    if last == len(ways) - 1:
        return None
    fine = ways[last] + step * np.arange(1, 17) / 16
    return float(fine[np.flatnonzero(_are_clear(field, points, back, fine, clear_m))[0]])


def _are_clear(field: Field, points: Floats, back: Floats, ways: Floats, clear_m: float) -> Bools:
    moved = points[None] + ways[:, None, None] * back
    return np.asarray(field(moved.reshape(-1, 3)).reshape(len(ways), -1).min(axis=1) >= clear_m)


def close_fingers(feel: Probe, field: Field, pose: HandPose, shut: Floats, steps: int) -> Floats:
    """Flex (5, 3) of fingers that went from the pose towards `shut` (5, 3) until skin met the field.

    A finger whose inner part is stopped goes on with its outer joints. steps: of a sweep, refined by as many.
    """
    flex, active = pose.flex.copy(), np.ones((5, 3), bool)
    for _ in range(3):
        target = np.where(active, shut, flex)
        safe, hit = _sweep(feel, field, pose, flex, target, steps)
        flex = flex + safe[:, None] * (target - flex)
        active &= _still_free(hit)
        if not active.any():
            break
    return flex


def _sweep(feel: Probe, field: Field, pose: HandPose, flex: Floats, target: Floats, steps: int) -> tuple[Floats, Bools]:
    """Share (5,) of the way that each finger goes freely, and which segments (5, 3) stop it."""
    low, width = np.zeros(5), 1.0
    hit = np.zeros((5, 3), bool)
    for _ in range(2):
        shares = np.minimum(low + width * np.arange(1, steps + 1)[:, None] / steps, 1.0)  # (T, 5)
        ways = flex + shares[..., None] * (target - flex)
        points = feel.pose_vertices(pose.wrist, ways, pose.spread)
        distances = field(points.reshape(-1, 3)).reshape(points.shape[:2])
        met = feel.nearest(distances)[:, :PALM].reshape(steps, 5, 3) < GAP_M
        any_met = met.any(axis=2)
        first = np.where(any_met.any(axis=0), any_met.argmax(axis=0), steps)
        hit = np.where((first < steps)[:, None], met[np.minimum(first, steps - 1), np.arange(5)], hit)
        low = np.where(first > 0, shares[np.maximum(first - 1, 0), np.arange(5)], low)
        width /= steps
    return low, hit


def _still_free(hit: Bools) -> Bools:
    """Joints (5, 3) that may still bend: beyond the outermost stopped segment; none of a finger that met nothing."""
    outermost = np.where(hit.any(axis=1), 3 - hit[:, ::-1].argmax(axis=1), 3)
    free = np.arange(3) >= outermost[:, None]
    free[0] = (outermost[0] < 2) & (np.arange(3) == 2)  # the thumb's last number bends both of its outer joints
    return np.asarray(free)
