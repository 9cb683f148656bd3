"""One task while it is written: its hand, its thing, its times, and the room on the table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simworld.body import hands
from simworld.body.hands import HandPose
from simworld.scene_types import Floats, Pose
from simworld.tasks.grips import Grip
from simworld.tasks.motion import spin, vec
from simworld.tasks.plan import TaskPlan
from simworld.tasks.script import Hand, Prop, Script, flex_towards, hand_skin, settle

LIFT_M = 0.075  # how high a thing is lifted at least


@dataclass(slots=True)
class Act:
    """One task being written."""

    script: Script
    task: TaskPlan
    hand: Hand
    prop: Prop
    failed_s: float | None = None

    def t(self, share: float) -> float:
        """Time of a share of the task, in s."""
        return self.task.start_s + share * (self.task.end_s - self.task.start_s)

    @property
    def s(self) -> float:
        """1: the right hand works."""
        return self.hand.sign

    def fail(self, share: float) -> None:
        """This is when it went wrong."""
        self.failed_s = self.t(share)

    def reach(self, grip: Grip, a: float, b: float, c: float, hand: Hand | None = None) -> None:
        """From wherever the hand is to the open grip."""
        hand = hand or self.hand
        hand.free(self.t(a), self.t(b), grip.before, 0.045)
        hand.free(self.t(b), self.t(c), grip.open)

    def shut(self, grip: Grip, a: float, b: float, hand: Hand | None = None) -> None:
        """Closes the fingers."""
        (hand or self.hand).free(self.t(a), self.t(b), grip.closed, near=grip.prop.name)

    def follow(self, grip: Grip, a: float, b: float, hand: Hand | None = None) -> None:
        """Holds on to the prop."""
        (hand or self.hand).follow(self.t(a), self.t(b), grip.prop, grip.closed, grip.at)

    def loose(self, grip: Grip, a: float, b: float, c: float, d: float, hand: Hand | None = None) -> None:
        """Opens, backs off, goes home."""
        hand = hand or self.hand
        there = grip.moved(grip.prop.at(self.t(a)))
        hand.free(self.t(a), self.t(b), there.open, near=grip.prop.name)
        hand.free(self.t(b), self.t(c), there.before)
        hand.free(self.t(c), self.t(d), hand.home, 0.03)


def take_hold(act: Act, grip: Grip, b: float = 0.34, c: float = 0.43, d: float = 0.52) -> None:
    act.reach(grip, 0, b, c)
    act.shut(grip, c, d)


def grip_in_hand(act: Act) -> Grip:
    """The grip that an earlier task left."""
    at = act.prop.at(act.t(0))
    now = act.hand.at(act.t(0))
    wide = HandPose(now.wrist, hands.OPEN)
    return Grip(act.prop, at, flex_towards(now, wide, 0.6), now, vec(0.04 * act.s, -0.03, 0.035))


def goal(act: Act, at: Pose, target: Prop | None) -> Pose:
    """Where a placed thing ends, resting on what is there."""
    if target is None:
        return settle(act.prop.thing, Pose(at.position + vec(-0.15 * act.s, 0.02, 0), at.rotation), [])
    there = target.at(act.t(0))
    above = Pose(there.position * (1, 1, 0), spin(at, 0.25 * act.s).rotation)
    return settle(act.prop.thing, above, [(target.thing, there)])


def tallest_between(act: Act, a: Pose, b: Pose) -> float:
    """Height that clears what stands near the straight way."""
    way = (b.position - a.position)[:2]
    top = 0.0
    for prop in act.script.props.values():
        if prop is act.prop:
            continue
        place = prop.at(act.t(0)).position
        u = float(np.clip((place[:2] - a.position[:2]) @ way / (way @ way + 1e-9), 0, 1))
        gap = float(np.linalg.norm(place[:2] - a.position[:2] - u * way)) - max(prop.thing.size[:2]) / 2
        if gap < max(act.prop.thing.size[:2]) / 2 + 0.02:
            top = max(top, float(place[2]) + prop.thing.size[2] + 0.02)
    return top


def clearance_m(act: Act, at: Floats) -> float:
    """Room on the table round a place."""
    gaps = [
        float(np.linalg.norm(p.at(act.t(0)).position[:2] - at[:2])) - max(p.thing.size[:2]) / 2
        for p in act.script.props.values()
        if p is not act.prop
    ]
    return min(gaps, default=1.0)


def free_way(act: Act, at: Pose, way: Floats, longest_m: float, grip: Grip) -> Floats:
    """As far along the table as nothing is in the way of the thing or the hand."""
    radius = max(act.prop.thing.size[:2]) / 2
    way = way / np.linalg.norm(way)
    for length in np.arange(longest_m, 0.03, -0.01):
        steps = [at.position + way * length * k / 6 for k in range(1, 7)]
        if min(clearance_m(act, p) for p in steps) > radius + 0.01 and hand_room_m(act, grip, way * length) > 0.003:
            return np.asarray(way * length)
    return np.asarray(way * 0.04)


def hand_room_m(act: Act, grip: Grip, way: Floats) -> float:
    """What is left between the hand and other things while it holds on along a way."""
    skin = hand_skin(act.hand.arm, grip.closed)
    others = [p for p in act.script.props.values() if p is not act.prop]
    rooms = [p.nearest(skin + way * k / 4, p.at(act.t(0)), 0.01)[0] for p in others for k in range(1, 5)]
    return min(rooms, default=1.0)
