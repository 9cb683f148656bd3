"""Vessels, turned on a lathe: mug, can, bottle, bowl, plate, jar, lid, cup. Profiles in mm: radius, height[, round]."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simworld.scene_types import Floats, Material, Rgb
from simworld.scenery.materials import STEEL, WHITE, Build, Part, mix, part, two_tone
from simworld.scenery.shapes import Solid, arc, lathe, ring, round_corners, tube

TIN = Material(STEEL, roughness=0.25, metal=True)
MUG = ((0, 2), (29, 2), (32, 0, 1), (40.5, 0, 6), (40.5, 95, 1.8), (36.8, 95, 1.8), (36.5, 5, 9), (0, 5))
CAN = ((0, 4), (32.8, 4), (32.8, 107), (0, 107))
CAN_FOOT = ((0, 1), (31, 0, 1), (33.5, 0, 1), (33.5, 5, 1), (0, 5))
CAN_HEAD = ((0, 106), (33.5, 106, 1), (33.5, 111, 1), (31.8, 111, 0.6), (31.2, 108.5, 1), (0, 108.5))
BOTTLE = ((0, 2), (24, 2, 2), (26, 0, 1), (33, 0, 5), (33, 130, 20), (12.5, 165, 12), (12.5, 182), (0, 182))
CAP = ((0, 176), (14.8, 176, 1), (14.3, 200, 3), (0, 200))
BOWL = (
    (0, 3),
    (30, 3),
    (32, 0, 1),
    (37, 0, 2),
    (40, 6, 10),
    (66, 22, 30),
    (78, 60, 1.4),
    (74.8, 60, 1.4),
    (62, 24, 28),
)
BOWL_INSIDE = ((35, 8.5, 20), (0, 8))
PLATE = ((0, 2), (50, 2), (52, 0, 1), (60, 0, 2), (66, 6, 10), (105, 17, 1.5), (104, 20.5, 1.5), (66, 11.5, 12), (0, 7))
JAR = ((0, 2), (26, 2), (28, 0, 1), (36, 0, 6), (36, 82, 8), (29.5, 88, 3), (29.5, 104, 1.2), (26.5, 104, 1.2))
JAR_INSIDE = ((26.5, 86, 4), (32.5, 80, 6), (32.5, 5, 6), (0, 5))
LID = ((0, 14.5), (30.5, 14.5, 1), (30.5, 0, 0.6), (33.5, 0, 0.8), (33.5, 18, 3), (0, 18.5))
CUP = ((0, 3), (26, 3), (26.5, 0, 0.6), (29, 0, 1), (38, 88, 1.2), (35.2, 88, 1.2), (26.2, 5, 3), (0, 5))


def _lathe_mm(profile_mm: Sequence[tuple[float, ...]], segments: int = 44) -> Solid:
    return lathe(round_corners([tuple(value / 1000 for value in corner) for corner in profile_mm], 5), segments)


def _radius(solid: Solid) -> Floats:
    return np.hypot(solid.vertices[:, 0], solid.vertices[:, 1])


def _mug(tone: Rgb) -> tuple[Part, ...]:
    body = _lathe_mm(MUG)
    handle = tube(arc(0.026, -1.85, 1.85) * (0.92, 1, 1.08) + (0.044, 0, 0.048), 0.0052)
    inside = (_radius(body) < 0.0378) & (body.vertices[:, 2] > 0.003)
    return two_tone(body, tone, WHITE, inside), part(handle, Material(tone, roughness=0.18))


def _can(tone: Rgb) -> tuple[Part, ...]:
    return (
        part(_lathe_mm(CAN), Material(tone, "label", 0.4)),
        part(_lathe_mm(CAN_FOOT), TIN),
        part(_lathe_mm(CAN_HEAD), TIN),
    )


def _bottle(tone: Rgb) -> tuple[Part, ...]:
    return (
        part(_lathe_mm(BOTTLE), Material(tone, roughness=0.2)),
        part(_lathe_mm(CAP, 28), Material(WHITE, roughness=0.4)),
        part(ring(0.0334, 0.031, 0.034, 0.102), Material(mix(tone, WHITE, 0.35), "label", 0.5)),
    )


def _bowl(tone: Rgb) -> tuple[Part, ...]:
    body = _lathe_mm((*BOWL, *BOWL_INSIDE), 48)
    inside = body.vertices[:, 2] > 0.006 + 0.9 * (_radius(body) - 0.028)
    return (two_tone(body, tone, WHITE, inside),)


def _plate(tone: Rgb) -> tuple[Part, ...]:
    body = _lathe_mm(PLATE, 56)
    return (two_tone(body, tone, WHITE, (_radius(body) < 0.09) & (body.vertices[:, 2] > 0.003)),)


def _jar(tone: Rgb) -> tuple[Part, ...]:
    label = ring(0.0363, 0.034, 0.022, 0.066)
    return (
        part(_lathe_mm((*JAR, *JAR_INSIDE)), Material(tone, roughness=0.16)),
        part(label, Material(WHITE, "label", 0.6)),
    )


def _lid(tone: Rgb) -> tuple[Part, ...]:
    return (part(_lathe_mm(LID), Material(tone, roughness=0.3)),)


def _cup(tone: Rgb) -> tuple[Part, ...]:
    body = _lathe_mm(CUP)
    inside = (_radius(body) < 0.028 + 0.102 * body.vertices[:, 2]) & (body.vertices[:, 2] > 0.0035)
    return (two_tone(body, tone, WHITE, inside),)


VESSELS: dict[str, Build] = {
    "mug": _mug,
    "can": _can,
    "bottle": _bottle,
    "bowl": _bowl,
    "plate": _plate,
    "jar": _jar,
    "lid": _lid,
    "cup": _cup,
}
