"""What the things are built from: solids in materials, and the colours of common stuff."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from simworld.scene_types import Floats, Material, Mesh, Rgb
from simworld.scenery.shapes import Solid

Part = tuple[Mesh, Solid]
Build = Callable[[Rgb], tuple[Part, ...]]
WOOD: Rgb = (0.46, 0.28, 0.15)
WHITE: Rgb = (0.78, 0.76, 0.72)
STEEL: Rgb = (0.62, 0.61, 0.6)


def part(solid: Solid, material: Material, colours: Floats | None = None) -> Part:
    """A solid in a material."""
    return solid.mesh(material, colours), solid


def two_tone(solid: Solid, tone: Rgb, other: Rgb, where: npt.NDArray[np.bool_], roughness: float = 0.18) -> Part:
    """Glazed in one colour, and in the other at the vertices (V,) where `where` is true."""
    return part(solid, Material((1.0, 1.0, 1.0), roughness=roughness), np.where(where[:, None], other, tone))


def mix(a: Rgb, b: Rgb, share: float) -> Rgb:
    """From a (0) to b (1)."""
    red, green, blue = (x + (y - x) * share for x, y in zip(a, b, strict=True))
    return red, green, blue


def scale(colour: Rgb, factor: float) -> Rgb:
    """Brighter or darker."""
    red, green, blue = (c * factor for c in colour)
    return red, green, blue
