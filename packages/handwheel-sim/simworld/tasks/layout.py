"""Where things stand before a take: within reach, in view, apart from each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simworld.scene_types import Material, Pose, Thing
from simworld.scenery import shapes, things
from simworld.tasks.motion import upright_pose, vec
from simworld.tasks.plan import TaskPlan
from simworld.tasks.script import Prop, settle

CLUTTER = ("mug", "can", "box", "ball", "bottle", "bowl", "jar", "book", "cup", "spoon", "sponge", "block", "plate")
CLUTTER_COUNT = {"none": 0, "few": 2, "many": 5}
HAND_M = 0.035  # kept free round what is handled
ROOM_FOR_HANDS_M, ROOM_M = 0.02, 0.012
TRIES, GROWTH_M = 150, 0.09
MEET, MEET_ROOM_M = (0.0, 0.14), 0.12  # where things change hands
TAKEN = (0.07, 0.06)  # where what is taken from another is set down
LID_ASIDE = (0.13, 0.03)  # and where a lid, from its jar
PANEL_M = (0.09, 0.09, 0.045)
DRAWER_Y_M = 0.265
DRAWER_OUT_M = 0.12
Zone = tuple[float, float, float, float]  # x0, x1, y0, y1 of a right-handed layout
NEAR: Zone = (0.02, 0.13, -0.03, 0.07)
ACROSS: Zone = (-0.15, -0.06, 0.0, 0.07)
FAR: Zone = (-0.36, 0.36, 0.12, 0.29)
ASIDE: Zone = (-0.2, 0.2, -0.05, 0.16)


@dataclass(slots=True)
class Table:
    """What stands where so far: discs (x, y, radius)."""

    rng: np.random.Generator
    mirror: float  # 1: the right hand works
    props: dict[str, Prop]
    discs: list[tuple[float, float, float]]

    def put(
        self, name: str, thing: Thing, zone: Zone, room_m: float, yaw: float | None = None, must: bool = True
    ) -> Prop | None:
        """Stands a thing where there is most room, in a zone that grows; None: it need not, and there is none."""
        turn = float(self.rng.uniform(-0.35, 0.35)) if yaw is None else yaw
        radius = footprint_m(thing)
        best, most = (0.0, 0.0), -1.0
        for tries in range(TRIES):
            grown = GROWTH_M * tries / TRIES
            x = float(self.rng.uniform(zone[0] - grown, zone[1] + grown)) * self.mirror
            y = float(self.rng.uniform(zone[2], zone[3] + grown))
            room = min((float(np.hypot(x - a, y - b)) - r - radius for a, b, r in self.discs), default=1.0)
            if room > most:
                best, most = (x, y), room
            if room > room_m:
                break
        if most < 0 and not must:
            return None
        self.discs.append((*best, radius + (HAND_M if must else 0.0)))
        prop = self.props[name] = Prop(name, thing, settle(thing, upright_pose(*best, 0, turn), []))
        return prop

    def fix(self, name: str, thing: Thing, at: Pose, radius: float, fixed: bool = True) -> Prop:
        """Stands a thing at a place of its own."""
        self.discs.append((float(at.position[0]), float(at.position[1]), radius + HAND_M))
        prop = self.props[name] = Prop(name, thing, at, fixed=fixed)
        return prop


def footprint_m(thing: Thing) -> float:
    """Radius of the disc that it stands on."""
    x, y, _ = thing.size
    return max(x, y) / 2 if abs(x - y) < 0.03 else float(np.hypot(x, y)) / 2


def panel(colour: str) -> Thing:
    """A low round case for a knob."""
    r, _, z = PANEL_M[0] / 2, 0, PANEL_M[2]
    body = shapes.lathe(shapes.round_corners([(0, 0), (r, 0, 0.002), (r, z, 0.006), (0, z)]), 48)
    mesh = body.mesh(Material(things.COLOURS[colour], roughness=0.45))
    return Thing("panel", colour, (mesh,), body.distance, PANEL_M)


def prop_name(kind: str, colour: str) -> str:
    """A prop's name."""
    return f"{colour} {kind}"


def furnish(table: Table, task: TaskPlan) -> None:
    """Stands up what a task needs, unless an earlier task did."""
    s = table.mirror
    name = prop_name(task.thing, task.colour)
    if task.verb in ("hand over", "take"):
        table.discs.append((*MEET, MEET_ROOM_M))
    if name not in table.props:
        _first(table, task, name, s)
    if task.target is not None:
        table.put(prop_name(task.target, task.target_colour or ""), _target(task), ACROSS, ROOM_FOR_HANDS_M)


def _target(task: TaskPlan) -> Thing:
    return things.make_thing(task.target or "", task.target_colour or "")


def _first(table: Table, task: TaskPlan, name: str, s: float) -> None:
    thing = things.make_thing(task.thing, task.colour)
    if task.thing == "drawer":
        closed = upright_pose(0.05 * s, DRAWER_Y_M, things.CABINET_FOOT_M)
        out = DRAWER_OUT_M if task.verb == "close" else 0.0
        table.fix(name, thing, Pose(closed.position - vec(0, out, 0), closed.rotation), 0.19)
        table.discs.append((0.05 * s, DRAWER_Y_M - 0.22, 0.1))
    elif task.thing == "knob":
        x, y = 0.06 * s, float(table.rng.uniform(0.03, 0.08))
        table.fix(f"{task.colour} panel", panel("grey" if task.colour != "grey" else "black"), upright_pose(x, y), 0.1)
        table.fix(name, thing, upright_pose(x, y, PANEL_M[2], float(table.rng.uniform(0.9, 2.2))), 0.02)
    elif task.thing == "jar":
        jar = table.fix(name, thing, upright_pose(0.03 * s, float(table.rng.uniform(0.03, 0.07))), 0.04, False)
        lid = things.make_thing("lid", task.colour)
        if task.verb == "open":
            place = Pose(jar.home.position + vec(0, 0, things.LID_ON_JAR_M), jar.home.rotation)
            table.props[f"{task.colour} lid"] = Prop(f"{task.colour} lid", lid, place)
            x, y, _ = jar.home.position + vec(LID_ASIDE[0] * s, LID_ASIDE[1], 0)
            table.discs.append((float(x), float(y), footprint_m(lid) + HAND_M))
        else:
            table.put(f"{task.colour} lid", lid, (0.1, 0.17, -0.02, 0.05), ROOM_FOR_HANDS_M, 0.0)
    elif task.verb == "take":
        table.fix(name, thing, upright_pose(0.0, 0.5, 0.1), 0.0, False)
        table.discs.append((TAKEN[0] * s, TAKEN[1], footprint_m(thing) + HAND_M))
    else:
        table.put(name, thing, NEAR, ROOM_FOR_HANDS_M, None)


def litter(table: Table, amount: str, room: str, confusing: bool) -> None:
    """Things that nobody touches; confusing: among them what has a hand's colours."""
    far: Zone = (FAR[0], FAR[1], FAR[2], 0.18 if room == "desk" else FAR[3])
    kinds = [CLUTTER[int(k)] for k in table.rng.permutation(len(CLUTTER))][: CLUTTER_COUNT[amount]]
    colours = list(things.COLOURS)
    for kind in kinds:
        colour = colours[int(table.rng.integers(len(colours)))]
        if prop_name(kind, colour) not in table.props:
            table.put(
                prop_name(kind, colour),
                things.make_thing(kind, colour),
                far,
                ROOM_M,
                float(table.rng.uniform(-3, 3)),
                False,
            )
    if confusing:
        for kind in things.CONFUSERS:
            thing = things.make_confuser(kind, table.rng)
            table.put(prop_name(kind, thing.colour), thing, ASIDE, 0.02, float(table.rng.uniform(-3, 3)), False)
