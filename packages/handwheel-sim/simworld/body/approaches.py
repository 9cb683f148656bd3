"""How a hand may come to a thing: wrist turns and finger postures to try, grip by grip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simworld.body import hands
from simworld.body.hands import Arm, axis_rotations
from simworld.rotations import unit, wrist_frame
from simworld.scene_types import Floats, Pose, Thing

FLOOR_M = 0.001  # over the table's top, where fingers stop
UP = np.array([0.0, 0.0, 1.0])
THUMB_M = 0.058  # how far below the top a palm's middle stays, so that the thumb does not slip over it
SIDE_OPEN = np.array([[0.9, -0.35, 0.0], *[[0.1, 0.15, 0.1]] * 4])
SIDE_SHUT = np.array([[0.9, 0.75, 1.1], *[[1.45, 1.75, 1.1]] * 4])
TOP_OPEN = np.array([[1.2, -0.15, 0.05], *[[0.5, 0.45, 0.25]] * 4])
TOP_WIDE = np.array([[1.2, -0.45, 0.0], *[[0.2, 0.3, 0.15]] * 4])
TOP_SHUT = np.array([[1.2, 0.3, 0.7], *[[1.3, 1.1, 0.6]] * 4])
PINCH_OPEN = np.array([[1.2, -0.3, 0.0], [0.3, 0.35, 0.2], [0.35, 0.35, 0.2], [0.8, 0.9, 0.5], [0.9, 0.95, 0.5]])
PINCH_SHUT = np.array([[1.2, 0.15, 0.5], [1.2, 1.0, 0.4], [1.2, 1.0, 0.4], [1.3, 1.2, 0.6], [1.3, 1.2, 0.6]])
HOOK_OPEN = np.array([[1.2, -0.3, 0.0], *[[0.3, 0.5, 0.25]] * 4])
HOOK_SHUT = np.array([[1.2, 0.35, 0.8], *[[1.3, 1.6, 0.9]] * 4])
FLAT_OPEN = np.array([[0.2, -0.1, 0.0], *[[-0.1, 0.06, 0.0]] * 4])
FLAT_SHUT = np.array([[0.2, 0.35, 0.5], *[[0.55, 0.35, 0.25]] * 4])


@dataclass(frozen=True, slots=True, eq=False)
class Approach:
    """A wrist's turn, the point of its frame that belongs at the target, and the way that the hand backs off."""

    rotation: Floats
    grip: Floats
    back: Floats
    open: Floats
    shut: Floats
    spread: float
    target: Floats


@dataclass(frozen=True, slots=True, eq=False)
class GraspTask:
    """What a search needs to know."""

    arm: Arm
    thing: Thing
    at: Pose
    how: str
    elbow: Floats

    def distance(self, points: Floats) -> Floats:
        """From the thing."""
        return self.thing.distance_from(points, self.at)

    def obstacle(self, points: Floats) -> Floats:
        """From the thing and the table under it."""
        if self.at.position[2] < -0.01:
            return self.distance(points)
        return np.minimum(self.distance(points), points[:, 2] - FLOOR_M)


def _heading(task: GraspTask, target: Floats) -> Floats:
    """The level direction from the elbow to the target."""
    way = (target - task.elbow) * (1.0, 1.0, 0.0)
    return unit(way) if np.linalg.norm(way) > 1e-6 else np.array([0.0, 1.0, 0.0])


def _yaw(direction: Floats, degrees: float, sign: float) -> Floats:
    """Turned about the vertical; positive is towards the thumb of a hand that is palm down."""
    return np.asarray(axis_rotations(2, np.array([np.radians(degrees) * sign]))[0] @ direction)


def _knuckle_m(arm: Arm) -> float:
    return float(-arm.joint("middle1")[2])


def _side(task: GraspTask) -> Iterator[Approach]:
    """Thumb up or turned in, palm against the side."""
    arm, height = task.arm, task.thing.size[2]
    low = max(min(0.5 * height, height - THUMB_M), 0.038)
    for level in (low, max(0.45 * height, low + 0.012)):
        target = task.at.position + UP * level
        for yaw in (-20, 8, 38):
            forward = _yaw(_heading(task, target), yaw, arm.sign)
            out = arm.sign * np.cross(forward, UP)
            for roll in (20, 48):
                back = unit(np.cos(np.radians(roll)) * out + np.sin(np.radians(roll)) * UP)
                rotation = wrist_frame(forward - 0.15 * UP, back)
                for reach, oppose in ((0.95, 1.45), (1.12, 1.1), (1.15, 0.7)):
                    first, last = SIDE_OPEN.copy(), SIDE_SHUT.copy()
                    first[0, 0] = last[0, 0] = oppose
                    grip = np.array([0.0, -0.01, -_knuckle_m(arm) * reach])
                    level_back = unit(rotation[:, 1] * (1, 1, 0.3))
                    yield Approach(rotation, grip, level_back, first, last, 0.7, target)


def _between_tips(
    arm: Arm, flexes: tuple[Floats, Floats], fingers: tuple[int, ...], spread: float, gap_m: float
) -> Floats:
    """Middle between the thumb's and the fingers' tips, when closing has brought them so near; in the wrist's frame."""
    shares = np.linspace(0, 1, 25)[:, None, None]
    flex = (1 - shares) * flexes[0] + shares * flexes[1]
    bones = arm.finger_bones(flex, spread)
    tips = [_tip(arm, bones, finger) for finger in range(5)]
    others = np.mean([tips[f] for f in fingers], axis=0)
    apart = np.linalg.norm(tips[0] - others, axis=1)
    at = int(np.argmin(np.round(np.abs(apart - gap_m), 6)))
    return np.asarray((tips[0][at] + others[at]) / 2)


def _tip(arm: Arm, bones: Floats, finger: int) -> Floats:
    """(T, 3) a finger's tip for bones (T, 19, 3, 4) after the wrist."""
    of = bones[:, hands.BONES.index(f"{hands.CHAINS[finger]}3") - 4]
    return np.asarray(of[..., :3] @ arm.joint(f"{hands.CHAINS[finger]}4") + of[..., 3])


def _above(
    task: GraspTask, flexes: tuple[Floats, Floats], fingers: tuple[int, ...], tips: tuple[tuple[float, float], ...]
) -> Iterator[Approach]:
    """From above, finger tips on the far side and the thumb on the near one.

    tips: depth below the thing's top at which they are to meet it, and how much wider than it they are then, in m.
    """
    arm = task.arm
    for oppose in (0.95, 1.25):
        first, last = flexes[0].copy(), flexes[1].copy()
        first[0, 0] = last[0, 0] = oppose
        for depth, wider in tips:
            height = task.thing.size[2] - depth
            grip = _between_tips(arm, (first, last), fingers, 1.0, _width(task.thing, height) + wider)
            target = task.at.position + UP * height
            for rotation in _leaning_wrists(arm, _heading(task, target), (-20, 5, 30, 55), (20, 40, 60)):
                yield Approach(rotation, grip, UP, first, last, 1.0, target)


def _leaning_wrists(arm: Arm, level: Floats, yaws: tuple[int, ...], pitches: tuple[int, ...]) -> Iterator[Floats]:
    """Wrist rotations of a hand that is palm down, turned by yaws and with its fingers down by pitches, degrees."""
    for yaw in yaws:
        way = _yaw(level, yaw, arm.sign)
        for pitch in pitches:
            c, s = np.cos(np.radians(pitch)), np.sin(np.radians(pitch))
            yield wrist_frame(c * way - s * UP, s * way + c * UP)


def _hand_wide(task: GraspTask) -> tuple[Floats, Floats]:
    """Open as far as the thing is wide, and shut."""
    share = float(np.clip((_width(task.thing, 0.6 * task.thing.size[2]) - 0.03) / 0.035, 0, 1))
    return (1 - share) * TOP_OPEN + share * TOP_WIDE, TOP_SHUT


def _width(thing: Thing, height: float) -> float:
    """The smaller of the thing's widths along x and y at a height, m."""
    away = np.arange(0.0, 0.16, 0.001)
    widths = []
    for x, y in ((1, 0), (0, 1)):
        reach = [
            away[thing.distance(np.stack([s * x * away, s * y * away, np.full(len(away), height)], axis=1)) < 0.0005]
            for s in (-1, 1)
        ]
        widths.append(sum(float(r[-1]) if len(r) else 0.0 for r in reach))
    return min(widths)


def _top(task: GraspTask) -> Iterator[Approach]:
    height = task.thing.size[2]
    depths = (min(0.55 * height, 0.035), min(0.8 * height, 0.05))
    return _above(task, _hand_wide(task), (1, 2, 3), ((depths[0], 0.010), (depths[1], -0.008)))


def _rim(task: GraspTask) -> Iterator[Approach]:
    """Finger tips about the edge; of three fingers where it is small."""
    height = task.thing.size[2]
    tips = tuple((min(share * height, share * 0.03), 0.010) for share in (0.1, 0.3, 0.5))
    if _width(task.thing, 0.6 * height) < 0.05:
        return _above(task, (PINCH_OPEN, PINCH_SHUT), (1, 2), tips)
    return _above(task, _hand_wide(task), (1, 2, 3), tips)


def _pinch(task: GraspTask) -> Iterator[Approach]:
    height = task.thing.size[2]
    tips = ((min(0.5 * height, 0.015), 0.010), (min(0.7 * height, 0.025), -0.008))
    return _above(task, (PINCH_OPEN, PINCH_SHUT), (1, 2), tips)


def _flat(task: GraspTask) -> Iterator[Approach]:
    """Palm down on it."""
    arm = task.arm
    target = task.at.position + UP * task.thing.size[2]
    for rotation in _leaning_wrists(arm, _heading(task, target), (-25, 0, 25, 50), (-6, 4, 14)):
        for reach in (0.75, 1.0, 1.2):
            grip = np.array([0.0, 0.0, -_knuckle_m(arm) * reach])
            yield Approach(rotation, grip, UP, FLAT_OPEN, FLAT_SHUT, 0.8, target)


def _handle(task: GraspTask) -> Iterator[Approach]:
    """Fingers behind the bar, thumb before it. The bar is what sticks out furthest along the thing's -y."""
    arm = task.arm
    bar = min((mesh.vertices for mesh in task.thing.meshes), key=lambda v: float(v[:, 1].min()))
    bar = bar[bar[:, 1] < bar[:, 1].min() + 0.014]
    middle = task.at.to_world((bar.min(axis=0) + bar.max(axis=0))[None] / 2)[0]
    into = task.at.rotation[:, 1]
    slot = _slot_m(task, middle, into)
    for behind in ((1, 2, 3, 4), (1, 2)):
        for pitch in (-12, 6, 24):
            for upright in (86, 102):  # of the finger tips
                first, last = HOOK_OPEN.copy(), HOOK_SHUT.copy()
                first[1:] = last[1:] = (1.2, 1.35, 0.7)  # the fingers that stay before the bar
                first[list(behind)] = np.radians(upright - pitch) * np.array([0.3, 0.45, 0.25])
                last[list(behind)] = (1.3, 1.6, 0.9)
                tips = np.mean([_tip(arm, arm.finger_bones(first[None], 0.1), f)[0] for f in behind], axis=0)
                for rotation in _leaning_wrists(arm, into, (-8, 10), (pitch,)):
                    for low in (0.002, 0.012):
                        yield Approach(rotation, tips, UP, first, last, 0.1, middle + slot * into - low * UP)


def _slot_m(task: GraspTask, middle: Floats, into: Floats) -> float:
    """From a bar's middle to the middle of the gap behind it, at most 25 mm."""
    away = np.arange(0.0, 0.08, 0.0005)
    free = task.distance(middle + away[:, None] * into) > 0
    start = int(np.argmax(free))
    stop = start + int(np.argmin(np.append(free[start:], False)))
    return float(min((away[start] + away[min(stop, len(away) - 1)]) / 2, 0.025))


APPROACHES = {"side": _side, "top": _top, "pinch": _pinch, "flat": _flat, "handle": _handle, "rim": _rim}
