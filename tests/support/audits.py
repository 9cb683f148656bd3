"""Truth for the corpus of tests/support/corpus.py: hands where it drew them, and others where it did not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from schemas.keys import digest_of
from schemas.spans import NS
from schemas.truth import SUFFIX, FrameTruth, HandTruth, RecordingTruth, ShotTruth, TaskTruth, ThingTruth, save
from tests.support.corpus import HOSTILE, SPANS

FPS_HZ = 10.0
# The corpus' drawn hand: schemas.Hands' key points of tests/support/corpus.py.
DRAWN = tuple(v for k in range(21) for v in (0.3 + k / 100, 0.4 + k / 80))
TASK = TaskTruth(
    start_ns=0, end_ns=3 * NS, verb="move", object="cup", colour="red", target=None, roles={"right": "acts"},
    success=True, failure_cause=None, failure_frame=None, captions={"L1": "Move the cup."},
)  # fmt: skip


def hand(points: Sequence[float] = DRAWN, **other: Any) -> HandTruth:
    """A right hand of the wearer, in full view, at these key points."""
    box = (min(points[::2]), min(points[1::2]), max(points[::2]), max(points[1::2]))
    plain: dict[str, Any] = {
        "side": "right", "person": "wearer", "box": box, "keypoints": tuple(points), "keypoints_m": (), "visible": 1.0,
        "blur_px": 0.5, "touches": (), "deepest_mm": 20.0,
    }  # fmt: skip
    return HandTruth(**plain | other)


def moved(points: Sequence[float], dx: float, dy: float) -> tuple[float, ...]:
    """Key points moved by shares of the picture."""
    return tuple(v + (dy if i % 2 else dx) for i, v in enumerate(points))


def frames(length_s: float, hands: Sequence[HandTruth], touching_s: float = 0) -> tuple[FrameTruth, ...]:
    """Frames with these hands in each; until `touching_s` they touch a cup."""
    cup = ThingTruth(name="cup", position_m=(0, 0, 0), quaternion=(1, 0, 0, 0), box=(0.3, 0.4, 0.5, 0.65))
    return tuple(
        FrameTruth(
            t_ns=round(i * NS / FPS_HZ), camera_position_m=(0, 0, 0), camera_quaternion=(1, 0, 0, 0), things=(cup,),
            hands=tuple(replace(h, touches=("cup",) if i / FPS_HZ < touching_s else ()) for h in hands),
        )
        for i in range(round(length_s * FPS_HZ))
    )  # fmt: skip


def shot(start_s: float, end_s: float, wearer: str | None = "ann", **other: Any) -> ShotTruth:
    """A shot with a light."""
    plain: dict[str, Any] = {"scene": "table", "variation": {"light": "window"}, "tasks": ()}
    return ShotTruth(start_ns=round(start_s * NS), end_ns=round(end_s * NS), wearer=wearer, **plain | other)


def truth(uri: str, shots: Iterable[ShotTruth], pictures: Sequence[FrameTruth] = (), **other: Any) -> RecordingTruth:
    """Truth of one of the corpus' recordings."""
    plain: dict[str, Any] = {
        "name": Path(uri).stem, "sha256": digest_of(uri), "fps_hz": FPS_HZ, "width_px": 284, "height_px": 160,
        "focal_px": 200.0, "shots": tuple(shots), "frames": tuple(pictures),
    }  # fmt: skip
    return RecordingTruth(**plain | other)


def truths() -> list[RecordingTruth]:
    """Of two recordings of people, one with a hostile name, three attempts, and one recording that is not there.

    kitchen: hands drawn in every second sample of 12 s, at work for 3; cuts at 6 and 8 s, where the corpus has 6 and
    10. The hostile one: its hands are the other person's left, and the corpus found them where there are none.
    """
    kitchen = [shot(0, 6, tasks=(TASK,)), shot(6, 8), shot(8, 12, variation={"light": "dim"})]
    far = [hand(moved(DRAWN, -0.3, -0.3), side="left", person="other", visible=0.1)]
    failed = replace(TASK, verb="pick", object="block", success=False, failure_cause="drop", end_ns=8 * NS, roles={})
    robot = [f"robot/{i:03d}.mp4" for i in range(3)]
    return [
        truth("ego/kitchen.mp4", kitchen, frames(12, [hand()], touching_s=3)),
        truth(f"web/{HOSTILE}", [shot(0, 6, "bob")], frames(6, far)),
        truth(robot[0], [shot(0, 5, None)], outcome="success"),
        truth(
            robot[1], [shot(0, 8, None, tasks=(failed,))], outcome="failure",
            failure_cause="Dropped <i>block</i>", failure_frame=33,
        ),
        truth(robot[2], [shot(0, 4, None)], outcome="failure", failure_cause="miss", failure_frame=2),
        truth("ego/never_ingested.mp4", [shot(0, 1)]),
    ]  # fmt: skip


def write(folder: Path, given: Iterable[RecordingTruth]) -> Path:
    """Truth files, named by number."""
    for i, one in enumerate(given):
        save(one, folder / "deep" / f"{i:03d}{SUFFIX}")
    return folder


__all__ = ["DRAWN", "FPS_HZ", "SPANS", "TASK", "frames", "hand", "moved", "shot", "truth", "truths", "write"]
