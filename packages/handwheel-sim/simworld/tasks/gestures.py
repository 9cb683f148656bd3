"""Hands that touch nothing: waving, pointing, victory, counting, resting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from simworld.body import hands
from simworld.body.hands import HandPose
from simworld.rotations import rotation_about, wrist_frame
from simworld.scene_types import Floats, Pose
from simworld.tasks.motion import vec
from simworld.tasks.script import Hand, Script, Stretch

Gesture = Callable[[Hand, float, float], None]
COUNTED = tuple(
    np.array([hands.FLAT[k] if k in up else hands.FIST[k] for k in range(5)])
    for up in ((1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), (0, 1, 2, 3, 4))
)


def perform(script: Script, kind: str, start_s: float, end_s: float) -> None:
    """The acting hand gestures, and the other one with it where it is there and the gesture is made by two."""
    _GESTURES[kind](script.hand, start_s, end_s)
    if kind == "wave" and script.helper is not None and script.rng.random() < 0.4:
        wave(script.helper, start_s + 0.2, end_s)


def wave(hand: Hand, start_s: float, end_s: float) -> None:
    """An open hand, its palm away, swung from side to side."""
    up = _raised_pose(hand, hands.OPEN, vec(0.125, -0.04, 0.055), (-0.12, 0.65, 0.75), (0.0, -0.8, 0.6))
    hand.free(start_s, start_s + 0.7, up)
    _swing(hand, start_s + 0.7, end_s - 0.7, up, vec(0, -0.3, 1), 0.32)
    hand.free(end_s - 0.7, end_s, hand.home, 0.03)


def point(hand: Hand, start_s: float, end_s: float) -> None:
    """The index finger at one place of the room after another."""
    hand.free(
        start_s,
        start_s + 0.7,
        _raised_pose(hand, hands.POINT, vec(0.07, -0.03, 0.09), (-0.3, 0.95, 0.05), (0.3, 0.1, 1)),
    )
    middle = (start_s + end_s) / 2
    hand.free(
        middle, middle + 0.6, _raised_pose(hand, hands.POINT, vec(0.12, -0.02, 0.1), (0.2, 0.95, 0.05), (0.4, 0, 1))
    )
    hand.free(end_s - 0.7, end_s, hand.home, 0.03)


def victory(hand: Hand, start_s: float, end_s: float) -> None:
    """Two fingers up."""
    up = _raised_pose(hand, hands.VICTORY, vec(0.08, -0.05, 0.05), (-0.12, 0.65, 0.75), (0.1, 0.8, -0.6), 2.4)
    hand.free(start_s, start_s + 0.8, up)
    _swing(hand, start_s + 0.8, end_s - 0.8, up, vec(0, -0.2, 1), 0.08)
    hand.free(end_s - 0.8, end_s, hand.home, 0.03)


def count(hand: Hand, start_s: float, end_s: float) -> None:
    """One finger up, two, three, four, five."""
    step = (end_s - start_s - 1.4) / len(COUNTED)
    for k, flex in enumerate(COUNTED):
        pose = _raised_pose(hand, flex, vec(0.08, -0.05, 0.05), (-0.15, 0.65, 0.75), (0.1, 0.8, -0.6))
        at_s = start_s if k == 0 else start_s + 0.7 + step * k
        hand.free(at_s, at_s + (0.7 if k == 0 else min(0.3, step)), pose)
    hand.free(end_s - 0.7, end_s, hand.home, 0.03)


def idle(hand: Hand, start_s: float, end_s: float, rng: np.random.Generator) -> None:
    """Lies on the table; fingers stir now and then."""
    at_s = start_s + float(rng.uniform(0.2, 0.8))
    while at_s < end_s - 0.6:
        stir = rng.uniform(-0.06, 0.06, (5, 3))
        stir[0] *= 0.4
        hand.free(at_s, at_s + 0.5, replace(hand.home, flex=hand.home.flex + np.abs(stir) * -0.8))
        at_s += float(rng.uniform(0.7, 1.4))


_GESTURES: dict[str, Gesture] = {"wave": wave, "point": point, "victory": victory, "count": count}


def _raised_pose(
    hand: Hand, flex: Floats, at: Floats, forward: tuple[float, ...], back: tuple[float, ...], spread: float = 1.2
) -> HandPose:
    """A pose given for the right hand, mirrored for the left."""
    mirror = vec(hand.sign, 1, 1)
    rotation = wrist_frame(np.asarray(forward) * mirror, np.asarray(back) * mirror)
    return hand.with_elbow(HandPose(Pose(at * mirror, rotation), flex, spread))


def _swing(hand: Hand, start_s: float, end_s: float, about: HandPose, axis: Floats, angle_rad: float) -> None:
    """To and fro about an axis through a point below the wrist."""
    turns = max(1, round((end_s - start_s) / 0.8))

    def pose(t_s: float) -> HandPose:
        u = (t_s - start_s) / max(end_s - start_s, 1e-9)
        angle = angle_rad * float(np.sin(2 * np.pi * turns * u) * min(1.0, 8 * u, 8 * (1 - u)))
        turn = rotation_about(axis, angle)
        lever = about.wrist.rotation[:, 2] * 0.1
        wrist = Pose(about.wrist.position + lever - turn @ lever, turn @ about.wrist.rotation)
        return hand.with_elbow(replace(about, wrist=wrist))

    hand.stretches.append(Stretch(start_s, end_s, pose))
