"""The scene graph of a take: who does what with which hand, to what, where, beside what, and what comes of it."""

from __future__ import annotations

import numpy as np

from schemas.spans import NS
from schemas.truth import ShotTruth, TaskTruth
from simworld.scene_types import Pose
from simworld.tasks import words
from simworld.tasks.layout import prop_name
from simworld.tasks.plan import TaskPlan
from simworld.tasks.take import PlayedShot
from simworld.tasks.words import TaskFacts

SIDE_M = 0.07  # this far from the table's middle a thing is on its left or right
NEAR_M = 0.3
TARGETS = {"hand over": "person", "wipe": "table"}


def shot_truth(of: PlayedShot, first: int, end: int) -> ShotTruth:
    """A take as a shot of frames first to end of its recording."""
    fps_hz = of.shot.fps_hz
    start_ns, end_ns = round(first * NS / fps_hz), round(end * NS / fps_hz)
    tasks = [_task(of, k, start_ns, end_ns, first) for k in range(len(of.shot.tasks))] or [_idle(of, start_ns, end_ns)]
    return ShotTruth(
        start_ns=start_ns,
        end_ns=end_ns,
        scene=of.shot.scene,
        wearer=of.shot.wearer,
        variation=dict(of.shot.variation),
        tasks=tuple(tasks),
    )


def _task(of: PlayedShot, number: int, start_ns: int, end_ns: int, first: int) -> TaskTruth:
    task, failed_s = of.shot.tasks[number], of.failed_s[number]
    roles = _roles(of, task)
    succeeds = task.outcome == "success"
    frame = None if failed_s is None else first + min(int(np.ceil(failed_s * of.shot.fps_hz)), of.shot.frame_count - 1)
    return TaskTruth(
        start_ns=start_ns + round(task.start_s * NS),
        end_ns=min(start_ns + round(task.end_s * NS), end_ns),
        verb=task.verb,
        object=task.thing,
        colour=task.colour,
        target=task.target or TARGETS.get(task.verb),
        roles=roles,
        success=succeeds,
        failure_cause=None if succeeds else task.outcome,
        failure_frame=frame,
        captions=words.captions(_facts(of, task, roles)),
    )


def _idle(of: PlayedShot, start_ns: int, end_ns: int) -> TaskTruth:
    """The one task of a shot in which nothing is done."""
    v = of.shot.variation
    gesture = v["negative"] == "gesture"
    roles = {} if of.shot.wearer is None else dict.fromkeys(_sides(of), "rests")
    for name, hand in of.script.hands.items():
        if gesture and hand.person == "wearer" and (name == of.script.acting or len(_busy(of, name))):
            roles[hand.side] = "gestures"
    visible_things = tuple(f"the {name}" for name in of.script.props)[:6]
    extra = {"statue": ("a statue of a hand",), "robot_hand": ("two robot hands",)}.get(v["negative"], ())
    facts = TaskFacts(
        verb="gesture" if gesture else "none",
        roles=roles,
        side=of.shot.acting,
        gesture=v["gesture"],
        glove=v["glove"],
        scene=extra + visible_things,
    )
    return TaskTruth(
        start_ns=start_ns,
        end_ns=end_ns,
        verb=facts.verb,
        object=None,
        colour=None,
        target=v["gesture"] if gesture else None,
        roles=roles,
        success=None,
        failure_cause=None,
        failure_frame=None,
        captions=words.captions(facts),
    )


def _sides(of: PlayedShot) -> list[str]:
    return sorted(hand.side for hand in of.script.hands.values() if hand.person == "wearer")


def _busy(of: PlayedShot, name: str) -> list[float]:
    """When a hand is well above the table."""
    hand = of.script.hands[name]
    times = np.linspace(0, of.duration_s, 12)
    return [float(t) for t in times if hand.at(float(t)).wrist.position[2] > hand.home.wrist.position[2] + 0.05]


def _roles(of: PlayedShot, task: TaskPlan) -> dict[str, str]:
    """acts, helps (it holds something meanwhile) or rests, for each of the wearer's hands."""
    out = {}
    for name, hand in of.script.hands.items():
        if hand.person != "wearer":
            continue
        holds = [s for s in hand.stretches if s.holds is not None and s.start_s < task.end_s and s.end_s > task.start_s]
        out[hand.side] = "acts" if name == of.script.acting else "helps" if holds else "rests"
    return dict(sorted(out.items()))


def _facts(of: PlayedShot, task: TaskPlan, roles: dict[str, str]) -> TaskFacts:
    props = of.script.props
    prop = props[prop_name(task.thing, task.colour)]
    before, after = prop.at(task.start_s), prop.at(task.end_s)
    target = f"{task.target_colour} {task.target}" if task.target else None
    is_moved = task.outcome == "success" and task.verb in ("push", "take", "place", "stack")
    return TaskFacts(
        verb=task.verb,
        object=task.thing,
        colour=task.colour,
        target=target,
        side=of.shot.acting,
        roles=roles,
        outcome=task.outcome,
        place=None if task.verb == "take" else where(before),
        goal=(f"on the {target}" if target else where(after)) if is_moved else None,
        near=_near(of, prop.name, before),
        glove=of.shot.variation["glove"],
    )


def where(at: Pose) -> str:
    """A place on the table, as the wearer sees it."""
    x = float(at.position[0])
    side = "right side" if x > SIDE_M else "left side" if x < -SIDE_M else "middle"
    return f"{'on' if side != 'middle' else 'in'} the {side} of the table"


def _near(of: PlayedShot, name: str, at: Pose) -> tuple[str, ...]:
    """The things nearest to one, and on which side of it they are."""
    out = []
    for other, prop in of.script.props.items():
        way = prop.at(0.0).position - at.position
        distance = float(np.hypot(way[0], way[1]))
        if other == name or not 0.03 < distance < NEAR_M:
            continue
        across = abs(way[0]) > abs(way[1])
        side = ("right of" if way[0] > 0 else "left of") if across else ("behind" if way[1] > 0 else "in front of")
        phrase = f"to the {side}" if across else side
        out.append((distance, f"show the {other} {phrase} the {name}"))
    return tuple(text for _, text in sorted(out)[:2])
