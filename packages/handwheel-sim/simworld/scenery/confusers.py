"""What is coloured like a hand and is none: wood, bread, clay, leather. Each of a drawn tone and size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simworld.scene_types import Material, Rgb
from simworld.scenery import textures
from simworld.scenery.materials import Part, part, scale
from simworld.scenery.shapes import Solid, arc, box, ellipsoid, lathe, round_corners, tube

Confuse = Callable[[float, float], tuple[str, tuple[Part, ...]]]  # tone and size about 1 to a colour's word and parts
POT = [(0, 0), (0.04, 0, 0.002), (0.054, 0.072), (0.062, 0.072, 0.002), (0.063, 0.098, 0.003), (0.056, 0.098, 0.002)]


def _uneven(solid: Solid, colour: Rgb, waves_m: tuple[float, ...], depth: float, roughness: float) -> Part:
    shade = np.clip(1 + depth * textures.noise(solid.vertices, waves_m, 5), 0.3, 1.6)
    return part(solid, Material(colour, roughness=roughness), shade[:, None] * np.ones(3))


def _ball(tone: float, size: float) -> tuple[str, tuple[Part, ...]]:
    ball = ellipsoid((0.04 * size,) * 3, 36)
    return "beige", (part(ball, Material(scale((0.62, 0.4, 0.23), tone), "wood", 0.5)),)


def _sausage(tone: float, size: float) -> tuple[str, tuple[Part, ...]]:
    bow = arc(0.11 * size, 1.0, 2.14, 20)[:, [0, 2]] - (0, 0.1 * size)
    body = tube(np.c_[bow, np.full(len(bow), 0.016 * size)], 0.016 * size, 24, 6)
    return "brown", (_uneven(body, scale((0.5, 0.23, 0.13), tone), (0.03, 0.01), 0.12, 0.3),)


def _bread(tone: float, size: float) -> tuple[str, tuple[Part, ...]]:
    loaf = box((0.2 * size, 0.09 * size, 0.075 * size), 0.034 * size, 10)
    return "brown", (_uneven(loaf, scale((0.52, 0.29, 0.13), tone), (0.06, 0.02), 0.22, 0.8),)


def _pot(tone: float, size: float) -> tuple[str, tuple[Part, ...]]:
    body = lathe(round_corners([*POT, (0.05, 0.06), (0.037, 0.006), (0, 0.006)]) * size, 48)
    return "terracotta", (part(body, Material(scale((0.55, 0.24, 0.14), tone), roughness=0.9)),)


def _potato(tone: float, size: float) -> tuple[str, tuple[Part, ...]]:
    body = ellipsoid((0.034 * size, 0.048 * size, 0.03 * size), 40)
    return "beige", (_uneven(body, scale((0.54, 0.38, 0.22), tone), (0.02, 0.008), 0.12, 0.7),)


def _pouch(tone: float, size: float) -> tuple[str, tuple[Part, ...]]:
    body = box((0.15 * size, 0.1 * size, 0.03), 0.0145, 6)
    flap = box((0.15 * size, 0.06 * size, 0.005), 0.002).at((0, 0.022 * size, 0.0275))
    leather = Material(scale((0.4, 0.21, 0.12), tone), roughness=0.5)
    return "tan", (_uneven(body, scale((0.47, 0.26, 0.15), tone), (0.05, 0.015), 0.1, 0.5), part(flap, leather))


CONFUSERS: dict[str, Confuse] = {
    "wooden ball": _ball,
    "sausage": _sausage,
    "bread": _bread,
    "flower pot": _pot,
    "potato": _potato,
    "pouch": _pouch,
}
