"""What a recording will show: plain values drawn from a seed, so that a few recordings cover every variation.

Values of an axis are dealt like cards: over `count` recordings each comes as often as its weight says.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from simworld.body.hands import BODIES
from simworld.scene_types import CameraSettings, Lens

SKINS = ("porcelain", "light", "medium", "tan", "brown", "dark")
VERBS = (
    "place", "pour", "pick", "push", "open", "wipe", "stack", "hand over", "turn", "reach", "close", "take",
)  # fmt: skip
CAUSES: dict[str, tuple[str, ...]] = {  # a failure's cause, and the verbs that can fail of it
    "slip": ("pick", "place"),
    "miss": ("pick", "place", "reach"),
    "spill": ("pour",),
    "stuck": ("open", "turn"),
    "drop": ("place", "stack"),
}
OBJECTS: dict[str, tuple[str, ...]] = {
    "reach": ("mug", "can", "box", "ball", "bottle", "cup"),
    "pick": ("mug", "can", "ball", "bottle", "block", "cup"),
    "place": ("mug", "can", "ball", "block", "cup", "box"),
    "pour": ("mug", "cup"),
    "push": ("box", "block", "can"),
    "turn": ("knob",),
    "open": ("drawer", "jar"),
    "close": ("drawer", "jar"),
    "wipe": ("sponge", "cloth"),
    "hand over": ("can", "cup", "ball", "block"),
    "take": ("can", "cup", "ball", "block"),
    "stack": ("block", "can"),
}
TARGETS: dict[str, tuple[str, ...]] = {"place": ("plate", "book"), "pour": ("bowl",), "stack": ("book",)}
COLOURS = ("red", "blue", "green", "yellow", "white", "orange", "black", "purple")
LENGTHS = {"reach": 0.7, "pick": 0.8, "pour": 1.25, "wipe": 1.1, "hand over": 1.1, "take": 1.1}  # of Options.task_s

AXES: dict[str, tuple[str, ...]] = {
    "verb": VERBS,
    "outcome": ("success", *CAUSES),
    "negative": ("none", "gesture", "empty", "statue", "robot_hand", "confusers", "rest"),
    "gesture": ("wave", "point", "victory", "count"),
    "room": ("table", "kitchen", "shelf", "desk", "workshop"),
    "light": ("window", "ceiling", "lamp", "dim", "evening"),
    "exposure": ("normal", "under", "over"),
    "blur": ("some", "none", "heavy"),
    "view": ("normal", "near", "wide"),
    "head": ("drift", "still", "turn"),
    "body": BODIES,
    "skin": SKINS,
    "glove": ("none", "latex", "work", "rubber", "knit"),
    "sleeve": ("long", "bare", "rolled", "short"),
    "hands": ("both", "one"),
    "handed": ("right", "left"),
    "other": ("nobody", "across"),
    "clutter": ("few", "none", "many"),
}
WEIGHTS: dict[str, tuple[float, ...]] = {  # where an axis' values are not equally common
    "negative": (0.72, 0.1, 0.03, 0.04, 0.04, 0.04, 0.03),
    "exposure": (0.7, 0.15, 0.15),
    "blur": (0.6, 0.2, 0.2),
    "view": (0.6, 0.2, 0.2),
    "head": (0.6, 0.2, 0.2),
    "glove": (0.6, 0.1, 0.1, 0.1, 0.1),
    "hands": (0.6, 0.4),
    "handed": (0.8, 0.2),
    "other": (0.7, 0.3),
    "clutter": (0.6, 0.15, 0.25),
}
UNMANNED = ("empty", "statue", "robot_hand", "confusers")
PEOPLE = ("negative", "body", "skin", "glove", "sleeve", "handed")  # one wearer a recording, not a shot
FAIL_EVERY = 4  # one work recording in four starts with a failure
EXPOSURES = {"normal": 1.0, "under": 0.6, "over": 1.8}
ADAPTED = {"dim": 2.2, "evening": 1.0, "window": 1.0, "ceiling": 1.0, "lamp": 1.0}  # a camera's own exposure
OPEN_S = {"none": 0.0, "some": 1 / 60, "heavy": 1 / 20}  # the shutter's time
FOCAL = {"normal": 0.82, "near": 1.0, "wide": 0.66}  # of the picture's width
LEAD_S, PAUSE_S, TAIL_S = 0.5, 0.4, 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOptions:
    """A corpus' settings. `fixed` holds axes at one value each, so that a benchmark varies one at a time."""

    fps_hz: float = 5.0
    width_px: int = 480
    height_px: int = 270
    task_s: float = 4.0  # of a `place`; other verbs in proportion
    tasks: tuple[int, int] = (1, 1)  # fewest and most a shot
    cut_share: float = 0.15  # of recordings that have two shots
    fixed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPlan:
    """One thing to do, from start_s to end_s of its shot."""

    verb: str
    thing: str
    colour: str
    target: str | None
    target_colour: str | None
    outcome: str  # success, or the cause of the failure
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotPlan:
    """One take: a wearer in a scene, from a cut to the next."""

    seed: int
    variation: Mapping[str, str]  # axis -> value
    camera_settings: CameraSettings
    lens: Lens
    fps_hz: float
    duration_s: float  # a whole number of frames
    tasks: tuple[TaskPlan, ...]
    wearer: str | None  # None: nobody's hands can be seen
    scene: str

    @property
    def acting(self) -> str:
        """The side that does the work."""
        return self.variation["handed"]

    @property
    def frame_count(self) -> int:
        """Frames of the shot."""
        return round(self.duration_s * self.fps_hz)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingPlan:
    """Shots with hard cuts between them."""

    name: str
    seed: int
    shots: tuple[ShotPlan, ...]

    @property
    def frame_count(self) -> int:
        """Frames of all shots."""
        return sum(shot.frame_count for shot in self.shots)


def draw(seed: int, index: int, count: int, options: TakeOptions = TakeOptions()) -> RecordingPlan:
    """The plan of recording `index` of `count`; the same arguments give the same plan on every machine."""
    first = _variation(seed, index, count, 0, options)
    variations = [first]
    rank = _rank(seed, index, count, "none")
    if first["negative"] == "none" and _share_has(rank + 1, options.cut_share):
        again = _variation(seed, index, count, 1, options)
        variations.append(again | {axis: first[axis] for axis in PEOPLE})
    shots = tuple(_shot(seed, index, k, v, options) for k, v in enumerate(variations))
    return RecordingPlan(name=f"take_{index:04d}", seed=seed, shots=shots)


def plain(plan: RecordingPlan) -> dict[str, Any]:
    """The plan as JSON takes it; equal plans give equal values, to name a cache by."""
    return asdict(plan)


def deck(values: tuple[str, ...], weights: tuple[float, ...], count: int) -> list[str]:
    """`count` values, each as often as its weight says to within one, the rarest no later than its turn."""
    shares = np.array(weights) / np.sum(weights)
    have, out = np.zeros(len(values)), []
    for i in range(count):
        k = int(np.argmax(np.round(shares * (i + 1) - have, 9)))
        have[k] += 1
        out.append(values[k])
    return out


def _deal(seed: int, axis: str, values: tuple[str, ...], weights: tuple[float, ...], index: int, count: int) -> str:
    rng = np.random.default_rng([seed, 1, *axis.encode()])
    turn = int(rng.integers(len(values))) if len(set(weights)) == 1 else 0
    return deck(values[turn:] + values[:turn], weights, count)[int(rng.permutation(count)[index])]


def _variation(seed: int, index: int, count: int, shot: int, options: TakeOptions) -> dict[str, str]:
    """A value of every axis; takes with and without people are dealt to apart."""
    out = {"negative": _negative(seed, index, count)}
    same = [i for i in range(count) if (_negative(seed, i, count) in UNMANNED) == (out["negative"] in UNMANNED)]
    for axis, values in AXES.items():
        weights = WEIGHTS.get(axis, (1.0,) * len(values))
        name = axis if shot == 0 or axis in PEOPLE else f"{axis}/{shot}"
        if axis != "negative":
            out[axis] = _deal(seed, name, values, weights, same.index(index), len(same))
    gestures = AXES["gesture"]
    out["gesture"] = gestures[(_rank(seed, index, count, "gesture") + seed) % len(gestures)]
    out |= _work(seed, index, count, shot)
    out |= options.fixed
    if "verb" in options.fixed and "outcome" not in options.fixed:
        out["outcome"] = "success"
    if "outcome" in options.fixed and out["outcome"] != "success" and out["verb"] not in CAUSES[out["outcome"]]:
        out["verb"] = CAUSES[out["outcome"]][index % len(CAUSES[out["outcome"]])]
    if {"verb", "outcome"} & set(options.fixed) and "negative" not in options.fixed:
        out["negative"] = "none"
    if "negative" in options.fixed and "gesture" not in options.fixed:
        out["gesture"] = gestures[index % len(gestures)]
    if out["negative"] == "none" and out["verb"] in ("hand over", "take"):
        out["other"] = "across"
    if out["other"] == "across" and out["room"] == "desk":  # its screen stands where a person would sit
        out["room"] = "table"
    if out["negative"] == "none":
        out["gesture"] = "none"
    else:
        out |= {
            "verb": "none",
            "outcome": "none",
            "gesture": out["gesture"] if out["negative"] == "gesture" else "none",
        }
    if out["negative"] in UNMANNED:
        out |= dict.fromkeys(("body", "skin", "glove", "sleeve", "hands"), "none") | {"other": "nobody"}
    return out


def _rank(seed: int, index: int, count: int, negative: str) -> int:
    """How many recordings before this one are of that kind of negative ("none": work)."""
    return sum(_negative(seed, i, count) == negative for i in range(index))


@functools.cache
def _negative(seed: int, index: int, count: int) -> str:
    return _deal(seed, "negative", AXES["negative"], WEIGHTS["negative"], index, count)


def _share_has(number: int, share: float) -> bool:
    """Whether number (from 1) is one of those that bring the count up to that share of all."""
    return int(number * share + 0.5) > int((number - 1) * share + 0.5)


def _work(seed: int, index: int, count: int, shot: int) -> dict[str, str]:
    """Verb and outcome of the first task: failures by cause, successes by verb, each in turn."""
    rng = np.random.default_rng([seed, 2, shot])
    turn_verb, turn_cause = int(rng.integers(len(VERBS))), int(rng.integers(len(CAUSES)))
    rank = _rank(seed, index, count, "none") + 2 * shot
    if rank % FAIL_EVERY == 1:
        cause = tuple(CAUSES)[(rank // FAIL_EVERY + turn_cause) % len(CAUSES)]
        verbs = CAUSES[cause]
        return {"verb": verbs[(rank // FAIL_EVERY) % len(verbs)], "outcome": cause}
    successes = rank - (rank + FAIL_EVERY - 2) // FAIL_EVERY
    return {"verb": VERBS[(successes + turn_verb) % len(VERBS)], "outcome": "success"}


def _shot(seed: int, index: int, number: int, variation: dict[str, str], options: TakeOptions) -> ShotPlan:
    rng = np.random.default_rng([seed, 3, index, number])
    tasks = _tasks(rng, variation, options) if variation["negative"] == "none" else ()
    busy_s = tasks[-1].end_s + TAIL_S if tasks else LEAD_S + options.task_s + TAIL_S
    shutter = min(1.0, OPEN_S[variation["blur"]] * options.fps_hz)
    noise = {"dim": 0.022, "evening": 0.016}.get(variation["light"], 0.008)
    alone = variation["body"] == "none"
    return ShotPlan(
        seed=int(rng.integers(2**31)),
        variation=variation,
        camera_settings=CameraSettings(
            exposure=round(EXPOSURES[variation["exposure"]] * ADAPTED[variation["light"]], 4),
            noise=noise,
            shutter=round(shutter, 4),
        ),
        lens=Lens(options.width_px, options.height_px, round(FOCAL[variation["view"]] * options.width_px, 1)),
        fps_hz=options.fps_hz,
        duration_s=max(1, round(busy_s * options.fps_hz)) / options.fps_hz,
        tasks=tasks,
        wearer=None if alone else f"wearer_{BODIES.index(variation['body'])}{SKINS.index(variation['skin'])}",
        scene=f"{variation['room']}_{seed}_{index}_{number}",
    )


def _tasks(rng: np.random.Generator, variation: dict[str, str], options: TakeOptions) -> tuple[TaskPlan, ...]:
    """The shot's tasks one after the other; what was picked up is put down by the next."""
    wanted = int(rng.integers(options.tasks[0], options.tasks[1] + 1))
    colours = [COLOURS[int(k)] for k in rng.permutation(len(COLOURS))]
    tasks: list[TaskPlan] = []
    at_s = LEAD_S
    while len(tasks) < wanted:
        verb, outcome = variation["verb"], variation["outcome"]
        holding = bool(tasks) and tasks[-1].verb == "pick" and tasks[-1].outcome == "success"
        if tasks:
            verb, outcome = ("place", "success") if holding else _next(rng, tasks, variation)
        thing, colour = (
            (tasks[-1].thing, tasks[-1].colour) if holding else (_pick_kind(rng, _kinds(verb, variation), tasks), "")
        )
        target = _pick_kind(rng, TARGETS[verb], tasks) if verb in TARGETS else None
        length_s = round(LENGTHS.get(verb, 1.0) * options.task_s * float(rng.uniform(0.92, 1.08)), 2)
        tasks.append(
            TaskPlan(
                verb=verb,
                thing=thing,
                colour=colour or colours.pop(),
                target=target,
                target_colour=colours.pop() if target else None,
                outcome=outcome,
                start_s=round(at_s, 2),
                end_s=round(at_s + length_s, 2),
            )
        )
        at_s += length_s + PAUSE_S
    return tuple(tasks)


def _next(rng: np.random.Generator, tasks: list[TaskPlan], variation: dict[str, str]) -> tuple[str, str]:
    """A later task's verb and outcome: no big furniture twice, nobody to hand to who is not there."""
    big = {"open", "close", "turn"}
    used = {t.verb for t in tasks}
    verbs = [v for v in VERBS if v not in used and not (v in big and used & big)]
    verbs = [v for v in verbs if variation["other"] == "across" or v not in ("hand over", "take")] or ["push"]
    verb = verbs[int(rng.integers(len(verbs)))]
    causes = [c for c, of in CAUSES.items() if verb in of]
    if causes and rng.random() < 1 / FAIL_EVERY:
        return verb, causes[int(rng.integers(len(causes)))]
    return verb, "success"


def _kinds(verb: str, variation: Mapping[str, str]) -> tuple[str, ...]:
    """What the verb is done to: a drawer's cabinet wants the far side of the table for itself."""
    full = variation["other"] == "across" or variation["room"] == "desk"
    return tuple(k for k in OBJECTS[verb] if not (k == "drawer" and full))


def _pick_kind(rng: np.random.Generator, kinds: tuple[str, ...], tasks: list[TaskPlan]) -> str:
    """A kind, a new one where that is possible."""
    taken = {t.thing for t in tasks} | {t.target for t in tasks}
    free = [k for k in kinds if k not in taken] or list(kinds)
    return free[int(rng.integers(len(free)))]
