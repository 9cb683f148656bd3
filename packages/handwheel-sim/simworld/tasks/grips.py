"""A hand's grip on a thing: found once, then used to go in, close, hold, open and back off."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simworld.body import grasp, hands
from simworld.body.hands import HandPose
from simworld.rotations import unit, wrist_frame
from simworld.scene_types import Floats, Pose, Thing
from simworld.tasks.motion import UP, vec
from simworld.tasks.script import (
    CLEAR_M,
    Hand,
    Prop,
    Script,
    carry_hand,
    flex_towards,
    gap_m,
    hand_skin,
    shift_hand,
    withdrawal,
)

HOW: dict[str, tuple[str, ...]] = {
    "mug": ("side",),
    "can": ("side",),
    "box": ("side", "top"),
    "ball": ("top",),
    "bottle": ("side",),
    "cup": ("side",),
    "jar": ("side",),
    "block": ("top", "pinch"),
    "sponge": ("top", "flat"),
    "cloth": ("flat",),
    "lid": ("rim", "top", "pinch"),
    "knob": ("rim", "top", "pinch"),
    "drawer": ("handle", "top"),
}
HANDOVER_GRIPS: dict[str, tuple[str, ...]] = {
    "can": ("top", "side"),
    "box": ("top", "side"),
}  # where another's hand is near
DRAWER_BAR = (0.0, -0.142, 0.06)  # where a drawer's handle is, in its frame
MAX_DEPTH_M = 0.001

Beside = tuple[Prop, Pose]


@dataclass(frozen=True, slots=True, eq=False)
class Grip:
    """Open and closed hand on a prop at `at`; the open hand backs off by `withdrawal` (3,) m."""

    prop: Prop
    at: Pose
    open: HandPose
    closed: HandPose
    withdrawal: Floats

    def moved(self, at: Pose) -> Grip:
        """The same grip with the prop elsewhere."""
        way = at.rotation @ self.at.rotation.T @ self.withdrawal
        if way[2] < -0.2 * CLEAR_M:
            way = unit(way * (1, 1, 0)) * CLEAR_M
        return Grip(self.prop, at, carry_hand(self.open, self.at, at), carry_hand(self.closed, self.at, at), way)

    @property
    def before(self) -> HandPose:
        """The open hand that has not gone in yet."""
        return shift_hand(self.open, self.withdrawal)


def find_grip(
    script: Script,
    hand: Hand,
    prop: Prop,
    at: Pose,
    hows: tuple[str, ...] | None = None,
    beside: tuple[Beside, ...] = (),
) -> Grip:
    """The first way of holding it that touches, with fingers that stay out of what it stands on or in, `beside`."""
    kind = prop.thing.name
    target = at.to_world(np.array([DRAWER_BAR if kind == "drawer" else (0.0, 0.0, 0.0)]))[0]
    elbow = grasp.elbow_for(target, hand.side, hand.person)
    thing = prop.thing
    for other in beside:
        thing = _as_one_thing(thing, at, other)
    best: Grip | None = None
    for how in hows or HOW.get(kind, ("side", "top")):
        candidate = grasp.find_grasp(hand.arm, thing, at, how, elbow)
        way = withdrawal(script, hand, prop, at, candidate.open)
        grip = Grip(prop, at, hand.with_elbow(candidate.open), hand.with_elbow(candidate.closed), way)
        gap = gap_m(hand.arm, grip.closed, prop, at)
        if candidate.touches and -MAX_DEPTH_M < gap < grasp.TOUCH_M:
            return grip
        best = best or grip
    assert best is not None
    return best


def _as_one_thing(thing: Thing, at: Pose, beside: Beside) -> Thing:
    """A thing and what is in touch with it as one, in the former's frame."""
    other, there = beside
    turn, off = at.rotation.T @ there.rotation, at.to_local(there.position[None])[0]
    meshes = tuple(replace(m, vertices=m.vertices @ turn.T + off) for m in other.thing.meshes)

    def distance(points: Floats) -> Floats:
        return np.minimum(thing.distance(points), other.thing.distance((points - off) @ turn))

    return replace(thing, meshes=thing.meshes + meshes, distance=distance)


def miss(hand: Hand, grip: Grip) -> Floats:
    """(3,) m beside the thing at which the hand closes on nothing."""
    shut = flex_towards(grip.open, HandPose(grip.open.wrist, hands.FIST), 0.55)
    ways = (vec(hand.sign, 0, 0), vec(hand.sign, -0.7, 0), vec(0, -1, 0.1), vec(hand.sign, 0, 0.5), UP)
    for length in (0.05, 0.065, 0.08, 0.1):
        for way in ways:
            off = unit(way) * length
            poses = [shift_hand(grip.open, off), shift_hand(shut, off)]
            if min(gap_m(hand.arm, p, grip.prop, grip.at) for p in poses) > 0.008:
                return off
    return vec(0, -0.12, 0.02)


def press_against(hand: Hand, prop: Prop, at: Pose, pose: HandPose, along: Floats, least_m: float = 0.0004) -> HandPose:
    """The hand moved along a direction until it just touches the thing."""
    low, high = 0.0, 0.25
    start = hand_skin(hand.arm, pose)
    for _ in range(16):
        middle = (low + high) / 2
        free = all(prop.nearest(start + along * s, at, 0.01)[0] > least_m for s in np.linspace(low, middle, 5)[1:])
        low, high = (middle, high) if free else (low, middle)
    return shift_hand(pose, along * low)


def palm_side(script: Script, hand: Hand, prop: Prop, at: Pose) -> Grip:
    """The flat hand upright beside a thing, its palm against it, to push it across."""
    s = hand.sign
    rotation = wrist_frame((-0.35 * s, 0.92, -0.12), (s, 0.3, 0.25))
    height = min(0.5 * prop.thing.size[2], 0.05)
    pose = HandPose(Pose(np.zeros(3), rotation), hands.FLAT, 0.2)
    palm = hand.arm.shape(pose).keypoints[[0, 5, 9, 9, 13]].mean(axis=0)
    middle = at.position + vec(0.13 * s, 0, height)
    pose = hand.with_elbow(replace(pose, wrist=Pose(middle - palm, rotation)))
    low = float(hand_skin(hand.arm, pose)[:, 2].min())
    pose = shift_hand(pose, vec(0, 0, max(0.0, 0.006 - low)))
    pressed = press_against(hand, prop, at, pose, vec(-s, 0, 0))
    return Grip(prop, at, shift_hand(pressed, vec(0.004 * s, 0, 0)), pressed, vec(s, -0.3, 0.3) * CLEAR_M)


def fingers_on_front(hand: Hand, prop: Prop, at: Pose) -> Grip:
    """The straight fingers against a drawer's front, over its handle, to push it in."""
    rotation = wrist_frame((-0.12 * hand.sign, 1.0, -0.22), (0.1 * hand.sign, 0.22, 1))
    pose = HandPose(Pose(np.zeros(3), rotation), hands.FLAT, 0.3)
    tip = hand.arm.shape(pose).keypoints[12]
    start = at.to_world(np.array([(0.0, DRAWER_BAR[1] - 0.08, DRAWER_BAR[2] + 0.032)]))[0]
    pose = hand.with_elbow(replace(pose, wrist=Pose(start - tip, rotation)))
    pressed = press_against(hand, prop, at, pose, vec(0, 1, 0))
    return Grip(prop, at, shift_hand(pressed, vec(0, -0.006, 0.001)), pressed, vec(0, -0.5, 0.8) * CLEAR_M)


def palm_under(hand: Hand, prop: Prop, at: Pose) -> HandPose:
    """The flat hand below a thing, palm up, carrying it."""
    across = -1.0 if hand.person == "other" else 1.0
    rotation = wrist_frame((0.25 * hand.sign * -1, across, 0.05), (0, 0.1 * across, -1))
    flex = hands.FLAT.copy()
    flex[1:, 0] += 0.12
    pose = HandPose(Pose(np.zeros(3), rotation), flex, 0.6)
    points = hand.arm.shape(pose).keypoints
    palm = points[[0, 5, 9, 9, 13, 17]].mean(axis=0)
    start = at.position - palm - vec(0, 0, 0.09)
    pose = hand.with_elbow(replace(pose, wrist=Pose(start, rotation)))
    low, high = 0.0, 0.15
    skin = hand_skin(hand.arm, pose)
    for _ in range(16):
        middle = (low + high) / 2
        free = prop.nearest(skin + vec(0, 0, middle), at)[0] > 0.0002
        low, high = (middle, high) if free else (low, middle)
    return shift_hand(pose, vec(0, 0, low))
