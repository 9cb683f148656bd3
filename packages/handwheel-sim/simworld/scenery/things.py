"""What hands handle: household things of real sizes, each as meshes and one signed distance. Metres."""

from __future__ import annotations

import numpy as np

from simworld.scene_types import Mesh, Rgb, Thing
from simworld.scenery import confusers
from simworld.scenery.household import HOUSEHOLD, carcass
from simworld.scenery.materials import Part
from simworld.scenery.shapes import union
from simworld.scenery.vessels import VESSELS

LID_ON_JAR_M = 0.0905  # height of a lid's foot over the foot of the jar that it closes
CABINET_FOOT_M = 0.016  # height of a closed drawer's foot over that of its cabinet
DRAWER_TRAVEL_M = 0.17  # how far a drawer slides out, along its -y
KINDS: tuple[str, ...] = (*VESSELS, *HOUSEHOLD)
CONFUSERS: tuple[str, ...] = tuple(confusers.CONFUSERS)


def _linear(red: int, green: int, blue: int) -> Rgb:
    c = np.array([red, green, blue]) / 255
    r, g, b = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4).round(4)
    return float(r), float(g), float(b)


COLOURS: dict[str, Rgb] = {
    "red": _linear(196, 42, 36),
    "orange": _linear(222, 118, 34),
    "yellow": _linear(226, 184, 48),
    "green": _linear(66, 132, 70),
    "teal": _linear(28, 128, 130),
    "blue": _linear(42, 86, 164),
    "purple": _linear(104, 66, 142),
    "pink": _linear(214, 124, 142),
    "brown": _linear(112, 72, 46),
    "white": _linear(226, 222, 212),
    "grey": _linear(128, 130, 132),
    "black": _linear(40, 40, 44),
}


def make_thing(kind: str, colour: str) -> Thing:
    """A thing of one of KINDS in one of COLOURS. KeyError: no such kind or colour."""
    return _thing(kind, colour, (VESSELS | HOUSEHOLD)[kind](COLOURS[colour]))


def make_confuser(kind: str, rng: np.random.Generator) -> Thing:
    """One of CONFUSERS: no hand, but coloured like one. Its size and tone are drawn."""
    tone, size = float(rng.uniform(0.8, 1.2)), float(rng.uniform(0.9, 1.15))
    colour, parts = confusers.CONFUSERS[kind](tone, size)
    return _thing(kind, colour, parts)


def cabinet_meshes(colour: str) -> tuple[Mesh, ...]:
    """The carcass that a closed drawer sits in, in that drawer's frame."""
    return carcass(COLOURS[colour])


def _thing(name: str, colour: str, parts: tuple[Part, ...]) -> Thing:
    points = np.concatenate([mesh.vertices for mesh, _ in parts])
    x, y, z = (points.max(0) - points.min(0)).round(5).tolist()
    return Thing(name, colour, tuple(mesh for mesh, _ in parts), union(*(solid for _, solid in parts)), (x, y, z))
