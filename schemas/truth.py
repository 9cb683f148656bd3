"""What is true of a recording: rows of it, as JSON beside the corpus.

Times are ns from the first frame, spans half-open. Places in pictures are shares: x by the width, y by the height.
Lengths are metres in the world's frame (packages/handwheel-sim/simworld/scene_types.py), rounded to 0.1 mm, so that
every machine writes the same.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SUFFIX = ".truth.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class HandTruth:
    """One human hand of one frame, in view or not."""

    side: str  # left, right
    person: str  # wearer, other
    box: tuple[float, float, float, float] | None  # x0, y0, x1, y1 of the 21 points, not clipped; None: behind
    keypoints: tuple[float, ...]  # 42: x, y of 21 points in MediaPipe's order; empty where the box is None
    keypoints_m: tuple[float, ...]  # 63, in the world
    visible: float  # share of the hand's surface points that are inside the picture and not hidden, 0..1
    blur_px: float  # median way of its points on the picture while the shutter is open
    touches: tuple[str, ...]  # names of things within TOUCH_M of its skin
    deepest_mm: float  # signed distance to the nearest thing: negative is inside


@dataclass(frozen=True, slots=True, kw_only=True)
class ThingTruth:
    """One thing of one frame."""

    name: str
    position_m: tuple[float, float, float]
    quaternion: tuple[float, float, float, float]  # w, x, y, z
    box: tuple[float, float, float, float] | None  # of its projected vertices, not clipped


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameTruth:
    """One frame."""

    t_ns: int
    camera_position_m: tuple[float, float, float]
    camera_quaternion: tuple[float, float, float, float]  # w, x, y, z; camera to world, OpenCV axes
    hands: tuple[HandTruth, ...]
    things: tuple[ThingTruth, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskTruth:
    """One thing done, or tried, within a shot."""

    start_ns: int
    end_ns: int
    verb: str  # pick, place, pour, push, turn, open, close, wipe, hand over, stack, gesture, none ...
    object: str | None  # the thing's noun
    colour: str | None
    target: str | None  # what it goes to, into or onto
    roles: dict[str, str]  # side -> acts, helps, rests, gestures; sides that are absent are not named
    success: bool | None  # None: nothing was tried
    failure_cause: str | None  # miss, slip, drop, ...
    failure_frame: int | None
    captions: dict[str, str]  # L1..L5


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotTruth:
    """From one cut to the next."""

    start_ns: int
    end_ns: int
    scene: str
    wearer: str | None
    variation: dict[str, str]  # axis -> value: skin, glove, sleeve, body, light, blur, negative ...
    tasks: tuple[TaskTruth, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingTruth:
    """Everything about one recording."""

    name: str
    sha256: str  # of the recording's bytes; "" before it is rendered
    fps_hz: float
    width_px: int
    height_px: int
    focal_px: float
    shots: tuple[ShotTruth, ...]
    frames: tuple[FrameTruth, ...]
    outcome: str | None = None  # of a robot's attempt: success, failure
    failure_cause: str | None = None  # calibration_bias, noise, slip ...
    failure_frame: int | None = None

    @property
    def cuts_ns(self) -> tuple[int, ...]:
        """Where one shot becomes the next."""
        return tuple(shot.start_ns for shot in self.shots[1:])


def save(truth: RecordingTruth, path: Path) -> None:
    """Writes it, the same bytes for the same truth."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(truth), separators=(",", ":"), sort_keys=True) + "\n")


def load(path: Path) -> RecordingTruth:
    """Reads what save() wrote."""
    return truth_of(json.loads(path.read_text()))


def truth_of(plain: dict[str, Any]) -> RecordingTruth:
    """The rows of parsed JSON. KeyError, TypeError: it is none of ours."""
    shots = tuple(ShotTruth(**s | {"tasks": tuple(TaskTruth(**t) for t in s["tasks"])}) for s in plain["shots"])
    frames = tuple(
        FrameTruth(
            **{k: _frozen(v) for k, v in f.items()}
            | {
                "hands": tuple(HandTruth(**{k: _frozen(v) for k, v in h.items()}) for h in f["hands"]),
                "things": tuple(ThingTruth(**{k: _frozen(v) for k, v in t.items()}) for t in f["things"]),
            }
        )
        for f in plain["frames"]
    )
    return RecordingTruth(**plain | {"shots": shots, "frames": frames})


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
