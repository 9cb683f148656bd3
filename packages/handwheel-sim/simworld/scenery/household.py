"""Boxes, balls and fittings: box, ball, block, book, sponge, cloth, knob, drawer, spoon. Metres."""

from __future__ import annotations

import numpy as np

from simworld.scene_types import Material, Mesh, Rgb
from simworld.scenery.materials import STEEL, WHITE, WOOD, Build, Part, part, two_tone
from simworld.scenery.shapes import axis_rotation, box, ellipsoid, lathe, round_corners, tube


def _carton(tone: Rgb) -> tuple[Part, ...]:
    return (part(box((0.062, 0.045, 0.115), 0.0016, 2), Material(tone, "print", 0.55)),)


def _ball(tone: Rgb) -> tuple[Part, ...]:
    ball = ellipsoid((0.033, 0.033, 0.033), 40)
    x, y, z = (ball.vertices - (0, 0, 0.033)).T
    return (two_tone(ball, tone, WHITE, np.abs(z - 0.011 * np.cos(2 * np.arctan2(y, x))) < 0.0022, 0.5),)


def _block(tone: Rgb) -> tuple[Part, ...]:
    return (part(box((0.045, 0.045, 0.045), 0.003), Material(tone, "wood", 0.5)),)


def _book(tone: Rgb) -> tuple[Part, ...]:
    cover, plain = Material(tone, "print", 0.5), Material(tone, roughness=0.5)
    return (
        part(box((0.13, 0.19, 0.0025), 0.0008, 1), plain),
        part(box((0.13, 0.19, 0.0025), 0.0008, 1).at((0, 0, 0.0215)), cover),
        part(box((0.0025, 0.19, 0.024), 0.0008, 1).at((-0.0638, 0, 0)), plain),
        part(
            box((0.123, 0.183, 0.0195), 0.0005, 1).at((-0.0012, 0, 0.00225)), Material((0.7, 0.66, 0.56), roughness=0.9)
        ),
    )


def _sponge(tone: Rgb) -> tuple[Part, ...]:
    scour = Material((0.05, 0.12, 0.06), "cloth", 0.95)
    return (
        part(box((0.1, 0.065, 0.026), 0.005), Material(tone, "plaster", 0.95)),
        part(box((0.1, 0.065, 0.009), 0.002).at((0, 0, 0.025)), scour),
    )


def _cloth(tone: Rgb) -> tuple[Part, ...]:
    """Folded twice."""
    weave = Material(tone, "cloth", 0.95)
    layers = ((0.15, 0.11, 0.0, 0.0), (0.148, 0.108, 0.0055, 0.03), (0.145, 0.106, 0.011, -0.02))
    return tuple(
        part(box((x, y, 0.006), 0.0028).at((0, 0, z), axis_rotation("z", turn)), weave) for x, y, z, turn in layers
    )


def _knob(tone: Rgb) -> tuple[Part, ...]:
    side = [
        (0, 0),
        (0.027, 0, 0.001),
        (0.027, 0.006, 0.002),
        (0.023, 0.008, 0.001),
        (0.0215, 0.026, 0.003),
        (0, 0.0265),
    ]
    mark = box((0.018, 0.0035, 0.006), 0.001, 2).at((0.011, 0, 0.0225))
    return part(lathe(round_corners(side), 44), Material(tone, roughness=0.35)), part(
        mark, Material(WHITE, roughness=0.5)
    )


def _drawer(tone: Rgb) -> tuple[Part, ...]:
    wood = Material(WOOD, "wood", 0.6)
    front = box((0.26, 0.018, 0.105), 0.002, 2).at((0, -0.101, 0))
    walls = (
        box((0.236, 0.2, 0.008), 0.001, 1).at((0, 0, 0.006)),
        box((0.01, 0.2, 0.075), 0.001, 1).at((-0.113, 0, 0.006)),
        box((0.01, 0.2, 0.075), 0.001, 1).at((0.113, 0, 0.006)),
        box((0.236, 0.01, 0.075), 0.001, 1).at((0, 0.1, 0.006)),
    )
    path = round_corners([(-0.055, 0.0), (-0.055, -0.032, 0.01), (0.055, -0.032, 0.01), (0.055, 0.0)])
    bar = tube(np.c_[path, np.zeros(len(path))] + (0, -0.11, 0.06), 0.0055)
    return (
        part(front, Material(tone, roughness=0.4)),
        *(part(wall, wood) for wall in walls),
        part(bar, Material(STEEL, roughness=0.25, metal=True)),
    )


def carcass(tone: Rgb) -> tuple[Mesh, ...]:
    """What a closed drawer sits in, in that drawer's frame: its boards stay 2 mm off the drawer."""
    paint = Material(tone, roughness=0.45)
    boards = (
        box((0.3, 0.23, 0.014), 0.002, 1).at((0, 0.005, -0.016)),
        box((0.3, 0.23, 0.018), 0.002, 1).at((0, 0.005, 0.107)),
        box((0.017, 0.23, 0.125), 0.002, 1).at((-0.1415, 0.005, -0.01)),
        box((0.017, 0.23, 0.125), 0.002, 1).at((0.1415, 0.005, -0.01)),
        box((0.3, 0.01, 0.14), 0.002, 1).at((0, 0.118, -0.016)),
    )
    return tuple(board.mesh(paint) for board in boards)


def _spoon(tone: Rgb) -> tuple[Part, ...]:
    wood = Material(tone, "wood", 0.55)
    scoop = [(0, 0), (0.012, 0.001, 0.008), (0.02, 0.0095, 0.0012), (0.0178, 0.0105, 0.0008), (0.011, 0.0045, 0.007)]
    bowl = lathe(round_corners([*scoop, (0, 0.0035)], 4), 32, 1.4).at((0, 0.085, 0))
    path = np.array([[0, 0.062, 0.0085], [0, 0.045, 0.01], [0, 0.0, 0.0095], [0, -0.05, 0.007], [0, -0.113, 0.0052]])
    return part(bowl, wood), part(tube(path, 0.005), wood)


HOUSEHOLD: dict[str, Build] = {
    "box": _carton,
    "ball": _ball,
    "block": _block,
    "book": _book,
    "sponge": _sponge,
    "cloth": _cloth,
    "knob": _knob,
    "drawer": _drawer,
    "spoon": _spoon,
}
