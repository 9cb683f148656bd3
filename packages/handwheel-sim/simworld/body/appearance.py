"""What an arm is made of and wears: skin tones, gloves, sleeves, small things, and hands that are not hands."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simworld.body.hands import BONES, CHAINS, Arm, ArmShape, Skin
from simworld.body.robot_hand import robot_parts
from simworld.body.sleeves import CUFFS, cap_shoulder, crop_arm, faces_between, make_sleeve
from simworld.scene_types import Floats, Ints, Material, Mesh, Rgb

# Linear reflectances of the back of the hand, light to dark (after the Monk scale's 2, 3, 5, 6, 8 and 9), and how much
# lighter the palm is.
TONES: dict[str, tuple[Rgb, float]] = {
    "porcelain": ((0.72, 0.48, 0.39), 1.06),
    "light": ((0.60, 0.37, 0.275), 1.10),
    "medium": ((0.47, 0.27, 0.185), 1.16),
    "tan": ((0.33, 0.175, 0.108), 1.28),
    "brown": ((0.175, 0.088, 0.054), 1.62),
    "dark": ((0.085, 0.045, 0.031), 2.2),
}
SKINS = tuple(TONES)
GLOVES = ("none", "latex", "work", "rubber", "knit")
SLEEVES = ("bare", "short", "long", "rolled")
FLESH = ("human", "statue", "robot")
EXTRAS = ("none", "watch", "bracelet")

# Material, thickness in m, and where it ends along the forearm.
_GLOVES: dict[str, tuple[Material, float, float]] = {
    "latex": (Material((0.62, 0.74, 0.82), "plain", 0.35), 0.0004, 0.20),
    "work": (Material((0.50, 0.33, 0.13), "cloth", 0.9), 0.0018, 0.24),
    "rubber": (Material((0.72, 0.42, 0.03), "plain", 0.28), 0.0013, 0.52),
    "knit": (Material((0.16, 0.17, 0.20), "cloth", 0.95), 0.0015, 0.14),
}
_CLOTHS: tuple[Rgb, ...] = (
    (0.03, 0.05, 0.13), (0.32, 0.32, 0.33), (0.25, 0.03, 0.03), (0.05, 0.13, 0.07),
    (0.55, 0.50, 0.42), (0.02, 0.02, 0.025), (0.14, 0.22, 0.36), (0.35, 0.22, 0.05),
)  # fmt: skip
_STATUES = (
    Material((0.74, 0.72, 0.68), "marble", 0.28),
    Material((0.30, 0.17, 0.07), "brushed", 0.38, True),
    Material((0.50, 0.47, 0.42), "plain", 0.8),
)


@dataclass(frozen=True, slots=True, eq=False)
class Appearance:
    """Meshes by name (skin, glove, sleeve, ...), at rest, and how each follows the arm's bones."""

    meshes: dict[str, Mesh]
    bound: dict[str, Skin]
    thickness_m: float = 0.0  # of the glove

    def places(self, shape: ArmShape, prefix: str) -> dict[str, Floats]:
        """Vertices in the world for Moment.places, named "prefix:mesh"."""
        return {f"{prefix}:{name}": skin.pose_vertices(shape.bones) for name, skin in self.bound.items()}


def dress_arm(
    arm: Arm, skin: str, glove: str, sleeve: str, flesh: str = "human", extra: str = "none", variant: int = 0
) -> Appearance:
    """An arm dressed; each name one of SKINS, GLOVES, SLEEVES, FLESH, EXTRAS (KeyError or ValueError: it is not).

    variant: any number; it chooses the cloth's colour, or a statue's stone.
    """
    if flesh == "robot":
        parts = robot_parts(arm)
        return Appearance({n: m for n, (m, _) in parts.items()}, {n: s for n, (_, s) in parts.items()})
    if flesh == "statue":
        return _statue(arm, _STATUES[variant % len(_STATUES)])
    if flesh != "human" or sleeve not in SLEEVES or glove not in GLOVES or extra not in EXTRAS:
        raise ValueError(f"{flesh=} {sleeve=} {glove=} {extra=}")
    meshes, bound = _skin(arm, skin, glove, sleeve)
    thickness = 0.0
    if glove != "none":
        thickness = _GLOVES[glove][1]
        meshes["glove"], bound["glove"] = _glove(arm, *_GLOVES[glove])
    if sleeve != "bare":
        cloth = Material(_CLOTHS[variant % len(_CLOTHS)], "cloth", 0.92)
        meshes["sleeve"], bound["sleeve"] = make_sleeve(arm, sleeve, cloth, thickness)
    if extra != "none" and sleeve in ("bare", "short", "rolled") and glove in ("none", "latex", "knit"):
        meshes["extra"], bound["extra"] = make_sleeve(arm, extra, _EXTRA_MATERIALS[extra], thickness)
    return Appearance(meshes, bound, thickness)


_EXTRA_MATERIALS = {
    "watch": Material((0.03, 0.03, 0.035), "plain", 0.35),
    "bracelet": Material((0.80, 0.58, 0.22), "plain", 0.25, True),
}


def _skin(arm: Arm, tone: str, glove: str, sleeve: str) -> tuple[dict[str, Mesh], dict[str, Skin]]:
    """What is to be seen of the skin: nothing below a glove or a sleeve, but for a little way in."""
    low = _GLOVES[glove][2] - 0.13 if glove != "none" else -9.0
    high = CUFFS[sleeve] + 0.09 if sleeve != "bare" else 9.0
    visible_faces = faces_between(arm, low, high)
    if not len(visible_faces):
        return {}, {}
    material = Material(TONES[tone][0], "skin", 0.5)
    used, inverse = np.unique(visible_faces, return_inverse=True)
    faces = inverse.reshape(-1, 3).astype(np.int32)
    mesh = Mesh(arm.skin.rest[used], faces, material, True, skin_colours(arm, tone)[used])
    if sleeve == "bare":
        return {"skin": replace(mesh, faces=cap_shoulder(faces, arm.along[used]))}, {"skin": arm.skin.part(used)}
    return {"skin": mesh}, {"skin": arm.skin.part(used)}


def skin_colours(arm: Arm, tone: str) -> Floats:
    """(V, 3) factors of the tone's colour: lighter palm, redder knuckles and tips, nails, and a slow mottle."""
    base, palm_factor = TONES[tone]
    rest, up = arm.skin.rest, normals(arm.skin.rest, arm.faces)[:, 1]
    hand = np.clip((0.10 - arm.along) / 0.12, 0, 1)
    palm = np.clip(-up * 1.6 + 0.1, 0, 1) * hand
    inner_arm = np.clip(-up, 0, 1) * (1 - hand) * 0.4
    red = np.zeros(len(rest))
    for finger in CHAINS:
        for m, (strength, reach_m) in enumerate(((0.8, 0.011), (1.0, 0.009), (0.6, 0.007), (0.7, 0.011)), 1):
            away = np.linalg.norm(rest - arm.joint(f"{finger}{m}"), axis=1) / reach_m
            red = np.maximum(red, strength * np.exp(-(away**2)) * (1 if m == 4 else np.clip(up, 0, 1)))
    mottle = (
        sum(np.sin(rest @ (w * 2 * np.pi / 0.021) + p) for w, p in zip(_WAVES, (0.3, 1.9, 4.1, 5.2), strict=True)) / 4
    )
    old = 1.5 if "old" in arm.body else 1.0
    deep = 1.0 - 0.45 * min(1.0, base[0] / 0.5)  # dark skin's knuckles are darker, light skin's redder
    flush = np.array([1.0 - 0.30 * deep, 0.80 - 0.16 * deep, 0.76 - 0.16 * deep])
    factors = 1 + (flush - 1) * (red * 0.75 * old)[:, None].clip(0, 1)
    factors *= 1 + (palm + inner_arm)[:, None] * (np.array([palm_factor, palm_factor * 0.98, palm_factor * 0.97]) - 1)
    factors *= 1 + np.array([0.03, 0.05, 0.05]) * (mottle * old)[:, None]
    nail = np.clip(arm.nails * 1.4 - 0.2, 0, 1)[:, None]
    pink = np.clip(np.array(base) * (1.12, 0.98, 0.98) + (0.07, 0.05, 0.05), 0, 0.85) / np.array(base)
    return np.asarray(factors * (1 - nail) + pink * nail)


_WAVES = np.array([[0.6, 0.2, 0.75], [-0.4, 0.7, 0.5], [0.9, -0.3, -0.2], [0.1, 0.5, -0.95]])


def normals(vertices: Floats, faces: Ints) -> Floats:
    """(V, 3) unit normals, each the mean of its faces' by area."""
    a, b, c = vertices[faces].transpose(1, 0, 2)
    of_faces = np.cross(b - a, c - a)
    sums = [np.bincount(faces.ravel(), np.repeat(of_faces[:, k], 3), minlength=len(vertices)) for k in range(3)]
    out = np.stack(sums, axis=1)
    return np.asarray(out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12))


def _glove(arm: Arm, material: Material, thickness_m: float, end: float) -> tuple[Mesh, Skin]:
    """The hand's skin pushed out, its details softened, with a rolled edge."""
    used, faces, rest = crop_arm(arm, end)
    smooth = rest
    for _ in range(2 if thickness_m > 0.001 else 0):
        smooth = _relax(smooth, faces)
    out = normals(smooth, faces)
    lost = np.maximum(((rest - smooth) * out).sum(axis=1), 0)  # softening must not let the skin through
    along = np.minimum(arm.along[used], end)
    lip = 0.0012 * np.exp(-(((along - end + 0.01) / 0.02) ** 2))
    wide = 0.0035 * np.clip((along - 0.12) / 0.4, 0, 1) if end > 0.4 else 0.0
    rest = smooth + out * (lost + thickness_m + lip + wide)[:, None]
    bound = replace(arm.skin.part(used.astype(np.int32)), rest=rest)
    shade = 1 - 0.12 * np.clip(normals(rest, faces)[:, 1], 0, 1)
    colours = np.repeat(shade[:, None], 3, axis=1)
    if material.texture == "cloth" and thickness_m > 0.0016:  # a work glove's palm is of another stuff
        inner = np.clip(-out[:, 1] * 4 - 0.6, 0, 1)[:, None] * (arm.along[used] < 0.02)[:, None]
        colours = colours * (1 - inner) + np.array([0.35, 0.4, 0.7]) * inner
    return Mesh(rest, faces, material, True, colours), bound


def _relax(vertices: Floats, faces: Ints) -> Floats:
    """Each vertex half way to the mean of its neighbours."""
    ends = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    count = np.maximum(np.bincount(ends[:, 0], minlength=len(vertices)), 1)
    mean = (
        np.stack([np.bincount(ends[:, 0], vertices[ends[:, 1], k], len(vertices)) for k in range(3)], 1)
        / count[:, None]
    )
    return np.asarray((vertices + mean) / 2)


STATUE_END = 0.5  # share of the forearm that a statue has


def _statue(arm: Arm, material: Material) -> Appearance:
    """Hand and half a forearm of one hard stuff, on a round plinth."""
    used, faces, rest = crop_arm(arm, STATUE_END)
    hand = replace(arm.skin.part(used), rest=rest)
    mesh = Mesh(rest, faces, material, True)
    elbow = arm.joint("fore1")
    length = float(np.linalg.norm(elbow))
    way = elbow / length
    profile = [
        (0.0, -0.035),
        (0.043, -0.035),
        (0.045, -0.030),
        (0.047, 0.0),
        (0.056, 0.006),
        (0.056, 0.03),
        (0.0, 0.03),
    ]
    body, ends = _lathe_body(way * length * STATUE_END, way, profile)
    solid = np.zeros((len(body), 4), np.int32) + np.array([BONES.index("fore1"), 0, 0, 0], np.int32)
    weights = np.tile([1.0, 0.0, 0.0, 0.0], (len(body), 1))
    foot = Material((0.05, 0.045, 0.045), "marble", 0.3)
    return Appearance(
        {"skin": mesh, "plinth": Mesh(body, ends, foot, False)},
        {"skin": hand, "plinth": Skin(body, solid, weights)},
    )


def _lathe_body(middle: Floats, way: Floats, profile: list[tuple[float, float]]) -> tuple[Floats, Ints]:
    """A lathe's vertices and faces: (radius, height along `way`) from bottom to top."""
    side = np.cross(way, np.eye(3)[np.argmin(np.abs(way))])
    side /= np.linalg.norm(side)
    turn = np.arange(32) / 32 * 2 * np.pi
    spoke = np.cos(turn)[:, None] * side + np.sin(turn)[:, None] * np.cross(way, side)
    rest = np.concatenate([middle + spoke * r + way * h for r, h in profile])
    a = (np.arange(len(profile) - 1)[:, None] * 32 + np.arange(32)).ravel()
    b = a - a % 32 + (a + 1) % 32
    faces = np.concatenate([np.stack([a, b, a + 32], 1), np.stack([b, b + 32, a + 32], 1)])
    return rest, faces.astype(np.int32)
