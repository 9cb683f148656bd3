"""What a robot's attempt is to be, drawn from a seed: the scene, the task, and what will go wrong.

Places are metres of the base's frame: x forward, y left, z up. A later generation draws the same scenes with smaller
faults, so that a later policy attempts the same again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from simworld.scenery import rooms

EMBODIMENT = "so101"
CAMERA = "head"

FAULTS = ("none", "calibration_bias", "noise", "late_gripper", "early_release", "slip")
LABELS = ("sensor", "human", "none")
COLOURS = ("red", "blue", "green", "purple", "teal", "pink")
HALVES_M = (0.014, 0.017, 0.02)
OTHER_HALF_M = 0.022  # of the block that another is stacked on
PLATE_RADIUS_M = 0.055
PLATE_HEIGHT_M = 0.006
SQUARE_HALF_M = 0.045
SHRINK = 0.7  # of every fault, from one generation to the next
REACH_M = ((0.15, -0.1), (0.27, 0.1))  # where blocks and goals lie
APART_M = 0.085

# Each eight attempts have these, turned by the seed; and each twenty all tasks with most of them.
_FAULT_CYCLE = (
    "none",
    "calibration_bias",
    "none",
    "noise",
    "late_gripper",
    "early_release",
    "slip",
    "calibration_bias",
)
_TASK_CYCLE = ("pick_place", "stack", "lift", "push", "pick_place")
_LABEL_CYCLE = ("sensor", "sensor", "human", "sensor", "sensor", "none", "sensor", "human")
_GRIPS = ("late_gripper", "early_release", "slip")  # nothing to go wrong for a push
_MENDABLE = ("calibration_bias", "noise", "early_release")  # where a person can still do it
_HUMAN_EVERY = 3  # of the attempts that a person can mend
_TELEOP_EVERY = 10
_LONGER = 1.7  # with a person who takes over


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptOptions:
    """What holds for all attempts of a corpus. longest_s: attempts end there, 1.7 times later with a person's help."""

    fps_hz: float = 5.0
    longest_s: float = 4.4
    width_px: int = 480
    height_px: int = 270
    field_rad: float = 1.2  # the picture's width as an angle
    trained_on: str | None = None  # the release behind the policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A thing on the table: what it looks like and where it starts. kind: block, square, plate, none."""

    kind: str
    colour: str
    half_m: float
    x_m: float
    y_m: float
    yaw_rad: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What will go wrong, and by how much in this generation."""

    kind: str
    bias_m: tuple[float, float] = (0.0, 0.0)  # what the policy believes of every place is off by this
    noise_m: float = 0.0  # standard deviation of its hand's set point
    late_s: float = 0.0  # that its gripper obeys late
    friction: float = 1.0  # of the block
    release_share: float | None = None  # of the way to the goal where the gripper lets go


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptPlan:
    """One attempt. Frozen; dataclasses.asdict and plan_of go to JSON and back."""

    name: str
    seed: int
    index: int
    generation: int
    task: str
    block: Spot
    goal: Spot
    fault: Fault
    human: bool  # a person takes over when it fails
    label: str  # who says in the log how it ended: sensor, human, none
    collect_mode: str  # autonomous, teleop
    policy: str | None
    trained_on: str | None
    robot: str
    scene: str
    room: str
    light: str
    head_m: tuple[float, float, float]
    look_at_m: tuple[float, float, float]
    start_m: tuple[float, float, float]  # of the gripper
    fps_hz: float
    longest_s: float
    width_px: int
    height_px: int
    focal_px: float


def draw(
    seed: int, index: int, count: int, generation: int = 0, options: AttemptOptions = AttemptOptions()
) -> AttemptPlan:
    """The plan of attempt `index` of `count`: few attempts already cover tasks, faults and labels."""
    rng = np.random.default_rng([seed, 101, index])
    turn = int(np.random.default_rng([seed, 102]).integers(40))
    task = _TASK_CYCLE[(index + turn) % len(_TASK_CYCLE)]
    kind = _FAULT_CYCLE[(index + turn) % len(_FAULT_CYCLE)]
    if task == "push" and kind in _GRIPS:
        kind = "noise" if kind == "slip" else "calibration_bias"
    teleop = kind == "none" and (index + turn) % _TELEOP_EVERY == 0
    fault = _fault(kind, 0.0 if teleop else SHRINK**generation, rng)
    human = kind in _MENDABLE and int(rng.integers(_HUMAN_EVERY)) == 0
    block, goal = _spots(task, rng)
    # The arm is a right or a left one of its body, so that the head looks past it at the work.
    side = 1.0 if block.y_m + (0.0 if goal.kind == "none" else goal.y_m) > 0 else -1.0
    head = np.array([-0.06, 0.23 * side, 0.4]) + rng.normal(0, (0.015, 0.02, 0.02))
    look_at = np.array([0.2, 0.015 * side, 0.055]) + rng.normal(0, (0.01, 0.01, 0.0))
    return AttemptPlan(
        name=f"attempt_{index:04d}_g{generation}",
        seed=seed,
        index=index,
        generation=generation,
        task=task,
        block=block,
        goal=goal,
        fault=fault,
        human=human,
        label=_LABEL_CYCLE[(index + turn // 8) % len(_LABEL_CYCLE)],
        collect_mode="teleop" if teleop else "autonomous",
        policy=None if teleop else f"scripted-g{generation}",
        trained_on=None if teleop else options.trained_on,
        robot=f"so101_{index % 3}",
        scene=f"bench_{seed}_{index % max(1, min(count, 12))}",
        room=rooms.KINDS[(index + turn) % len(rooms.KINDS)],
        light=rooms.LIGHTS[int(rng.integers(len(rooms.LIGHTS)))],
        head_m=_round_point(head),
        look_at_m=_round_point(look_at),
        start_m=_round_point(np.array([0.19, 0.0, 0.12]) + rng.uniform(-0.02, 0.02, 3)),
        fps_hz=options.fps_hz,
        longest_s=options.longest_s * (_LONGER if human else 1.0),
        width_px=options.width_px,
        height_px=options.height_px,
        focal_px=round(options.width_px / 2 / float(np.tan(options.field_rad / 2)), 2),
    )


def plan_from_json(plain: dict[str, Any]) -> AttemptPlan:
    """The plan of parsed JSON of dataclasses.asdict(plan)."""
    spots = {name: Spot(**plain[name]) for name in ("block", "goal")}
    fault = Fault(**plain["fault"] | {"bias_m": tuple(plain["fault"]["bias_m"])})
    tuples = {name: tuple(plain[name]) for name in ("head_m", "look_at_m", "start_m")}
    return AttemptPlan(**plain | spots | tuples | {"fault": fault})


def _fault(kind: str, amount: float, rng: np.random.Generator) -> Fault:
    """amount: 1 in the first generation. All draws are made whatever the amount, so that scenes stay the same."""
    angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(0.022, 0.04)
    shaky, late = rng.uniform(0.013, 0.022), rng.uniform(0.35, 0.75)
    survives, share = rng.uniform(0.2, 0.95), rng.uniform(0.05, 0.55)
    return Fault(
        kind=kind,
        bias_m=_pair(length * amount * np.array([np.cos(angle), np.sin(angle)]) * (kind == "calibration_bias")),
        noise_m=round(float(amount * (shaky if kind == "noise" else 0.003)), 4),
        late_s=round(float(late * amount), 2) if kind == "late_gripper" else 0.0,
        friction=round(float(0.008**amount), 3) if kind == "slip" else 1.0,
        release_share=round(float(share), 2) if kind == "early_release" and amount > survives else None,
    )


def _spots(task: str, rng: np.random.Generator) -> tuple[Spot, Spot]:
    """The block and its goal, apart."""
    colours = rng.permutation(len(COLOURS))
    half, yaw, kind = float(rng.choice(HALVES_M)), rng.uniform(-0.7, 0.7, 2), "square"
    places = rng.uniform(*REACH_M, size=(200, 2, 2))
    apart = np.linalg.norm(places[:, 0] - places[:, 1], axis=1) > APART_M
    start, goal = places[int(np.argmax(apart))]
    if task == "stack":
        kind, goal_half = "block", OTHER_HALF_M
    elif task == "lift":
        kind, goal_half = "none", 0.0
    elif task == "pick_place" and rng.integers(2):
        kind, goal_half = "plate", PLATE_RADIUS_M
    else:
        goal_half = SQUARE_HALF_M
    first, second = COLOURS[colours[0]], "white" if kind == "plate" else COLOURS[colours[1]]
    return _spot("block", first, half, start, yaw[0]), _spot(kind, second, goal_half, goal, yaw[1])


def _spot(kind: str, colour: str, half_m: float, place: Any, yaw_rad: float) -> Spot:
    x, y = _pair(place)
    return Spot(kind=kind, colour=colour, half_m=half_m, x_m=x, y_m=y, yaw_rad=round(float(yaw_rad), 4))


def _pair(values: Any) -> tuple[float, float]:
    return round(float(values[0]), 4), round(float(values[1]), 4)


def _round_point(values: Any) -> tuple[float, float, float]:
    return round(float(values[0]), 4), round(float(values[1]), 4), round(float(values[2]), 4)
