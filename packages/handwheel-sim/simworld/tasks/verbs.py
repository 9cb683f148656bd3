"""What hands do: each verb writes its hands' and things' ways into the script, for shares of the task's time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simworld.rotations import rotation_about
from simworld.scene_types import Floats, Pose
from simworld.tasks import acts, failures, fittings, grips
from simworld.tasks.acts import Act
from simworld.tasks.layout import MEET, TAKEN, prop_name
from simworld.tasks.motion import minimum_jerk, spin, translate, upright_pose, vec
from simworld.tasks.plan import TaskPlan
from simworld.tasks.script import Hand, Liquid, Prop, Script, lifted_path, settle, shift_hand, straight_path

MEET_Z_M = 0.085
POUR_RAD = 1.75


def write(script: Script, task: TaskPlan) -> float | None:
    """Writes one task; the time in s at which it fails, None where it does not."""
    act = Act(script, task, script.hand, script.props[prop_name(task.thing, task.colour)])
    VERBS[task.verb](act)
    return act.failed_s


def reach(act: Act) -> None:
    """Goes to a thing and back, without touching it."""
    grip = grips.find_grip(act.script, act.hand, act.prop, act.prop.at(act.t(0)))
    if act.task.outcome == "miss":
        return failures.miss(act, grip)
    act.hand.free(act.t(0), act.t(0.42), grip.before, 0.03)
    act.hand.free(act.t(0.42), act.t(0.52), shift_hand(grip.open, grip.withdrawal * 0.35))
    act.hand.free(act.t(0.62), act.t(0.7), grip.before)
    act.hand.free(act.t(0.7), act.t(1), act.hand.home, 0.03)


def pick(act: Act) -> None:
    """Takes a thing up and keeps it."""
    at = act.prop.at(act.t(0))
    grip = grips.find_grip(act.script, act.hand, act.prop, at)
    if act.task.outcome == "miss":
        return failures.miss(act, grip)
    acts.take_hold(act, grip)
    if act.task.outcome == "slip":
        return failures.slip(act, grip)
    up = Pose(np.array([0.05 * act.s, -0.02, at.position[2] + 0.1]), spin(at, 0.15 * act.s).rotation)
    act.prop.go(act.t(0.52), act.t(0.85), lifted_path(at, up, up.position[2]))
    act.follow(grip, 0.52, 1e6)


def place(act: Act) -> None:
    """Takes a thing up, if it is not in the hand, and puts it on its target."""
    at = act.prop.at(act.t(0))
    in_hand = act.hand.holds(act.t(0)) == act.prop.name
    target = act.script.props.get(prop_name(act.task.target or "", act.task.target_colour or ""))
    grip = acts.grip_in_hand(act) if in_hand else grips.find_grip(act.script, act.hand, act.prop, at)
    if act.task.outcome == "miss":
        return failures.miss(act, grip)
    if not in_hand:
        acts.take_hold(act, grip, 0.24, 0.32, 0.4)
    if act.task.outcome == "slip":
        return failures.slip(act, grip)
    goal = acts.goal(act, at, target)
    top = max(acts.LIFT_M, goal.position[2] + 0.05, acts.tallest_between(act, at, goal))
    start = 0.12 if in_hand else 0.4
    act.prop.go(act.t(start), act.t(0.72), lifted_path(at, goal, top))
    if act.task.outcome == "drop":
        return failures.drop(act, grip, start, 0.72)
    act.follow(grip, start if not in_hand else 0.0, 0.74)
    act.loose(grip, 0.74, 0.8, 0.86, 1)


def push(act: Act) -> None:
    """Slides a thing across the table with the palm."""
    at = act.prop.at(act.t(0))
    grip = grips.palm_side(act.script, act.hand, act.prop, at)
    far = acts.free_way(act, at, vec(-act.s, 0.12, 0), 0.16, grip)
    act.reach(grip, 0, 0.28, 0.36)
    act.shut(grip, 0.36, 0.4)
    act.prop.go(act.t(0.4), act.t(0.74), straight_path(at, translate(at, far)))
    act.follow(grip, 0.4, 0.76)
    act.loose(grip, 0.76, 0.79, 0.86, 1)


def pour(act: Act) -> None:
    """Tilts a vessel over the bowl, or beside it."""
    at = act.prop.at(act.t(0))
    target = act.script.props[prop_name(act.task.target or "", act.task.target_colour or "")]
    grip = grips.find_grip(act.script, act.hand, act.prop, at)
    acts.take_hold(act, grip, 0.2, 0.27, 0.33)
    bowl = target.at(act.t(0))
    spilt = act.task.outcome == "spill"
    aim = _beside(act, target) if spilt else bowl.position + vec(0.012 * act.s, 0, 0)
    width, height = act.prop.thing.size[1] / 2, act.prop.thing.size[2]
    lip = vec(-act.s * width, 0, height)
    spout = vec(aim[0], aim[1], bowl.position[2] + target.thing.size[2] + 0.032)

    def tilted(u: float) -> Pose:
        lean = rotation_about(vec(0, 1, 0), -act.s * POUR_RAD * u)
        return Pose(spout + vec(0, 0, (1 - u) * (height - 0.03)) - lean @ lip, lean @ at.rotation)

    over = tilted(0.0)
    act.prop.go(act.t(0.33), act.t(0.46), lifted_path(at, over, over.position[2]))
    act.prop.go(act.t(0.46), act.t(0.56), lambda u: tilted(minimum_jerk(u)))
    act.prop.go(act.t(0.68), act.t(0.75), lambda u: tilted(1 - minimum_jerk(u)))
    act.prop.go(act.t(0.75), act.t(0.86), lifted_path(over, at, over.position[2]))
    _flow(act, target, spout, spilt)
    if spilt:
        act.fail(0.54)
    act.follow(grip, 0.33, 0.87)
    act.loose(grip, 0.87, 0.9, 0.94, 1)


def turn(act: Act) -> None:
    """Turns a knob by its rim."""
    at = act.prop.at(act.t(0))
    case = next(p for p in act.script.props.values() if p.thing.name == "panel")
    grip = grips.find_grip(act.script, act.hand, act.prop, at, None, ((case, case.home),))
    acts.take_hold(act, grip, 0.3, 0.4, 0.46)
    stuck = act.task.outcome == "stuck"
    angle = -0.75 * act.s
    act.prop.go(
        act.t(0.46), act.t(0.74), failures.shaking_turn(at) if stuck else lambda u: spin(at, angle * minimum_jerk(u))
    )
    if stuck:
        act.fail(0.6)
    act.follow(grip, 0.46, 0.76)
    act.loose(grip, 0.76, 0.81, 0.86, 1)


def open_or_close(act: Act) -> None:
    """A drawer by its handle, a jar by its lid."""
    if act.task.thing == "drawer":
        return fittings.slide(act)
    return fittings.lid_off(act) if act.task.verb == "open" else fittings.lid_on(act)


def wipe(act: Act) -> None:
    """Rubs the table to and fro."""
    at = act.prop.at(act.t(0))
    grip = grips.find_grip(act.script, act.hand, act.prop, at)
    acts.take_hold(act, grip, 0.2, 0.27, 0.32)
    reach_m = float(np.linalg.norm(acts.free_way(act, at, vec(-act.s, 0, 0), 0.15, grip)))

    def rub(u: float) -> Pose:
        swing = np.sin(4 * np.pi * u) * minimum_jerk(min(u, 1 - u) * 6)
        across = 0.5 - 0.5 * np.cos(2 * np.pi * min(1.0, 1.5 * u)) if u < 0.67 else 0.0
        place = at.position + vec(-act.s * reach_m * (0.5 - 0.5 * np.cos(4 * np.pi * u)), 0.03 * swing * across, 0)
        return Pose(place, spin(at, 0.12 * act.s * np.sin(4 * np.pi * u)).rotation)

    act.prop.go(act.t(0.32), act.t(0.82), rub)
    act.follow(grip, 0.32, 0.83)
    act.loose(grip, 0.83, 0.87, 0.91, 1)


def hand_over(act: Act) -> None:
    """Gives a thing to the person across the table."""
    at = act.prop.at(act.t(0))
    other = _other(act)
    grip = grips.find_grip(act.script, act.hand, act.prop, at, grips.HANDOVER_GRIPS.get(act.prop.thing.name))
    acts.take_hold(act, grip, 0.2, 0.27, 0.33)
    meet = Pose(vec(*MEET, MEET_Z_M), at.rotation)
    away = translate(meet, vec(-0.03 * act.s, 0.2, 0.0))
    act.prop.go(act.t(0.33), act.t(0.55), lifted_path(at, meet, meet.position[2]))
    act.prop.go(act.t(0.74), act.t(0.95), straight_path(meet, away))
    palm = grips.palm_under(other, act.prop, meet)
    other.free(act.t(0.25), act.t(0.5), shift_hand(palm, vec(0, 0.02, -0.05)), 0.04)
    other.free(act.t(0.56), act.t(0.62), palm, near=act.prop.name)
    other.follow(act.t(0.62), 1e6, act.prop, palm, meet)
    act.follow(grip, 0.33, 0.64)
    act.loose(grip, 0.64, 0.69, 0.74, 0.95)


def take(act: Act) -> None:
    """Gets a thing from the person across the table and puts it down."""
    other = _other(act)
    meet = Pose(vec(*MEET, MEET_Z_M), upright_pose(0, 0, 0, 0.2).rotation)
    far = translate(meet, vec(-0.03 * act.s, 0.24, -0.04))
    act.prop.home = far
    palm = grips.palm_under(other, act.prop, meet)
    other.follow(0.0, act.t(0.5), act.prop, palm, meet)
    act.prop.go(act.t(0.0), act.t(0.28), straight_path(far, meet, vec(0, 0, 0.02)))
    grip = grips.find_grip(act.script, act.hand, act.prop, meet, grips.HANDOVER_GRIPS.get(act.prop.thing.name))
    act.reach(grip, 0.08, 0.32, 0.4)
    act.shut(grip, 0.4, 0.46)
    goal = settle(act.prop.thing, Pose(vec(TAKEN[0] * act.s, TAKEN[1], 0), meet.rotation), [])
    act.prop.go(act.t(0.5), act.t(0.78), lifted_path(meet, goal, meet.position[2] + 0.03))
    other.free(act.t(0.5), act.t(0.56), shift_hand(palm, vec(0, 0.02, -0.05)))
    other.free(act.t(0.56), act.t(0.78), other.home, 0.03)
    act.follow(grip, 0.46, 0.8)
    act.loose(grip, 0.8, 0.85, 0.9, 1)


def _other(act: Act) -> Hand:
    """The hand across the table that faces the acting one."""
    return act.script.hands[f"other_{act.hand.side}"]


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
