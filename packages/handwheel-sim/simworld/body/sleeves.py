"""Tubes about the arm: sleeves with folds, a watch, a bracelet. They bend with the arm's bones."""

from __future__ import annotations

import numpy as np

from simworld.body.hands import BONES, Arm, Skin
from simworld.scene_types import Floats, Ints, Material, Mesh

CUFFS = {
    "long": 0.10,
    "rolled": 0.60,
    "short": 1.22,
    "watch": 0.115,
    "bracelet": 0.12,
}  # where each begins along the arm
ENDS = {"watch": 0.195, "bracelet": 0.135}
AROUND = 40
TOP = 1.68  # the arm's own end is a little beyond


def faces_between(arm: Arm, low: float, high: float) -> Ints:
    """The arm's faces between two places along it."""
    along = arm.along[arm.faces]
    return np.asarray(arm.faces[(along.min(axis=1) > low) & (along.max(axis=1) < high)])


def crop_arm(arm: Arm, end: float) -> tuple[Ints, Ints, Floats]:
    """The arm up to a place on the forearm: vertices' numbers, faces of these, and rest places with an even edge."""
    along = arm.along[arm.faces]
    used, faces = np.unique(arm.faces[along.min(axis=1) < end], return_inverse=True)
    over = np.maximum(arm.along[used] - end, 0)[:, None]
    return used, faces.reshape(-1, 3).astype(np.int32), arm.skin.rest[used] - over * arm.joint("fore1")


def cap_shoulder(faces: Ints, along: Floats) -> Ints:
    """The faces with a fan over the hole at the shoulder's end."""
    sides = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    known = {(int(a), int(b)) for a, b in sides}
    after = {b: a for a, b in known if (b, a) not in known and along[a] > 1.2}
    if not after:
        return faces
    loop = [min(after)]
    while (ahead := after.get(loop[-1])) is not None and ahead != loop[0] and len(loop) <= len(after):
        loop.append(ahead)
    fan = [(loop[0], loop[k], loop[k + 1]) for k in range(1, len(loop) - 1)]
    return np.concatenate([faces, np.array(fan, np.int32)])


def make_sleeve(arm: Arm, kind: str, material: Material, over_m: float = 0.0) -> tuple[Mesh, Skin]:
    """A tube of one of the kinds of CUFFS; over_m: thickness of a glove below it."""
    start, stop = CUFFS[kind], ENDS.get(kind, TOP)
    inner, outer, folds = _profile(kind, start, stop)
    places = np.concatenate([inner[:, 0], outer[:, 0]])
    off = np.concatenate([inner[:, 1], outer[:, 1]]) + over_m
    turn = np.arange(AROUND) / AROUND * 2 * np.pi
    centres, across, up, radii = _rings(arm, places, turn, 0.03 if kind in ENDS else 0.10)
    lift = folds * _folds(places[:, None], turn[None], start) * np.clip((places - start) / 0.05, 0, 1)[:, None]
    radius = radii + off[:, None] + lift
    if kind == "watch":
        radius = radius + _dial(places, turn)
    spoke = np.cos(turn)[:, None] * across[:, None] + np.sin(turn)[:, None] * up[:, None]
    rest = (centres[:, None] + spoke * radius[..., None]).reshape(-1, 3)
    faces = _tube_faces(len(places))
    if kind not in ENDS:
        last = (len(places) - 1) * AROUND + np.arange(AROUND)
        cap = np.stack([np.full(AROUND - 2, last[0]), last[1:-1], last[2:]], axis=1)
        faces = np.concatenate([faces, cap.astype(np.int32)])
    bones, weights = _bound(np.repeat(places, AROUND))
    shade = 1.0 + 0.10 * np.clip(lift.ravel() / max(folds, 1e-6), -1, 1) if folds else np.ones(len(rest))
    colours = np.repeat(shade[:, None], 3, axis=1)
    if kind == "watch":
        colours[(_dial(places, turn) > 0.004).ravel()] = (18.0, 18.0, 17.0)
    return Mesh(rest, faces, material, True, colours), Skin(rest, bones, weights)


def _profile(kind: str, start: float, stop: float) -> tuple[Floats, Floats, float]:
    """Rows of (place, distance from the skin in m): the edge turned in, the outside; and the folds' height in m."""
    if kind in ENDS:
        middle = np.linspace(start, stop, 7)
        thick = 0.0035 if kind == "watch" else 0.0045
        swell = thick * np.sqrt(np.clip(1 - (2 * (middle - start) / (stop - start) - 1) ** 4, 0, 1))
        return np.array([[start, -0.002]]), np.stack([middle, 0.0006 + swell], 1), 0.0
    inner = np.array([[start + 0.06, 0.001], [start + 0.01, 0.0025]])
    count = int((stop - start) * 62)
    outside = np.linspace(start, stop, count)
    off = 0.006 + 0.004 * np.clip((outside - start) / 0.3, 0, 1)
    if kind == "rolled":
        band = np.exp(-(np.clip((outside - start - 0.09) / 0.075, -9, 9) ** 6))
        off = off + 0.0045 * band + 0.001 * band * np.cos((outside - start) / 0.06 * 2 * np.pi)
    elif kind == "long":
        band = (outside < start + 0.16) * 1.0
        off = off - 0.0022 * band
    return inner, np.stack([outside, off], 1), 0.0028


def _folds(places: Floats, turn: Floats, start: float) -> Floats:
    """Slanted folds, most where the elbow bends and where cloth gathers above the cuff: about -1..1."""
    elbow = np.exp(-(((places - 1.0) / 0.16) ** 2))
    gathered = np.exp(-(((places - start - 0.22) / 0.12) ** 2))
    slow = np.sin(places * 13 + 1.7 * np.sin(turn + 0.6) + 0.8) + 0.7 * np.sin(
        places * 21 - 1.4 * np.sin(turn - 1.1) + 2.1 * np.cos(turn)
    )
    quick = np.sin(places * 34 + 2.2 * np.cos(turn + 1.9)) + 0.6 * np.sin(places * 47 + 1.8 * np.sin(turn * 2 + 0.4))
    return np.asarray(0.55 * slow * (0.5 + elbow) + 0.5 * quick * (0.12 + 0.8 * gathered + 0.6 * elbow))


def _dial(places: Floats, turn: Floats) -> Floats:
    """The case of a watch on the back of the wrist."""
    at = (places - (CUFFS["watch"] + ENDS["watch"]) / 2) / 0.036
    round_it = np.hypot(at[:, None], ((turn[None] - np.pi / 2 + np.pi) % (2 * np.pi) - np.pi) / 0.62)
    return np.asarray(0.006 * np.clip((1.0 - round_it) * 6, 0, 1))


def _rings(arm: Arm, places: Floats, turn: Floats, window: float) -> tuple[Floats, Floats, Floats, Floats]:
    """Centres (R, 3), two spokes (R, 3) each, and the skin's radius (R, AROUND) about the arm at each place."""
    elbow, shoulder = arm.joint("fore1"), arm.joint("shoulder")
    share = _past_elbow(places)[:, None]
    fore, upper = elbow / np.linalg.norm(elbow), (shoulder - elbow) / np.linalg.norm(shoulder - elbow)
    way = (1 - share) * fore + share * upper
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    axis = np.where(places[:, None] < 1, places[:, None] * elbow, elbow + (places[:, None] - 1) * (shoulder - elbow))
    up = np.array([0.0, 1.0, 0.0]) - way * way[:, 1:2]
    up /= np.linalg.norm(up, axis=1, keepdims=True)
    across = np.cross(up, way)
    centres, radii = np.empty_like(axis), np.empty((len(places), len(turn)))
    for row, place in enumerate(places):
        near = arm.skin.rest[np.abs(arm.along - np.clip(place, 0.02, TOP)) < window / 2]
        flat = np.stack([(near - axis[row]) @ across[row], (near - axis[row]) @ up[row]], axis=1)
        middle = (flat.min(axis=0) + flat.max(axis=0)) / 2
        centres[row] = axis[row] + middle[0] * across[row] + middle[1] * up[row]
        radii[row] = _hull(flat - middle, turn)
    for values in (centres, radii):
        values[:] = _smooth(values, places, window)
    return centres, across, up, radii


def _hull(points: Floats, turn: Floats) -> Floats:
    """Radius of an ellipse-like outline round flat points: their farthest in each direction, made even."""
    support = (points @ np.stack([np.cos(turn), np.sin(turn)])).max(axis=0)
    return np.asarray((support + np.roll(support, 1) + np.roll(support, -1)) / 3)


def _smooth(values: Floats, places: Floats, window: float) -> Floats:
    weight = np.exp(-(((places[:, None] - places[None]) / (0.6 * window)) ** 2))
    return np.asarray(weight @ values / weight.sum(axis=1, keepdims=True))


def _past_elbow(places: Floats) -> Floats:
    """0 on the forearm, 1 on the upper arm, even between."""
    t = np.clip((places - 0.82) / 0.36, 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def _bound(places: Floats) -> tuple[Ints, Floats]:
    """Bones and weights by the place along the arm, as the skin's are."""
    upper = _past_elbow(places)
    t = np.clip((places - 0.2) / 0.6, 0, 1)
    outer = (1 - t) * (1 - upper)
    names = [BONES.index(n) for n in ("upper", "fore1", "fore2", "wrist")]
    bones = np.tile(np.array(names, np.int32), (len(places), 1))
    return bones, np.stack([upper, np.maximum(1 - upper - outer, 0), outer, np.zeros_like(outer)], axis=1)


def _tube_faces(rings: int) -> Ints:
    """Triangles between rings of AROUND vertices."""
    a = (np.arange(rings - 1)[:, None] * AROUND + np.arange(AROUND)).ravel()
    b = a - a % AROUND + (a + 1) % AROUND
    faces = np.concatenate([np.stack([a, b, a + AROUND], 1), np.stack([b, b + AROUND, a + AROUND], 1)])
    return faces.astype(np.int32)
