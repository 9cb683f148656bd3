"""What hands do: each verb writes its hands' and things' ways into the script, for shares of the task's time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from world import grips, hands, things
from world.grips import Grip
from world.hands import HandPose
from world.layout import DRAWER_OUT_M, DRAWER_Y_M, LID_ASIDE, MEET, TAKEN, name_of
from world.motion import GRAVITY_M_S2, between, fall_s, fallen_m, moved, smooth, spun, turned, upright, vec
from world.parts import Floats, Pose
from world.plan import TaskPlan
from world.script import (
    Hand,
    Liquid,
    Part,
    Prop,
    Script,
    carried,
    flexed,
    lifted_way,
    settle,
    shifted,
    skin_of,
    straight_way,
)

LIFT_M = 0.075
MEET_Z_M = 0.085
POUR_RAD = 1.75
LID_UP_M = (0.0, 0.016, 0.032, 0.048, 0.064)  # a lid over its jar, on its way off


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


def write(script: Script, task: TaskPlan) -> float | None:
    """Writes one task; the time in s at which it fails, None where it does not."""
    act = Act(script, task, script.hand, script.props[name_of(task.thing, task.colour)])
    VERBS[task.verb](act)
    return act.failed_s


def reach(act: Act) -> None:
    """Goes to a thing and back, without touching it."""
    grip = grips.find(act.script, act.hand, act.prop, act.prop.at(act.t(0)))
    if act.task.outcome == "miss":
        return _miss(act, grip)
    act.hand.free(act.t(0), act.t(0.42), grip.before, 0.03)
    act.hand.free(act.t(0.42), act.t(0.52), shifted(grip.open, grip.way * 0.35))
    act.hand.free(act.t(0.62), act.t(0.7), grip.before)
    act.hand.free(act.t(0.7), act.t(1), act.hand.home, 0.03)


def pick(act: Act) -> None:
    """Takes a thing up and keeps it."""
    at = act.prop.at(act.t(0))
    grip = grips.find(act.script, act.hand, act.prop, at)
    if act.task.outcome == "miss":
        return _miss(act, grip)
    _take_hold(act, grip)
    if act.task.outcome == "slip":
        return _slip(act, grip)
    up = Pose(np.array([0.05 * act.s, -0.02, at.position[2] + 0.1]), spun(at, 0.15 * act.s).rotation)
    act.prop.go(act.t(0.52), act.t(0.85), lifted_way(at, up, up.position[2]))
    act.follow(grip, 0.52, 1e6)


def place(act: Act) -> None:
    """Takes a thing up, if it is not in the hand, and puts it on its target."""
    at = act.prop.at(act.t(0))
    held = act.hand.holds(act.t(0)) == act.prop.name
    target = act.script.props.get(name_of(act.task.target or "", act.task.target_colour or ""))
    grip = _grip_in_hand(act) if held else grips.find(act.script, act.hand, act.prop, at)
    if act.task.outcome == "miss":
        return _miss(act, grip)
    if not held:
        _take_hold(act, grip, 0.24, 0.32, 0.4)
    if act.task.outcome == "slip":
        return _slip(act, grip)
    goal = _goal(act, at, target)
    top = max(LIFT_M, goal.position[2] + 0.05, _tallest_between(act, at, goal))
    start = 0.12 if held else 0.4
    act.prop.go(act.t(start), act.t(0.72), lifted_way(at, goal, top))
    if act.task.outcome == "drop":
        return _drop(act, grip, start, 0.72)
    act.follow(grip, start if not held else 0.0, 0.74)
    act.loose(grip, 0.74, 0.8, 0.86, 1)


def push(act: Act) -> None:
    """Slides a thing across the table with the palm."""
    at = act.prop.at(act.t(0))
    grip = grips.palm_side(act.script, act.hand, act.prop, at)
    far = _free_way(act, at, vec(-act.s, 0.12, 0), 0.16, grip)
    act.reach(grip, 0, 0.28, 0.36)
    act.shut(grip, 0.36, 0.4)
    act.prop.go(act.t(0.4), act.t(0.74), straight_way(at, moved(at, far)))
    act.follow(grip, 0.4, 0.76)
    act.loose(grip, 0.76, 0.79, 0.86, 1)


def pour(act: Act) -> None:
    """Tilts a vessel over the bowl, or beside it."""
    at = act.prop.at(act.t(0))
    target = act.script.props[name_of(act.task.target or "", act.task.target_colour or "")]
    grip = grips.find(act.script, act.hand, act.prop, at)
    _take_hold(act, grip, 0.2, 0.27, 0.33)
    bowl = target.at(act.t(0))
    spilt = act.task.outcome == "spill"
    aim = _beside(act, target) if spilt else bowl.position + vec(0.012 * act.s, 0, 0)
    width, height = act.prop.thing.size[1] / 2, act.prop.thing.size[2]
    lip = vec(-act.s * width, 0, height)
    spout = vec(aim[0], aim[1], bowl.position[2] + target.thing.size[2] + 0.032)

    def tilted(u: float) -> Pose:
        lean = turned(vec(0, 1, 0), -act.s * POUR_RAD * u)
        return Pose(spout + vec(0, 0, (1 - u) * (height - 0.03)) - lean @ lip, lean @ at.rotation)

    over = tilted(0.0)
    act.prop.go(act.t(0.33), act.t(0.46), lifted_way(at, over, over.position[2]))
    act.prop.go(act.t(0.46), act.t(0.56), lambda u: tilted(smooth(u)))
    act.prop.go(act.t(0.68), act.t(0.75), lambda u: tilted(1 - smooth(u)))
    act.prop.go(act.t(0.75), act.t(0.86), lifted_way(over, at, over.position[2]))
    _flow(act, target, spout, spilt)
    if spilt:
        act.fail(0.54)
    act.follow(grip, 0.33, 0.87)
    act.loose(grip, 0.87, 0.9, 0.94, 1)


def turn(act: Act) -> None:
    """Turns a knob by its rim."""
    at = act.prop.at(act.t(0))
    case = next(p for p in act.script.props.values() if p.thing.name == "panel")
    grip = grips.find(act.script, act.hand, act.prop, at, None, ((case, case.home),))
    _take_hold(act, grip, 0.3, 0.4, 0.46)
    stuck = act.task.outcome == "stuck"
    angle = -0.75 * act.s
    act.prop.go(act.t(0.46), act.t(0.74), _shaken_turn(at) if stuck else lambda u: spun(at, angle * smooth(u)))
    if stuck:
        act.fail(0.6)
    act.follow(grip, 0.46, 0.76)
    act.loose(grip, 0.76, 0.81, 0.86, 1)


def open_or_close(act: Act) -> None:
    """A drawer by its handle, a jar by its lid."""
    if act.task.thing == "drawer":
        return _slide(act)
    return _lid_off(act) if act.task.verb == "open" else _lid_on(act)


def wipe(act: Act) -> None:
    """Rubs the table to and fro."""
    at = act.prop.at(act.t(0))
    grip = grips.find(act.script, act.hand, act.prop, at)
    _take_hold(act, grip, 0.2, 0.27, 0.32)
    reach_m = float(np.linalg.norm(_free_way(act, at, vec(-act.s, 0, 0), 0.15, grip)))

    def rub(u: float) -> Pose:
        swing = np.sin(4 * np.pi * u) * smooth(min(u, 1 - u) * 6)
        across = 0.5 - 0.5 * np.cos(2 * np.pi * min(1.0, 1.5 * u)) if u < 0.67 else 0.0
        place = at.position + vec(-act.s * reach_m * (0.5 - 0.5 * np.cos(4 * np.pi * u)), 0.03 * swing * across, 0)
        return Pose(place, spun(at, 0.12 * act.s * np.sin(4 * np.pi * u)).rotation)

    act.prop.go(act.t(0.32), act.t(0.82), rub)
    act.follow(grip, 0.32, 0.83)
    act.loose(grip, 0.83, 0.87, 0.91, 1)


def hand_over(act: Act) -> None:
    """Gives a thing to the person across the table."""
    at = act.prop.at(act.t(0))
    other = _other(act)
    grip = grips.find(act.script, act.hand, act.prop, at, grips.PASSED.get(act.prop.thing.name))
    _take_hold(act, grip, 0.2, 0.27, 0.33)
    meet = Pose(vec(*MEET, MEET_Z_M), at.rotation)
    away = moved(meet, vec(-0.03 * act.s, 0.2, 0.0))
    act.prop.go(act.t(0.33), act.t(0.55), lifted_way(at, meet, meet.position[2]))
    act.prop.go(act.t(0.74), act.t(0.95), straight_way(meet, away))
    palm = grips.palm_under(other, act.prop, meet)
    other.free(act.t(0.25), act.t(0.5), shifted(palm, vec(0, 0.02, -0.05)), 0.04)
    other.free(act.t(0.56), act.t(0.62), palm, near=act.prop.name)
    other.follow(act.t(0.62), 1e6, act.prop, palm, meet)
    act.follow(grip, 0.33, 0.64)
    act.loose(grip, 0.64, 0.69, 0.74, 0.95)


def take(act: Act) -> None:
    """Gets a thing from the person across the table and puts it down."""
    other = _other(act)
    meet = Pose(vec(*MEET, MEET_Z_M), upright(0, 0, 0, 0.2).rotation)
    far = moved(meet, vec(-0.03 * act.s, 0.24, -0.04))
    act.prop.home = far
    palm = grips.palm_under(other, act.prop, meet)
    other.follow(0.0, act.t(0.5), act.prop, palm, meet)
    act.prop.go(act.t(0.0), act.t(0.28), straight_way(far, meet, vec(0, 0, 0.02)))
    grip = grips.find(act.script, act.hand, act.prop, meet, grips.PASSED.get(act.prop.thing.name))
    act.reach(grip, 0.08, 0.32, 0.4)
    act.shut(grip, 0.4, 0.46)
    goal = settle(act.prop.thing, Pose(vec(TAKEN[0] * act.s, TAKEN[1], 0), meet.rotation), [])
    act.prop.go(act.t(0.5), act.t(0.78), lifted_way(meet, goal, meet.position[2] + 0.03))
    other.free(act.t(0.5), act.t(0.56), shifted(palm, vec(0, 0.02, -0.05)))
    other.free(act.t(0.56), act.t(0.78), other.home, 0.03)
    act.follow(grip, 0.46, 0.8)
    act.loose(grip, 0.8, 0.85, 0.9, 1)


def _take_hold(act: Act, grip: Grip, b: float = 0.34, c: float = 0.43, d: float = 0.52) -> None:
    act.reach(grip, 0, b, c)
    act.shut(grip, c, d)


def _grip_in_hand(act: Act) -> Grip:
    """The grip that an earlier task left."""
    at = act.prop.at(act.t(0))
    now = act.hand.at(act.t(0))
    wide = HandPose(now.wrist, hands.OPEN)
    return Grip(act.prop, at, flexed(now, wide, 0.6), now, vec(0.04 * act.s, -0.03, 0.035))


def _miss(act: Act, grip: Grip) -> None:
    """Closes beside the thing, lifts nothing."""
    off = grips.miss(act.hand, grip)
    hand, shut = act.hand, flexed(grip.open, HandPose(grip.open.wrist, hands.FIST), 0.55)
    hand.free(act.t(0), act.t(0.34), shifted(grip.before, off), 0.03)
    hand.free(act.t(0.34), act.t(0.44), shifted(grip.open, off))
    hand.free(act.t(0.44), act.t(0.54), shifted(shut, off))
    hand.free(act.t(0.54), act.t(0.7), shifted(shut, off + vec(0, -0.01, LIFT_M)))
    hand.free(act.t(0.78), act.t(1), hand.home, 0.03)
    act.fail(0.54)


def _slip(act: Act, grip: Grip) -> None:
    """The thing slides out of the hand as soon as it is lifted, and stands where it stood."""
    start = 0.4 if act.task.verb == "place" else 0.52
    at, low = grip.at, 0.032
    up = moved(at, vec(0, 0, low))
    act.prop.go(act.t(start), act.t(start + 0.12), straight_way(at, up))
    gone_s, fall = act.t(start + 0.12), fall_s(low)
    act.prop.go(gone_s, gone_s + fall, lambda u: moved(up, vec(0, 0, -fallen_m(u * fall))))
    act.follow(grip, start, start + 0.12)
    now = carried(grip.closed, at, up)
    loose = flexed(now, carried(grip.open, at, up), 0.35)
    act.hand.free(gone_s, gone_s + 0.08, loose, near=act.prop.name)
    act.hand.free(gone_s + 0.08, act.t(0.8), shifted(loose, grip.way * 0.4 + vec(0, 0, 0.06)))
    act.hand.free(act.t(0.85), act.t(1), act.hand.home, 0.03)
    act.fail(start + 0.12)


def _drop(act: Act, grip: Grip, start: float, end: float) -> None:
    """The thing falls out of the hand on its way, and comes to lie on the table."""
    shares = np.linspace(start + 0.25 * (end - start), start + 0.6 * (end - start), 8)
    share = max(shares, key=lambda u: round(_clearance_m(act, act.prop.at(act.t(u)).position), 6))
    gone_s = act.t(float(share))
    begin = act.prop.at(gone_s)
    axis = vec(0.5, -act.s, 0)
    lying = Pose(begin.position + vec(-0.03 * act.s, 0.01, 0), turned(axis, 1.5707963 * act.s) @ begin.rotation)
    near = [(p.thing, p.at(gone_s)) for p in act.script.props.values() if p is not act.prop]
    lying = settle(act.prop.thing, lying, [n for n in near if np.linalg.norm(n[1].position - lying.position) < 0.2])
    points = np.concatenate([m.vertices for m in act.prop.thing.meshes])[::7]
    last_s = max(0.34, fall_s(begin.position[2]) + 0.12)

    def fallen(u: float) -> Pose:
        on = between(begin, lying, smooth(u * 1.05))
        floor = -float((points @ on.rotation.T)[:, 2].min())
        rest = max(floor, lying.position[2] * smooth(u))
        z = max(begin.position[2] - 0.5 * GRAVITY_M_S2 * (u * last_s) ** 2, rest)
        return Pose(np.array([on.position[0], on.position[1], z]), on.rotation) if u < 1 else lying

    act.prop.parts.append(Part(gone_s, gone_s + last_s, fallen))
    act.hand.follow(
        act.t(start if act.hand.holds(act.t(0)) != act.prop.name else 0), gone_s, act.prop, grip.closed, grip.at
    )
    there = grip.moved(begin)
    loose = flexed(there.closed, there.open, 0.9)
    act.hand.free(gone_s, gone_s + 0.1, shifted(loose, vec(0, 0, 0.01)), near=act.prop.name)
    act.hand.free(gone_s + 0.1, act.t(0.84), shifted(loose, there.way + vec(0, 0, 0.04)))
    act.hand.free(act.t(0.86), act.t(1), act.hand.home, 0.03)
    act.failed_s = gone_s


def _slide(act: Act) -> None:
    """A drawer out or in, or a tug at a stuck one."""
    at = act.prop.at(act.t(0))
    closed_y = DRAWER_Y_M
    goal_y = closed_y - (DRAWER_OUT_M if act.task.verb == "open" else 0.0)
    pull = act.task.verb == "open"
    how = grips.find(act.script, act.hand, act.prop, at) if pull else None
    grip = how or grips.fingers_on_front(act.hand, act.prop, at)
    _take_hold(act, grip, 0.3, 0.38, 0.45)
    goal = Pose(np.array([at.position[0], goal_y, at.position[2]]), at.rotation)
    stuck = act.task.outcome == "stuck"
    act.prop.go(act.t(0.45), act.t(0.74), _shaken(at) if stuck else straight_way(at, goal))
    if stuck:
        act.fail(0.6)
    act.follow(grip, 0.45, 0.76)
    act.loose(grip, 0.76, 0.81, 0.87, 1)


def _lid_off(act: Act) -> None:
    lid = act.script.props[f"{act.task.colour} lid"]
    at = lid.at(act.t(0))
    grip = grips.find(act.script, act.hand, lid, at, None, ((act.prop, act.prop.at(act.t(0))),))
    _steady(act, lid)
    _take_hold(act, grip, 0.24, 0.31, 0.36)
    off = spun(at, 0.8 * act.s)
    stuck = act.task.outcome == "stuck"
    lid.go(act.t(0.36), act.t(0.54), _shaken_turn(at) if stuck else lambda u: spun(at, 0.8 * act.s * smooth(u)))
    if stuck:
        act.fail(0.5)
        act.follow(grip, 0.36, 0.72)
        return act.loose(grip, 0.72, 0.77, 0.84, 1)
    aside = settle(lid.thing, Pose(at.position + vec(LID_ASIDE[0] * act.s, LID_ASIDE[1], 0), off.rotation), [])
    up = moved(off, vec(0, 0, LID_UP_M[-1]))
    lid.go(act.t(0.54), act.t(0.6), straight_way(off, up))
    lid.go(act.t(0.6), act.t(0.76), lifted_way(up, aside, up.position[2]))
    act.follow(grip, 0.36, 0.78)
    return act.loose(grip, 0.78, 0.83, 0.88, 1)


def _lid_on(act: Act) -> None:
    lid = act.script.props[f"{act.task.colour} lid"]
    at = lid.at(act.t(0))
    grip = grips.find(act.script, act.hand, lid, at)
    _steady(act, lid)
    _take_hold(act, grip, 0.24, 0.31, 0.36)
    jar = act.prop.at(act.t(0))
    on = Pose(jar.position + vec(0, 0, things.LID_ON_JAR_M), spun(at, 0.5 * act.s).rotation)
    over = moved(on, vec(0, 0, LID_UP_M[-1]))
    lid.go(act.t(0.36), act.t(0.54), lifted_way(at, over, over.position[2]))
    lid.go(act.t(0.54), act.t(0.61), straight_way(over, on))
    lid.go(act.t(0.62), act.t(0.76), lambda u: spun(on, -0.8 * act.s * smooth(u)))
    act.follow(grip, 0.36, 0.78)
    act.loose(grip, 0.78, 0.83, 0.88, 1)


def _steady(act: Act, lid: Prop) -> None:
    """The other hand holds the jar meanwhile."""
    helper = act.script.helper
    if helper is None:
        return
    jar = act.prop.at(act.t(0))
    lids = tuple((lid, moved(jar, vec(0, 0, things.LID_ON_JAR_M + up))) for up in LID_UP_M)
    grip = grips.find(act.script, helper, act.prop, jar, ("side",), lids)
    act.reach(grip, 0.0, 0.17, 0.22, helper)
    act.shut(grip, 0.22, 0.28, helper)
    act.follow(grip, 0.28, 0.86, helper)
    act.loose(grip, 0.86, 0.9, 0.94, 1, helper)


def _other(act: Act) -> Hand:
    """The hand across the table that faces the acting one."""
    return act.script.hands[f"other_{act.hand.side}"]


def _shaken(at: Pose) -> Callable[[float], Pose]:
    return lambda u: moved(at, vec(0, -0.0012 * np.sin(6 * np.pi * u) ** 2, 0))


def _shaken_turn(at: Pose) -> Callable[[float], Pose]:
    return lambda u: spun(at, 0.02 * float(np.sin(6 * np.pi * u)))


def _goal(act: Act, at: Pose, target: Prop | None) -> Pose:
    """Where a placed thing ends, resting on what is there."""
    if target is None:
        return settle(act.prop.thing, Pose(at.position + vec(-0.15 * act.s, 0.02, 0), at.rotation), [])
    there = target.at(act.t(0))
    above = Pose(there.position * (1, 1, 0), spun(at, 0.25 * act.s).rotation)
    return settle(act.prop.thing, above, [(target.thing, there)])


def _tallest_between(act: Act, a: Pose, b: Pose) -> float:
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


def _clearance_m(act: Act, at: Floats) -> float:
    """Room on the table round a place."""
    gaps = [
        float(np.linalg.norm(p.at(act.t(0)).position[:2] - at[:2])) - max(p.thing.size[:2]) / 2
        for p in act.script.props.values()
        if p is not act.prop
    ]
    return min(gaps, default=1.0)


def _free_way(act: Act, at: Pose, way: Floats, longest_m: float, grip: Grip) -> Floats:
    """As far along the table as nothing is in the way of the thing or the hand."""
    radius = max(act.prop.thing.size[:2]) / 2
    way = way / np.linalg.norm(way)
    for length in np.arange(longest_m, 0.03, -0.01):
        steps = [at.position + way * length * k / 6 for k in range(1, 7)]
        if min(_clearance_m(act, p) for p in steps) > radius + 0.01 and _hand_room_m(act, grip, way * length) > 0.003:
            return np.asarray(way * length)
    return np.asarray(way * 0.04)


def _beside(act: Act, target: Prop) -> Floats:
    """A place next to the target that nothing else is near to, hands included."""
    bowl = target.at(act.t(0)).position
    hands_at = [h.home.wrist.position - 0.1 * h.home.wrist.rotation[:, 2] for h in act.script.hands.values()]
    places = [bowl + vec(np.cos(a), np.sin(a), 0) * 0.125 for a in np.linspace(-2.6, 2.6, 9)]
    others = [p for p in act.script.props.values() if p not in (act.prop, target)]

    def room(place: Floats) -> float:
        away = [float(np.linalg.norm((h - place)[:2])) for h in hands_at]
        away += [float(np.linalg.norm((p.at(act.t(0)).position - place)[:2])) for p in others]
        return min(min(away, default=1.0), 0.2) - 0.3 * max(0.0, float(place[1]) - float(bowl[1]))

    return max(places, key=lambda p: round(room(p), 6))


def _hand_room_m(act: Act, grip: Grip, way: Floats) -> float:
    """What is left between the hand and other things while it holds on along a way."""
    skin = skin_of(act.hand.arm, grip.closed)
    others = [p for p in act.script.props.values() if p is not act.prop]
    rooms = [p.nearest(skin + way * k / 4, p.at(act.t(0)), 0.01)[0] for p in others for k in range(1, 5)]
    return min(rooms, default=1.0)


def _flow(act: Act, target: Prop, spout: Floats, spilt: bool) -> None:
    bowl = target.at(act.t(0))
    floor = 0.0 if spilt else float(bowl.position[2]) + 0.012
    aim = spout * (1, 1, 0)
    pool = Pose(vec(aim[0], aim[1], 0.0012)) if spilt else Pose(bowl.position + vec(0, 0, 0.03))
    radius = 0.055 if spilt else 0.062
    act.script.liquids.append(Liquid(act.t(0.52), act.t(0.7), lambda _: spout, floor, pool, radius))


VERBS: dict[str, Callable[[Act], None]] = {
    "reach": reach,
    "pick": pick,
    "place": place,
    "pour": pour,
    "push": push,
    "turn": turn,
    "open": open_or_close,
    "close": open_or_close,
    "wipe": wipe,
    "hand over": hand_over,
    "take": take,
    "stack": place,
}
