"""Where the work is done: five rooms round a table of 1.4 x 0.8 m, five lights. Metres."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from simworld.scene_types import Floats, Light, Material, Mesh, Pose, Rgb, Room, Thing
from simworld.scenery import things
from simworld.scenery.materials import STEEL, scale
from simworld.scenery.shapes import axis_rotation, box, tube

TABLE_M = (1.4, 0.8)
KINDS: tuple[str, ...] = ("table", "kitchen", "shelf", "desk", "workshop")
LIGHTS: tuple[str, ...] = ("window", "ceiling", "lamp", "dim", "evening")
WALL_Y_M = 0.62
FLOOR_Z_M = -0.75


def make_room(kind: str, light: str, rng: np.random.Generator) -> Room:
    """A room of KINDS in a light of LIGHTS; woods, paints and what stands about are drawn. KeyError: no such name."""
    lights, sky = _LIGHTS[light](rng)
    return Room(f"{kind} by {light}", (*_shell(rng), *_ROOMS[kind](rng)), lights, sky)


def cabinet(at: Pose, colour: str) -> tuple[Mesh, ...]:
    """The carcass, in the world, of a drawer whose closed place is `at`."""
    return place_meshes(things.cabinet_meshes(colour), at)


def place_meshes(meshes: tuple[Mesh, ...], at: Pose) -> tuple[Mesh, ...]:
    """Meshes of a frame at that pose, as still ones of the world."""
    return tuple(replace(mesh, vertices=at.to_world(mesh.vertices)) for mesh in meshes)


def _stand(thing: Thing, x: float, y: float, z: float, turn_rad: float = 0.0) -> tuple[Mesh, ...]:
    return place_meshes(thing.meshes, Pose(np.array([x, y, z]), axis_rotation("z", turn_rad)))


def _slab(size: tuple[float, float, float], foot: tuple[float, float, float], material: Material) -> Mesh:
    return box(size, 0.004, 1).at(foot).mesh(material)


def _pick(rng: np.random.Generator, *choices: Rgb) -> Rgb:
    r, g, b = (np.array(choices[int(rng.integers(len(choices)))]) * rng.uniform(0.85, 1.15)).clip(0, 0.85).tolist()
    return r, g, b


def _shell(rng: np.random.Generator) -> tuple[Mesh, ...]:
    """Floor and the wall behind the table."""
    wall = _pick(rng, (0.62, 0.58, 0.5), (0.5, 0.56, 0.58), (0.55, 0.45, 0.38), (0.42, 0.5, 0.42), (0.6, 0.6, 0.6))
    floor = _pick(rng, (0.3, 0.19, 0.11), (0.22, 0.2, 0.18), (0.4, 0.3, 0.2))
    return (
        _slab((5.0, 0.1, 3.2), (0, WALL_Y_M + 0.05, FLOOR_Z_M), Material(wall, "plaster", 0.9)),
        _slab((5.0, 4.0, 0.1), (0, -1.3, FLOOR_Z_M - 0.1), Material(floor, "planks", 0.6)),
    )


def _top(material: Material, thick: float = 0.032) -> Mesh:
    return box((*TABLE_M, thick), 0.006, 2).at((0, 0.02, -thick)).mesh(material)


def _legs(material: Material) -> tuple[Mesh, ...]:
    return tuple(_slab((0.06, 0.06, 0.72), (x, y, FLOOR_Z_M), material) for x in (-0.64, 0.64) for y in (-0.32, 0.36))


def _wood_colour(rng: np.random.Generator) -> Rgb:
    return _pick(rng, (0.45, 0.27, 0.14), (0.55, 0.38, 0.22), (0.26, 0.14, 0.075), (0.62, 0.48, 0.32), (0.36, 0.2, 0.1))


def _random_thing(rng: np.random.Generator, kinds: tuple[str, ...]) -> Thing:
    return things.make_thing(
        kinds[int(rng.integers(len(kinds)))], list(things.COLOURS)[int(rng.integers(len(things.COLOURS)))]
    )


def _row(
    rng: np.random.Generator, kinds: tuple[str, ...], x0: float, x1: float, y: float, z: float
) -> tuple[Mesh, ...]:
    """Things side by side."""
    out: list[Mesh] = []
    x = x0
    while True:
        thing = _random_thing(rng, kinds)
        x += thing.size[0] / 2 + float(rng.uniform(0.01, 0.06))
        if x > x1 - thing.size[0] / 2:
            return tuple(out)
        out += _stand(
            thing, x, y + float(rng.uniform(-0.015, 0.015)), z, float(rng.uniform(0, 6)) if thing.name != "box" else 0.1
        )
        x += thing.size[0] / 2


def _books(rng: np.random.Generator, x0: float, x1: float, y: float, z: float) -> tuple[Mesh, ...]:
    """Books that stand in a row, their spines to the wearer."""
    out, x = [], x0
    while x < x1 - 0.05:
        wide, tall = float(rng.uniform(0.016, 0.042)), float(rng.uniform(0.17, 0.24))
        colour = _pick(rng, *things.COLOURS.values())
        out.append(
            _slab((wide, 0.14, tall), (x + wide / 2, y, z), Material(colour, "print" if wide > 0.03 else "plain", 0.6))
        )
        x += wide + 0.0015
    return tuple(out)


def _table(rng: np.random.Generator) -> tuple[Mesh, ...]:
    wood = _wood_colour(rng)
    frame = _slab(
        (0.5, 0.02, 0.36),
        (float(rng.uniform(-0.3, 0.3)), WALL_Y_M - 0.012, 0.35),
        Material(_pick(rng, *things.COLOURS.values()), "print", 0.6),
    )
    return _top(Material(wood, "planks", 0.42)), *_legs(Material(wood, "wood", 0.5)), frame


def _kitchen(rng: np.random.Generator) -> tuple[Mesh, ...]:
    stone = Material(_pick(rng, (0.5, 0.48, 0.45), (0.2, 0.2, 0.21), (0.66, 0.64, 0.6)), "marble", 0.2)
    tiles = Material(_pick(rng, (0.7, 0.7, 0.66), (0.32, 0.5, 0.52), (0.62, 0.5, 0.36), (0.3, 0.4, 0.55)), "tiles", 0.2)
    wood = Material(_wood_colour(rng), "wood", 0.5)
    fronts = tuple(_slab((0.44, 0.02, 0.66), (x, -0.385, FLOOR_Z_M + 0.04), wood) for x in (-0.45, 0.0, 0.45))
    return (
        box((2.6, 1.0, 0.035), 0.006, 2).at((0, 0.12, -0.035)).mesh(stone), *fronts,
        _slab((2.6, 0.02, 0.62), (0, WALL_Y_M - 0.01, 0), tiles),
        _slab((1.5, 0.16, 0.025), (0, WALL_Y_M - 0.09, 0.415), wood),
        *_row(rng, ("jar", "bottle", "can", "mug", "bowl", "box", "cup"), -0.72, 0.72, WALL_Y_M - 0.09, 0.44),
    )  # fmt: skip


def _shelf(rng: np.random.Generator) -> tuple[Mesh, ...]:
    wood = Material(_wood_colour(rng), "wood", 0.5)
    boards = tuple(_slab((1.5, 0.22, 0.022), (0, WALL_Y_M - 0.12, z), wood) for z in (0.02, 0.3, 0.58))
    sides = tuple(_slab((0.022, 0.22, 1.35), (x, WALL_Y_M - 0.12, FLOOR_Z_M), wood) for x in (-0.75, 0.0, 0.75))
    kinds = ("jar", "box", "bottle", "mug", "bowl", "can", "cup", "ball", "block")
    lower = _row(rng, kinds, -0.72, -0.03, WALL_Y_M - 0.12, 0.042), _books(rng, 0.03, 0.6, WALL_Y_M - 0.12, 0.042)
    upper = _books(rng, -0.7, -0.2, WALL_Y_M - 0.12, 0.322), _row(rng, kinds, 0.03, 0.72, WALL_Y_M - 0.12, 0.322)
    top = _top(Material(_pick(rng, (0.7, 0.68, 0.64), (0.45, 0.3, 0.17), (0.3, 0.33, 0.35)), "wood", 0.4))
    return top, *_legs(wood), *boards, *sides, *lower[0], *lower[1], *upper[0], *upper[1]


def _desk(rng: np.random.Generator) -> tuple[Mesh, ...]:
    black = Material((0.035, 0.035, 0.04), roughness=0.35)
    x = float(rng.uniform(-0.2, 0.2))
    screen = (
        _slab((0.62, 0.025, 0.36), (x, 0.4, 0.1), black),
        _slab((0.59, 0.004, 0.33), (x, 0.386, 0.115), Material((0.05, 0.09, 0.14), "print", 0.15)),
        _slab((0.05, 0.03, 0.12), (x, 0.41, 0.01), black),
        _slab((0.24, 0.16, 0.012), (x, 0.39, 0.0), black),
    )
    keys = _slab((0.38, 0.12, 0.014), (x, 0.27, 0), Material((0.3, 0.3, 0.31), "tiles", 0.5))
    side = 0.56 if x < 0 else -0.68
    books = _books(rng, side - 0.02, side + 0.17, 0.33, 0.0)
    top = _top(Material(_pick(rng, (0.68, 0.66, 0.62), (0.5, 0.34, 0.2), (0.28, 0.16, 0.09)), "wood", 0.35))
    return top, *_legs(Material((0.3, 0.3, 0.3), roughness=0.3, metal=True)), *screen, keys, *books


def _workshop(rng: np.random.Generator) -> tuple[Mesh, ...]:
    board = Material(_pick(rng, (0.5, 0.36, 0.2), (0.3, 0.36, 0.4), (0.55, 0.52, 0.46)), "wood", 0.8)
    holes = Material((0.02, 0.02, 0.02), roughness=1.0)
    dots = tuple(
        _slab((0.012, 0.004, 0.012), (x, WALL_Y_M - 0.031, z), holes)
        for x in np.arange(-0.7, 0.71, 0.1)
        for z in (0.15, 0.25, 0.35, 0.45, 0.55)
    )
    tools: list[Mesh] = []
    steel = Material(STEEL, roughness=0.3, metal=True)
    for x in np.arange(-0.6, 0.61, 0.15) + rng.uniform(-0.02, 0.02, 9):
        grip = Material(_pick(rng, *things.COLOURS.values()), roughness=0.5)
        y, high = WALL_Y_M - 0.05, 0.5
        tools.append(tube(np.array([[x, y, high - 0.09], [x, y, high]]), 0.012, 14).mesh(grip))
        tools.append(
            tube(np.array([[x, y, high - 0.25 + float(rng.uniform(0, 0.08))], [x, y, high - 0.09]]), 0.004, 10).mesh(
                steel
            )
        )
    boxes = _row(rng, ("box", "can", "jar", "block"), -0.65, 0.65, 0.37, 0.0)
    top = _top(Material(_wood_colour(rng), "planks", 0.7), 0.06)
    return (
        top,
        *_legs(Material(_wood_colour(rng), "wood", 0.7)),
        _slab((1.6, 0.02, 0.66), (0, WALL_Y_M - 0.02, 0.03), board),
        *dots,
        *tools,
        *boxes,
    )


_ROOMS: dict[str, Callable[[np.random.Generator], tuple[Mesh, ...]]] = {
    "table": _table, "kitchen": _kitchen, "shelf": _shelf, "desk": _desk, "workshop": _workshop,
}  # fmt: skip


def _aim(position: tuple[float, float, float], size: tuple[float, float], radiance: Rgb) -> Light:
    """A light that shines at the table."""
    at = np.asarray(position, float)
    z = -at / np.linalg.norm(at)
    x = np.cross([0.0, 1.0, 0.02], z)
    x /= np.linalg.norm(x)
    rotation: Floats = np.stack([x, np.cross(z, x), z], 1)
    return Light(Pose(at, rotation), size[0], size[1], radiance)


Lamps = tuple[tuple[Light, ...], Rgb]


def _fill(radiance: Rgb) -> Light:
    """The rest of the room, behind and above the wearer, as one large soft light."""
    return _aim((0.0, -1.7, 1.35), (1.4, 0.9), scale(radiance, 6))


def _window(rng: np.random.Generator) -> Lamps:
    side = -1.0 if rng.random() < 0.6 else 1.0
    sun = _aim((side * 1.6, float(rng.uniform(-0.2, 0.4)), 1.2), (0.6, 0.7), (24.3, 25.7, 27.4))
    return (sun, _fill((0.85, 0.86, 0.9))), (0.6, 0.66, 0.75)


def _ceiling(rng: np.random.Generator) -> Lamps:
    panel = _aim((float(rng.uniform(-0.5, 0.5)), 0.15, 1.7), (0.7, 0.4), (27.0, 25.4, 22.6))
    return (panel, _fill((0.8, 0.77, 0.72))), (0.5, 0.49, 0.47)


def _lamp(rng: np.random.Generator) -> Lamps:
    side = -1.0 if rng.random() < 0.5 else 1.0
    bulb = _aim((side * 0.8, 0.4, 0.85), (0.22, 0.22), (76.0, 58.0, 38.0))
    return (bulb, _fill((0.34, 0.34, 0.37))), (0.2, 0.2, 0.22)


def _dim(rng: np.random.Generator) -> Lamps:
    panel = _aim((float(rng.uniform(-0.8, 0.8)), 0.1, 1.6), (0.6, 0.6), (5.0, 4.6, 4.0))
    return (panel, _fill((0.2, 0.2, 0.22))), (0.13, 0.13, 0.145)


def _evening(rng: np.random.Generator) -> Lamps:
    side = -1.0 if rng.random() < 0.5 else 1.0
    sun = _aim((side * 1.7, -0.2, 0.8), (0.8, 0.6), (24.0, 14.0, 6.6))
    return (sun, _fill((0.33, 0.37, 0.48))), (0.3, 0.28, 0.34)


_LIGHTS: dict[str, Callable[[np.random.Generator], Lamps]] = {
    "window": _window, "ceiling": _ceiling, "lamp": _lamp, "dim": _dim, "evening": _evening,
}  # fmt: skip
