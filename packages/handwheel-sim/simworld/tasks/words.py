"""Captions of a task at five levels, composed from the scene graph: what acts, on what, where, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from schemas.truth import TaskTruth

LIMITS = {"L1": 5, "L2": 15, "L3": 30, "L4": 50, "L5": 100}

# {o}: the object with its colour, {t}: the target, {s}: the acting side, {w}: the way. One phrase a verb.
PHRASES: dict[str, str] = {
    "reach": "reach for {o}",
    "pick": "pick up {o}",
    "place": "place {o} on {t}",
    "pour": "pour from {o} into {t}",
    "push": "push {o} to the {w}",
    "turn": "turn {o}",
    "open": "open {o}",
    "close": "close {o}",
    "wipe": "wipe the table with {o}",
    "hand over": "hand over {o} to the person across the table",
    "take": "take {o} from the person across the table",
    "stack": "stack {o} on {t}",
}
SHORT = {"pour": "pour from {o}", "wipe": "wipe with {o}", "hand over": "hand over {o}", "place": "place {o}"} | {
    "push": "push {o}", "take": "take {o}", "stack": "stack {o}",
}  # fmt: skip
TRIED = {"pick": "pick {o}", "reach": "reach {o}", "pour": "fill {t}"}  # after "fail to", in five words
STEPS: dict[str, tuple[str, ...]] = {
    "reach": ("reach for {o}", "hold the open hand beside it", "return"),
    "pick": ("reach for {o}", "grip it", "lift it off the table", "hold it up"),
    "place": ("reach for {o}", "grip it", "carry it over {t}", "set it down", "let it go"),
    "stack": ("reach for {o}", "grip it", "lift it over {t}", "set it on top", "let it go"),
    "pour": ("grip {o}", "lift it over {t}", "tilt it to the {w} and pour", "set it back on the table"),
    "push": ("lay the palm against {o}", "slide it over the table to the {w}", "let it go"),
    "turn": ("reach for {o}", "grip its rim", "turn it", "let it go"),
    "open": ("reach for {o}", "{h}", "{m}", "let it go"),
    "close": ("reach for {o}", "{h}", "{m}", "let it go"),
    "wipe": ("grip {o}", "rub the table back and forth", "let it go"),
    "hand over": ("grip {o}", "lift it across the table", "lay it on the open hand of the other person", "let it go"),
    "take": ("reach across the table", "grip {o} on the open hand of the other person", "set it on the table"),
}
# What goes wrong, after how many steps of the verb, and how that is said.
FAILURES: dict[str, tuple[int, str]] = {
    "miss": (1, "close the fingers beside it and miss it"),
    "slip": (2, "let it slip out of the fingers while lifting"),
    "drop": (3, "drop it onto the table"),
    "spill": (2, "spill onto the table beside {t}"),
    "stuck": (2, "pull without moving it"),
}
CAUSES = {
    "miss": "miss it", "slip": "let it slip", "drop": "drop it", "spill": "spill beside it", "stuck": "leave it stuck",
}  # fmt: skip
GESTURES = {
    "wave": ("wave", "raise the open hand and swing it from side to side"),
    "point": ("point", "stretch the index finger towards one place and another"),
    "victory": ("show two fingers", "raise the index finger and the middle finger"),
    "count": ("raise the fingers in turn", "show one finger after the other"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFacts:
    """A task of the scene graph. Names are nouns with their colour; `around` are clauses such as `keep ...`."""

    verb: str
    object: str | None = None
    colour: str | None = None
    target: str | None = None  # a noun, with its colour where it has one
    side: str | None = None  # of the acting hand
    roles: Mapping[str, str]
    outcome: str | None = None  # success, a cause, or None: nothing was tried
    place: str | None = None  # where the object is: on the left side of the table
    goal: str | None = None
    near: tuple[str, ...] = ()  # the blue bowl behind the red mug
    glove: str = "none"
    gesture: str = "none"
    scene: tuple[str, ...] = ()  # what can be seen where nothing is done


def captions(facts: TaskFacts) -> dict[str, str]:
    """Five texts, verb first, each within its limit of LIMITS."""
    levels = _of_task(facts) if facts.object is not None else _of_scene(facts)
    return {level: pack(clauses, LIMITS[level]) for level, clauses in levels.items()}


def narration(task: TaskTruth) -> str:
    """What an annotator would note: `pick up the red mug`; a scene in which nothing is done has no words ("")."""
    if task.object is None:
        return GESTURES[task.target][0] if task.verb == "gesture" and task.target in GESTURES else ""
    target = None if task.target is None else f"the {task.target}"
    side = next((s for s, role in task.roles.items() if role == "acts"), "right")
    names = _names(f"the {task.colour} {task.object}", target, side, task.object, task.verb)
    phrase = PHRASES[task.verb].format(**names)
    return phrase if task.success else f"try to {phrase} and {CAUSES[task.failure_cause or 'miss']}"


def pack(clauses: Iterable[str], limit: int) -> str:
    """As many clauses as fit, the first of them always, as one sentence."""
    out: list[str] = []
    for clause in clauses:
        if not out or len(" ".join([*out, clause]).split()) <= limit:
            out.append(clause)
    text = ", ".join(c for c in out if c)
    return text[:1].upper() + text[1:] + "."


def _of_task(f: TaskFacts) -> dict[str, list[str]]:
    assert f.object is not None
    target = None if f.target is None else f"the {f.target}"
    side = f.side or "right"
    bare = _names(
        f"the {f.object}", None if f.target is None else f"the {f.target.split()[-1]}", side, f.object, f.verb
    )
    full = _names(f"the {f.colour} {f.object}", target, side, f.object, f.verb)
    phrase = PHRASES[f.verb].format(**full)
    with_hand = f"with the {side} hand{_gloved(f)}"
    if f.outcome == "success":
        short = SHORT.get(f.verb, PHRASES[f.verb]).format(**bare)
        steps = [s.format(**full) for s in STEPS[f.verb]]
        gist, ending = phrase, _ending(f)
    else:
        assert f.outcome is not None
        short = "fail to " + TRIED.get(f.verb, SHORT.get(f.verb, PHRASES[f.verb])).format(**bare)
        count, wrong = FAILURES[f.outcome]
        steps = [*(s.format(**full) for s in STEPS[f.verb][:count]), wrong.format(**full)]
        gist, ending = f"fail to {phrase}", ["end without success"]
    where = [f"find {full['o']} {f.place}"] if f.place else []
    roles = _helper_clauses(f, side)
    steps_with_hand = [f"{steps[0]} {with_hand}", *steps[1:]]
    return {
        "L1": [short],
        "L2": [gist],
        "L3": [f"{gist} {with_hand}", *roles],
        "L4": [*steps_with_hand, *roles, *ending[-1:]],
        "L5": [*where, *steps_with_hand, *roles, *ending, *f.near],
    }


def _of_scene(f: TaskFacts) -> dict[str, list[str]]:
    """A gesture, hands at rest, or a table without a person."""
    scene_clauses = [f"show {name}" for name in f.scene]
    if f.verb == "gesture":
        short, long = GESTURES[f.gesture]
        hand = f"with the {f.side} hand{_gloved(f)}"
        rest = _helper_clauses(f, f.side or "right")
        touch = "touch nothing"
        return {
            "L1": [short],
            "L2": [f"{short} {hand}"],
            "L3": [f"{short} {hand}", *rest, touch],
            "L4": [f"{short} {hand}", long, *rest, touch],
            "L5": [f"{short} {hand}", long, *rest, touch, *scene_clauses],
        }
    if f.roles:
        hands = "both hands" if len(f.roles) == 2 else f"the {next(iter(f.roles))} hand"
        first = f"rest {hands} on the table"
        more = [f"{first}{_gloved(f)}", "touch nothing", *scene_clauses]
        return {"L1": [f"rest {hands}"], "L2": [first], "L3": more[:2], "L4": more, "L5": more}
    every = ["show a table without a person", "show no hand at work", *scene_clauses]
    return {"L1": ["show the table"], "L2": every[:1], "L3": every[:2], "L4": every[:4], "L5": every}


def _names(thing: str, target: str | None, side: str, noun: str, verb: str) -> dict[str, str]:
    away = "left" if side == "right" else "right"
    drawer = noun == "drawer"
    hold = "grip its handle" if verb == "open" else "lay the fingers on its front"
    move = {
        ("open", True): "pull it out", ("close", True): "push it in",
        ("open", False): "turn the lid and lift it off", ("close", False): "set the lid on and turn it",
    }.get((verb, drawer), "")  # fmt: skip
    return {
        "o": thing,
        "t": target or "the table",
        "s": side,
        "w": away,
        "h": hold if drawer else "grip the lid",
        "m": move,
    }


def _gloved(f: TaskFacts) -> str:
    return "" if f.glove == "none" else " in a glove"


def _helper_clauses(f: TaskFacts, side: str) -> list[str]:
    """What the other hand does."""
    other = "left" if side == "right" else "right"
    role = f.roles.get(other)
    if role == "helps":
        return [f"hold the {f.object} steady with the {other} hand"]
    if role == "gestures":
        return [f"raise the {other} hand as well"]
    return [f"rest the {other} hand on the table"] if role == "rests" else []


def _ending(f: TaskFacts) -> list[str]:
    if f.goal and f.object:
        return [f"leave the {f.object} {f.goal}", "end with success"]
    return ["end with success"]
