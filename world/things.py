"""What hands handle: household things of real sizes, each as meshes and one signed distance. Metres."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from world import textures
from world.parts import Floats, Material, Mesh, Rgb, Thing
from world.shapes import Solid, arc, box, ellipsoid, lathe, rounded, tube, turned, union

Build = Callable[[Rgb], tuple[tuple[Mesh, Solid], ...]]
SKINS_OF_WOOD: Rgb = (0.46, 0.28, 0.15)
WHITE: Rgb = (0.78, 0.76, 0.72)
DARK: Rgb = (0.035, 0.035, 0.04)
STEEL: Rgb = (0.62, 0.61, 0.6)
LID_ON_JAR_M = 0.0905  # height of a lid's foot over the foot of the jar that it closes
DRAWER_TRAVEL_M = 0.17  # how far the drawer slides out, along -y


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


def make(kind: str, colour: str) -> Thing:
    """A thing of one of KINDS in one of COLOURS. KeyError: no such kind or colour."""
    return _thing(kind, colour, _BUILDERS[kind](COLOURS[colour]))


def confuser(kind: str, rng: np.random.Generator) -> Thing:
    """One of CONFUSERS: no hand, but coloured like one. Its size and tone are drawn."""
    tone = float(rng.uniform(0.8, 1.2))
    colour, parts = _CONFUSERS[kind](tone, float(rng.uniform(0.9, 1.15)))
    return _thing(kind, colour, parts)


def _thing(name: str, colour: str, parts: tuple[tuple[Mesh, Solid], ...]) -> Thing:
    points = np.concatenate([mesh.vertices for mesh, _ in parts])
    x, y, z = (points.max(0) - points.min(0)).round(5).tolist()
    return Thing(name, colour, tuple(mesh for mesh, _ in parts), union(*(solid for _, solid in parts)), (x, y, z))


def _part(solid: Solid, material: Material, colours: Floats | None = None) -> tuple[Mesh, Solid]:
    return solid.mesh(material, colours), solid


def _two_tone(solid: Solid, inside: Callable[[Floats], Floats], tone: Rgb, other: Rgb) -> tuple[Mesh, Solid]:
    """Glazed in one colour, and in another where inside() says so."""
    colours = np.where(inside(solid.vertices)[:, None], other, tone)
    return _part(solid, Material((1.0, 1.0, 1.0), roughness=0.18), colours)


def _mug(tone: Rgb) -> tuple[tuple[Mesh, Solid], ...]:
    wall = rounded([(0, 0.002), (0.029, 0.002), (0.032, 0, 0.001), (0.0405, 0, 0.006), (0.0405, 0.095, 0.0018),
                    (0.0368, 0.095, 0.0018), (0.0365, 0.005, 0.009), (0, 0.005)])  # fmt: skip
    body = lathe(wall, 44)
    handle = tube(arc(0.026, -1.85, 1.85) * (0.92, 1, 1.08) + (0.044, 0, 0.048), 0.0052)
    glaze = Material(tone, roughness=0.18)
    within = _two_tone(body, lambda p: (np.hypot(p[:, 0], p[:, 1]) < 0.0378) & (p[:, 2] > 0.003), tone, WHITE)
    return within, _part(handle, glaze)


def _can(tone: Rgb) -> tuple[tuple[Mesh, Solid], ...]:
    tin = Material(STEEL, "plain", 0.25, True)
    body = lathe(rounded([(0, 0.004), (0.0328, 0.004), (0.0328, 0.107), (0, 0.107)]), 44)
    foot = lathe(rounded([(0, 0.001), (0.031, 0, 0.001), (0.0335, 0.0, 0.001), (0.0335, 0.005, 0.001), (0, 0.005)]), 44)
    head = lathe(rounded([(0, 0.106), (0.0335, 0.106, 0.001), (0.0335, 0.111, 0.001), (0.0318, 0.111, 0.0006),
                          (0.0312, 0.1085, 0.001), (0, 0.1085)]), 44)  # fmt: skip
    return _part(body, Material(tone, "label", 0.4)), _part(foot, tin), _part(head, tin)


def _carton(tone: Rgb) -> tuple[tuple[Mesh, Solid], ...]:
    return (_part(box((0.062, 0.045, 0.115), 0.0016, 2), Material(tone, "print", 0.55)),)


def _ball(tone: Rgb) -> tuple[tuple[Mesh, Solid], ...]:
    ball = ellipsoid((0.033, 0.033, 0.033), 40)
    p = ball.vertices - (0, 0, 0.033)
    seam = np.abs(p[:, 2] - 0.011 * np.cos(2 * np.arctan2(p[:, 1], p[:, 0]))) < 0.0022
    return (_part(ball, Material((1.0, 1.0, 1.0), roughness=0.6), np.where(seam[:, None], WHITE, tone)),)


def _bottle(tone: Rgb) -> tuple[tuple[Mesh, Solid], ...]:
    body = lathe(rounded([(0, 0.002), (0.024, 0.002, 0.002), (0.026, 0, 0.001), (0.033, 0, 0.005), (0.033, 0.13, 0.02),
                          (0.0125, 0.165, 0.012), (0.0125, 0.182), (0, 0.182)], 5), 40)  # fmt: skip
    cap = lathe(rounded([(0, 0.176), (0.0148, 0.176, 0.001), (0.0143, 0.2, 0.003), (0, 0.2)]), 28)
    label = lathe(rounded([(0, 0.034), (0.0334, 0.034), (0.0334, 0.102), (0, 0.102)]), 44)
    return (
        _part(body, Material(tone, roughness=0.2)),
        _part(cap, Material(WHITE, roughness=0.4)),
        _part(label, Material(tuple(np.clip(np.array(tone) * 0.7 + 0.1, 0, 1).tolist()), "label", 0.5)),  # type: ignore[arg-type]
    )


def _bowl(tone: Rgb) -> tuple[tuple[Mesh, Solid], ...]:
    body = lathe(rounded([(0, 0.003), (0.03, 0.003), (0.032, 0, 0.001), (0.037, 0, 0.002), (0.04, 0.006, 0.01),
                          (0.066, 0.022, 0.03), (0.078, 0.06, 0.0014), (0.0748, 0.06, 0.0014), (0.062, 0.024, 0.028),
                          (0.035, 0.0085, 0.02), (0, 0.008)], 6), 48)  # fmt: skip
    return (_two_tone(body, lambda p: p[:, 2] > 0.006 + 0.9 * (np.hypot(p[:, 0], p[:, 1]) - 0.028), tone, WHITE),)


def _plate(tone: Rgb) -> tuple[tuple[Mesh, Solid], ...]:
    body = lathe(rounded([(0, 0.002), (0.05, 0.002), (0.052, 0, 0.001), (0.06, 0, 0.002), (0.066, 0.006, 0.01),
                          (0.105, 0.017, 0.0015), (0.104, 0.0205, 0.0015), (0.066, 0.0115, 0.012), (0, 0.007)], 5), 56)  # fmt: skip
    r = np.hypot(body.vertices[:, 0], body.vertices[:, 1])
    colours = np.where(((r > 0.09) | (body.vertices[:, 2] < 0.003))[:, None], tone, WHITE)
    return (_part(body, Material((1.0, 1.0, 1.0), roughness=0.15), colours),)


def _jar(tone: Rgb) -> tuple[tuple[Mesh, Solid], ...]:
    body = lathe(rounded([(0, 0.002), (0.026, 0.002), (0.028, 0, 0.001), (0.036, 0, 0.006), (0.036, 0.082, 0.008),
                          (0.0295, 0.088, 0.003), (0.0295, 0.104, 0.0012), (0.0265, 0.104, 0.0012), (0.0265, 0.086, 0.004),
                          (0.0325, 0.08, 0.006), (0.0325, 0.005, 0.006), (0, 0.005)]), 44)  # fmt: skip
    band = lathe(rounded([(0, 0.022), (0.0363, 0.022), (0.0363, 0.066), (0, 0.066)]), 44)
    hollow = Solid(band.vertices, band.faces, lambda p: np.maximum(band.distance(p), 0.033 - np.hypot(p[:, 0], p[:, 1])))
    ring = lathe_ring(0.0363, 0.034, 0.022, 0.066)
    del hollow
    return _part(body, Material(tone, roughness=0.16)), _part(ring, Material(WHITE, "label", 0.6))


def lathe_ring(outer: float, inner: float, low: float, high: float, segments: int = 44) -> Solid:
    """A sleeve about z: four walls, closed."""
    turn = np.arange(segments) / segments * 2 * np.pi
    corners = [(outer, low), (outer, high), (inner, high), (inner, low)]
    ring = np.stack([np.cos(turn), np.sin(turn)], 1)
    vertices = np.concatenate([np.c_[r * ring, np.full(segments, z)] for r, z in corners])
    i, j = np.arange(segments), (np.arange(segments) + 1) % segments
    faces = []
    for k in range(4):
        a, b = k * segments, (k + 1) % 4 * segments
        faces += [np.stack([a + i, a + j, b + i], 1), np.stack([a + j, b + j, b + i], 1)]

    def distance(points: Floats) -> Floats:
        q = np.stack([np.hypot(points[:, 0], points[:, 1]) - (outer + inner) / 2, points[:, 2] - (low + high) / 2], 1)
        q = np.abs(q) - ((outer - inner) / 2, (high - low) / 2)
        return np.linalg.norm(np.maximum(q, 0), axis=1) + np.minimum(q.max(axis=1), 0)

    return Solid(vertices, np.concatenate(faces).astype(np.int32), distance)


def _lid(tone: Rgb) -> tuple[tuple[Mesh, Solid], ...]:
    body = lathe(rounded([(0, 0.0145), (0.0305, 0.0145, 0.001), (0.0305, 0, 0.0006), (0.0335, 0, 0.0008),
                          (0.0335, 0.018, 0.003), (0, 0.0185)]), 44)  # fmt: skip
    return (_part(body, Material(tone, roughness=0.3)),)


def _block(tone: Rgb) -> tuple[tuple[Mesh, Solid], ...]:
    return (_part(box((0.045, 0.045, 0.045), 0.003), Material(tone, "wood", 0.5)),)


def _book(tone: Rgb) -> tuple[tuple[Mesh, Solid], ...]:
    cover, paper = Material(tone, "print", 0.5), Material((0.7, 0.66, 0.56), roughness=0.9)
    plain = Material(tone, roughness=0.5)
    return (
        _part(box((0.13, 0.19, 0.0025), 0.0008, 1), plain),
        _part(box((0.13, 0.19, 0.0025), 0.0008, 1).at((0, 0, 0.0215)), cover),
        _part(box((0.0025, 0.19, 0.024), 0.0008, 1).at((-0.0638, 0, 0)), plain),
        _part(box((0.123, 0.183, 0.0195), 0.0005, 1).at((-0.0012, 0, 0.00225)), paper),
    )


def _sponge(tone: Rgb) -> tuple[tuple[Mesh, Solid], ...]:
    foam = Material(tone, "plaster", 0.95)
    scour = Material((0.05, 0.12, 0.06), "cloth", 0.95)
    return _part(box((0.1, 0.065, 0.026), 0.005), foam), _part(box((0.1, 0.065, 0.009), 0.002).at((0, 0, 0.025)), scour)


def _cloth(tone: Rgb) -> tuple[tuple[Mesh, Solid], ...]:
    weave = Material(tone, "cloth", 0.95)
    layers = [((0.15, 0.11, 0.006), 0.0, 0.0), ((0.148, 0.108, 0.006), 0.0055, 0.03), ((0.145, 0.106, 0.006), 0.011, -0.02)]
    return tuple(
        _part(box(size, 0.0028).at((0.001 * k, 0.001 * k, z)).at((0, 0, 0), turned("z", turn)), weave)
        for k, (size, z, turn) in enumerate(layers)
    )


def _cup(tone: Rgb) -> tuple[tuple[Mesh, Solid], ...]:
    body = lathe(rounded([(0, 0.003), (0.026, 0.003), (0.0265, 0, 0.0006), (0.029, 0, 0.001), (0.038, 0.088, 0.0012),
                          (0.0352, 0.088, 0.0012), (0.0262, 0.005, 0.003), (0, 0.005)]), 44)  # fmt: skip
    within = (lambda p: (np.hypot(p[:, 0], p[:, 1]) < 0.028 + 0.102 * p[:, 2]) & (p[:, 2] > 0.0035))
    return (_two_tone(body, within, tone, WHITE),)


def _knob(tone: Rgb) -> tuple[tuple[Mesh, Solid], ...]:
    body = lathe(rounded([(0, 0), (0.027, 0, 0.001), (0.027, 0.006, 0.002), (0.023, 0.008, 0.001), (0.0215, 0.026, 0.003),
                          (0, 0.0265)]), 44)  # fmt: skip
    mark = box((0.018, 0.0035, 0.006), 0.001, 2).at((0.011, 0, 0.0225))
    return _part(body, Material(tone, roughness=0.35)), _part(mark, Material(WHITE, roughness=0.5))


def _drawer(tone: Rgb) -> tuple[tuple[Mesh, Solid], ...]:
    paint, wood, steel = Material(tone, roughness=0.4), Material(SKINS_OF_WOOD, "wood", 0.6), Material(STEEL, "plain", 0.25, True)
    front = box((0.26, 0.018, 0.105), 0.002, 2).at((0, -0.101, 0))
    walls = [
        box((0.236, 0.2, 0.008), 0.001, 1).at((0, 0.0, 0.006)),
        box((0.01, 0.2, 0.075), 0.001, 1).at((-0.113, 0.0, 0.006)),
        box((0.01, 0.2, 0.075), 0.001, 1).at((0.113, 0.0, 0.006)),
        box((0.236, 0.01, 0.075), 0.001, 1).at((0, 0.1, 0.006)),
    ]
    path = rounded([(-0.055, 0.0), (-0.055, -0.032, 0.01), (0.055, -0.032, 0.01), (0.055, 0.0)])
    bar = tube(np.c_[path, np.zeros(len(path))] + (0, -0.11, 0.06), 0.0055)
    return _part(front, paint), *(_part(wall, wood) for wall in walls), _part(bar, steel)


def cabinet(colour: str) -> tuple[Mesh, ...]:
    """The carcass that a closed drawer sits in, in that drawer's frame: its boards stay 2 mm off the drawer."""
    paint = Material(COLOURS[colour], "plain", 0.45)
    boards = [
        box((0.3, 0.23, 0.014), 0.002, 1).at((0, 0.005, -0.016)),
        box((0.3, 0.23, 0.018), 0.002, 1).at((0, 0.005, 0.107)),
        box((0.017, 0.23, 0.125), 0.002, 1).at((-0.1415, 0.005, -0.01)),
        box((0.017, 0.23, 0.125), 0.002, 1).at((0.1415, 0.005, -0.01)),
        box((0.3, 0.01, 0.14), 0.002, 1).at((0, 0.118, -0.016)),
    ]
    return tuple(board.mesh(paint) for board in boards)


CABINET_FOOT_M = 0.016  # how far a drawer's foot lies over that of its cabinet


def _spoon(tone: Rgb) -> tuple[tuple[Mesh, Solid], ...]:
    wood = Material(tone, "wood", 0.55)
    bowl = lathe(rounded([(0, 0), (0.012, 0.001, 0.008), (0.02, 0.0095, 0.0012), (0.0178, 0.0105, 0.0008),
                          (0.011, 0.0045, 0.007), (0, 0.0035)], 4), 32, 1.4).at((0, 0.085, 0))  # fmt: skip
    path = np.array([[0, 0.062, 0.0085], [0, 0.045, 0.01], [0, 0.0, 0.0095], [0, -0.05, 0.007], [0, -0.11, 0.0052]])
    return _part(bowl, wood), _part(tube(path, 0.005), wood)


_BUILDERS: dict[str, Build] = {
    "mug": _mug, "can": _can, "box": _carton, "ball": _ball, "bottle": _bottle, "bowl": _bowl, "plate": _plate,
    "jar": _jar, "lid": _lid, "block": _block, "book": _book, "sponge": _sponge, "cloth": _cloth, "cup": _cup,
    "knob": _knob, "drawer": _drawer, "spoon": _spoon,
}  # fmt: skip
KINDS: tuple[str, ...] = tuple(_BUILDERS)


def _spotted(solid: Solid, base: Rgb, waves: tuple[float, ...], depth: float, rough: float) -> tuple[Mesh, Solid]:
    """Of an uneven tone."""
    shade = 1 + depth * textures.noise(solid.vertices, waves, 5)
    return _part(solid, Material(base, roughness=rough), np.clip(shade, 0.3, 1.6)[:, None] * np.ones(3))


def _tone(colour: Rgb, tone: float) -> Rgb:
    r, g, b = (min(c * tone, 0.9) for c in colour)
    return r, g, b


Confuse = Callable[[float, float], tuple[str, tuple[tuple[Mesh, Solid], ...]]]
_CONFUSERS: dict[str, Confuse] = {
    "wooden ball": lambda t, s: ("beige", (_part(ellipsoid((0.04 * s,) * 3, 36), Material(_tone((0.62, 0.40, 0.23), t), "wood", 0.5)),)),
    "sausage": lambda t, s: (
        "brown",
        (_spotted(tube(np.c_[arc(0.11 * s, 1.0, 2.14, 20)[:, [0, 2]] - (0, 0.1 * s), np.full(21, 0.016 * s)], 0.016 * s, 24, 6),
                  _tone((0.5, 0.23, 0.13), t), (0.03, 0.01), 0.12, 0.3),),
    ),
    "bread": lambda t, s: ("brown", (_spotted(box((0.2 * s, 0.09 * s, 0.075 * s), 0.034 * s, 10), _tone((0.52, 0.29, 0.13), t), (0.06, 0.02), 0.22, 0.8),)),
    "flower pot": lambda t, s: ("terracotta", (
        _part(lathe(rounded([(0, 0), (0.04, 0, 0.002), (0.054, 0.072), (0.062, 0.072, 0.002), (0.063, 0.098, 0.003), (0.056, 0.098, 0.002),
                             (0.05, 0.06), (0.037, 0.006), (0, 0.006)]) * s, 48), Material(_tone((0.55, 0.24, 0.14), t), "plain", 0.9)),)),
    "potato": lambda t, s: ("beige", (_spotted(ellipsoid((0.034 * s, 0.048 * s, 0.03 * s), 40), _tone((0.54, 0.38, 0.22), t), (0.02, 0.008), 0.12, 0.7),)),
    "pouch": lambda t, s: ("tan", (
        _spotted(box((0.15 * s, 0.1 * s, 0.03), 0.0145, 6), _tone((0.47, 0.26, 0.15), t), (0.05, 0.015), 0.1, 0.5),
        _part(box((0.15 * s, 0.06 * s, 0.005), 0.002).at((0, 0.022 * s, 0.0275)), Material(_tone((0.4, 0.21, 0.12), t), roughness=0.5)))),
}  # fmt: skip
CONFUSERS: tuple[str, ...] = tuple(_CONFUSERS)
