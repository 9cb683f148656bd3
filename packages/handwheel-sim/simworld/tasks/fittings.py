"""Drawers and lids."""

from __future__ import annotations

import numpy as np

from simworld.scene_types import Pose
from simworld.scenery import things
from simworld.tasks import acts, failures, grips
from simworld.tasks.acts import Act
from simworld.tasks.layout import DRAWER_OUT_M, DRAWER_Y_M, LID_ASIDE
from simworld.tasks.motion import minimum_jerk, spin, translate, vec
from simworld.tasks.script import Prop, lifted_path, settle, straight_path

LID_UP_M = (0.0, 0.016, 0.032, 0.048, 0.064)  # a lid over its jar, on its way off


def slide(act: Act) -> None:
    """A drawer out or in, or a tug at a stuck one."""
    at = act.prop.at(act.t(0))
    closed_y = DRAWER_Y_M
    goal_y = closed_y - (DRAWER_OUT_M if act.task.verb == "open" else 0.0)
    pull = act.task.verb == "open"
    how = grips.find_grip(act.script, act.hand, act.prop, at) if pull else None
    grip = how or grips.fingers_on_front(act.hand, act.prop, at)
    acts.take_hold(act, grip, 0.3, 0.38, 0.45)
    goal = Pose(np.array([at.position[0], goal_y, at.position[2]]), at.rotation)
    stuck = act.task.outcome == "stuck"
    act.prop.go(act.t(0.45), act.t(0.74), failures.shaking_path(at) if stuck else straight_path(at, goal))
    if stuck:
        act.fail(0.6)
    act.follow(grip, 0.45, 0.76)
    act.loose(grip, 0.76, 0.81, 0.87, 1)


def lid_off(act: Act) -> None:
    lid = act.script.props[f"{act.task.colour} lid"]
    at = lid.at(act.t(0))
    grip = grips.find_grip(act.script, act.hand, lid, at, None, ((act.prop, act.prop.at(act.t(0))),))
    steady(act, lid)
    acts.take_hold(act, grip, 0.24, 0.31, 0.36)
    off = spin(at, 0.8 * act.s)
    stuck = act.task.outcome == "stuck"
    lid.go(
        act.t(0.36),
        act.t(0.54),
        failures.shaking_turn(at) if stuck else lambda u: spin(at, 0.8 * act.s * minimum_jerk(u)),
    )
    if stuck:
        act.fail(0.5)
        act.follow(grip, 0.36, 0.72)
        return act.loose(grip, 0.72, 0.77, 0.84, 1)
    aside = settle(lid.thing, Pose(at.position + vec(LID_ASIDE[0] * act.s, LID_ASIDE[1], 0), off.rotation), [])
    up = translate(off, vec(0, 0, LID_UP_M[-1]))
    lid.go(act.t(0.54), act.t(0.6), straight_path(off, up))
    lid.go(act.t(0.6), act.t(0.76), lifted_path(up, aside, up.position[2]))
    act.follow(grip, 0.36, 0.78)
    return act.loose(grip, 0.78, 0.83, 0.88, 1)


def lid_on(act: Act) -> None:
    lid = act.script.props[f"{act.task.colour} lid"]
    at = lid.at(act.t(0))
    grip = grips.find_grip(act.script, act.hand, lid, at)
    steady(act, lid)
    acts.take_hold(act, grip, 0.24, 0.31, 0.36)
    jar = act.prop.at(act.t(0))
    on = Pose(jar.position + vec(0, 0, things.LID_ON_JAR_M), spin(at, 0.5 * act.s).rotation)
    over = translate(on, vec(0, 0, LID_UP_M[-1]))
    lid.go(act.t(0.36), act.t(0.54), lifted_path(at, over, over.position[2]))
    lid.go(act.t(0.54), act.t(0.61), straight_path(over, on))
    lid.go(act.t(0.62), act.t(0.76), lambda u: spin(on, -0.8 * act.s * minimum_jerk(u)))
    act.follow(grip, 0.36, 0.78)
    act.loose(grip, 0.78, 0.83, 0.88, 1)


def steady(act: Act, lid: Prop) -> None:
    """The other hand holds the jar meanwhile."""
    helper = act.script.helper
    if helper is None:
        return
    jar = act.prop.at(act.t(0))
    lids = tuple((lid, translate(jar, vec(0, 0, things.LID_ON_JAR_M + up))) for up in LID_UP_M)
    grip = grips.find_grip(act.script, helper, act.prop, jar, ("side",), lids)
    act.reach(grip, 0.0, 0.17, 0.22, helper)
    act.shut(grip, 0.22, 0.28, helper)
    act.follow(grip, 0.28, 0.86, helper)
    act.loose(grip, 0.86, 0.9, 0.94, 1, helper)
