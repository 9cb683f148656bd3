"""What a world is to hold: its options, the formats of its recordings, and world.toml, which keeps them."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import UsageError
from simworld.robot import plan as robot_plan
from simworld.tasks import plan
from simworld.tasks.plan import AXES

SPEC = "world.toml"


@dataclass(frozen=True, slots=True)
class WorldOptions:
    """How much of a world, and how fine.

    fixed: axes of plan.AXES that every take has alike, such as {"skin": "dark"}. UsageError: it asks for what the
    world has not.
    """

    seed: int = 7
    clips: int = 40
    robot: int = 60
    quality: str = "demo"  # one of FORMS
    generation: int = 0  # of the robot's policy: later ones are better
    fixed: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        for name in ("seed", "clips", "robot", "generation"):
            value = getattr(self, name)
            if type(value) is not int or value < 0:
                raise UsageError(f"{name} is {value!r}, not a whole number from 0 on")
        if self.quality not in FORMATS:
            raise UsageError(f"quality is {self.quality!r}, not one of {', '.join(FORMATS)}")
        for axis, value in self.fixed:
            if value not in AXES.get(axis, ()):
                values = ", ".join(AXES.get(axis, AXES))
                raise UsageError(f"{axis}={value}: the world knows {values}")


@dataclass(frozen=True, slots=True)
class RecordingFormat:
    """A quality's recordings: pictures, rate and length."""

    width_px: int
    height_px: int
    fps_hz: float
    picture: str  # of render.QUALITIES
    task_s: float = 4.0
    tasks: tuple[int, int] = (1, 1)
    cut_share: float = 0.15

    def take_options(self, fixed: dict[str, str]) -> plan.TakeOptions:
        """For first-person takes."""
        return plan.TakeOptions(
            fps_hz=self.fps_hz, width_px=self.width_px, height_px=self.height_px, task_s=self.task_s,
            tasks=self.tasks, cut_share=self.cut_share, fixed=fixed,
        )  # fmt: skip

    def attempt_options(self) -> robot_plan.AttemptOptions:
        """For the robot's attempts."""
        return robot_plan.AttemptOptions(fps_hz=self.fps_hz, width_px=self.width_px, height_px=self.height_px)


# survey: the demo's pictures in shorter takes, for audits of many.
FORMATS = {
    "draft": RecordingFormat(320, 180, 5.0, "draft"),
    "demo": RecordingFormat(480, 270, 5.0, "demo"),
    "survey": RecordingFormat(480, 270, 4.0, "demo", task_s=2.6),
    "fine": RecordingFormat(640, 360, 10.0, "fine", task_s=5.0, tasks=(1, 4), cut_share=0.3),
}


def read_spec(folder: Path) -> WorldOptions:
    """What the folder's world.toml asks for; the defaults where there is none. UsageError: it asks for nonsense."""
    path = folder / SPEC
    if not path.exists():
        return WorldOptions()
    try:
        plain = tomllib.loads(path.read_text())
        plain["fixed"] = tuple(sorted(plain.get("fixed", {}).items()))
        return WorldOptions(**plain)
    except (ValueError, TypeError, AttributeError, UsageError) as e:
        raise UsageError(f"{path}: {e}") from e


def parse_fixed(settings: list[str]) -> tuple[tuple[str, str], ...]:
    """axis=value texts as pairs."""
    return tuple(sorted((axis, value) for axis, _, value in (setting.partition("=") for setting in settings)))


def write_spec(folder: Path, options: WorldOptions) -> None:
    """world.toml of the options."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{key} = {json.dumps(value)}" for key, value in dataclasses.asdict(options).items() if key != "fixed"]
    lines += ["", "[fixed]", *(f"{axis} = {json.dumps(value)}" for axis, value in options.fixed)]
    (folder / SPEC).write_text("\n".join(lines).rstrip() + "\n")
