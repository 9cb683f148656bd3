"""How tasks fail: misses, slips, drops, things that are stuck."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simworld.body import hands
from simworld.body.hands import HandPose
from simworld.rotations import rotation_about
from simworld.scene_types import Pose
from simworld.tasks import acts, grips
from simworld.tasks.acts import Act
from simworld.tasks.grips import Grip
from simworld.tasks.motion import (
    GRAVITY_M_S2,
    fall_distance_m,
    fall_duration_s,
    interpolate,
    minimum_jerk,
    spin,
    translate,
    vec,
)
from simworld.tasks.script import PathSegment, carry_hand, flex_towards, settle, shift_hand, straight_path


def miss(act: Act, grip: Grip) -> None:
    """Closes beside the thing, lifts nothing."""
    off = grips.miss(act.hand, grip)
    hand, shut = act.hand, flex_towards(grip.open, HandPose(grip.open.wrist, hands.FIST), 0.55)
    hand.free(act.t(0), act.t(0.34), shift_hand(grip.before, off), 0.03)
    hand.free(act.t(0.34), act.t(0.44), shift_hand(grip.open, off))
    hand.free(act.t(0.44), act.t(0.54), shift_hand(shut, off))
    hand.free(act.t(0.54), act.t(0.7), shift_hand(shut, off + vec(0, -0.01, acts.LIFT_M)))
    hand.free(act.t(0.78), act.t(1), hand.home, 0.03)
    act.fail(0.54)


def slip(act: Act, grip: Grip) -> None:
    """The thing slides out of the hand as soon as it is lifted, and stands where it stood."""
    start = 0.4 if act.task.verb == "place" else 0.52
    at, low = grip.at, 0.032
    up = translate(at, vec(0, 0, low))
    act.prop.go(act.t(start), act.t(start + 0.12), straight_path(at, up))
    gone_s, fall = act.t(start + 0.12), fall_duration_s(low)
    act.prop.go(gone_s, gone_s + fall, lambda u: translate(up, vec(0, 0, -fall_distance_m(u * fall))))
    act.follow(grip, start, start + 0.12)
    now = carry_hand(grip.closed, at, up)
    loose = flex_towards(now, carry_hand(grip.open, at, up), 0.35)
    act.hand.free(gone_s, gone_s + 0.08, loose, near=act.prop.name)
    act.hand.free(gone_s + 0.08, act.t(0.8), shift_hand(loose, grip.withdrawal * 0.4 + vec(0, 0, 0.06)))
    act.hand.free(act.t(0.85), act.t(1), act.hand.home, 0.03)
    act.fail(start + 0.12)


def drop(act: Act, grip: Grip, start: float, end: float) -> None:
    """The thing falls out of the hand on its way, and comes to lie on the table."""
    shares = np.linspace(start + 0.25 * (end - start), start + 0.6 * (end - start), 8)
    share = max(shares, key=lambda u: round(acts.clearance_m(act, act.prop.at(act.t(u)).position), 6))
    gone_s = act.t(float(share))
    begin = act.prop.at(gone_s)
    axis = vec(0.5, -act.s, 0)
    lying = Pose(begin.position + vec(-0.03 * act.s, 0.01, 0), rotation_about(axis, 1.5707963 * act.s) @ begin.rotation)
    near = [(p.thing, p.at(gone_s)) for p in act.script.props.values() if p is not act.prop]
    lying = settle(act.prop.thing, lying, [n for n in near if np.linalg.norm(n[1].position - lying.position) < 0.2])
    points = np.concatenate([m.vertices for m in act.prop.thing.meshes])[::7]
    last_s = max(0.34, fall_duration_s(begin.position[2]) + 0.12)

    def fallen(u: float) -> Pose:
        on = interpolate(begin, lying, minimum_jerk(u * 1.05))
        floor = -float((points @ on.rotation.T)[:, 2].min())
        rest = max(floor, lying.position[2] * minimum_jerk(u))
        z = max(begin.position[2] - 0.5 * GRAVITY_M_S2 * (u * last_s) ** 2, rest)
        return Pose(np.array([on.position[0], on.position[1], z]), on.rotation) if u < 1 else lying

    act.prop.parts.append(PathSegment(gone_s, gone_s + last_s, fallen))
    act.hand.follow(
        act.t(start if act.hand.holds(act.t(0)) != act.prop.name else 0), gone_s, act.prop, grip.closed, grip.at
    )
    there = grip.moved(begin)
    loose = flex_towards(there.closed, there.open, 0.9)
    act.hand.free(gone_s, gone_s + 0.1, shift_hand(loose, vec(0, 0, 0.01)), near=act.prop.name)
    act.hand.free(gone_s + 0.1, act.t(0.84), shift_hand(loose, there.withdrawal + vec(0, 0, 0.04)))
    act.hand.free(act.t(0.86), act.t(1), act.hand.home, 0.03)
    act.failed_s = gone_s


def shaking_path(at: Pose) -> Callable[[float], Pose]:
    return lambda u: translate(at, vec(0, -0.0012 * np.sin(6 * np.pi * u) ** 2, 0))


def shaking_turn(at: Pose) -> Callable[[float], Pose]:
    return lambda u: spin(at, 0.02 * float(np.sin(6 * np.pi * u)))
