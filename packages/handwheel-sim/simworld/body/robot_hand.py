"""A five-fingered mechanical hand along the joints of a human one: no hand for a detector of hands."""

from __future__ import annotations

import numpy as np

from simworld.body.hands import BONES, CHAINS, Arm, Skin
from simworld.scene_types import Floats, Ints, Material, Mesh
from simworld.scenery.shapes import Solid, box, tube

SHELL = Material((0.62, 0.63, 0.65), "plain", 0.35)
METAL = Material((0.35, 0.36, 0.38), "brushed", 0.3, True)
RUBBER = Material((0.02, 0.02, 0.022), "plain", 0.7)
WIDTHS_M = {"thumb": 0.019, "index": 0.0165, "middle": 0.017, "ring": 0.0165, "pinky": 0.014}


def robot_parts(arm: Arm) -> dict[str, tuple[Mesh, Skin]]:
    """Meshes by name (shell, metal, rubber), each of rigid bodies on single bones."""
    bodies: dict[str, list[tuple[str, Solid]]] = {"shell": [], "metal": [], "rubber": []}
    for finger in CHAINS:
        for m in (1, 2, 3):
            name, last = f"{finger}{m}", m == 3
            a, b = arm.joint(name), arm.joint(f"{finger}{m + 1}")
            frame = arm.axes[BONES.index(name)]
            width = WIDTHS_M[finger] * (1.0, 0.93, 0.86)[m - 1]
            bodies["shell" if not last else "rubber"].append((name, _segment(a, b, frame, width)))
            bodies["metal"].append((name, _pin(a, frame[:, 0], width)))
    bodies["shell"].append(("wrist", _palm(arm)))
    elbow = arm.joint("fore1")
    way = elbow / np.linalg.norm(elbow)
    bodies["metal"].append(("wrist", tube(np.stack([-0.012 * way, 0.022 * way]), 0.021, 20)))
    bodies["rubber"].append(("fore2", tube(np.stack([0.03 * way, 0.045 * way]), 0.030, 20)))
    bodies["shell"].append(("fore2", tube(np.stack([0.055 * way, 0.97 * elbow]), 0.033, 24)))
    bodies["metal"].append(("fore2", tube(np.stack([0.13 * way, 0.14 * way]), 0.0345, 24)))
    materials = {"shell": SHELL, "metal": METAL, "rubber": RUBBER}
    return {name: _combine(parts, materials[name]) for name, parts in bodies.items()}


def _segment(a: Floats, b: Floats, frame: Floats, width: float) -> Solid:
    """A rounded box from one joint to the next."""
    length = float(np.linalg.norm(b - a))
    way = (b - a) / length
    x = frame[:, 0] - way * (frame[:, 0] @ way)
    x /= np.linalg.norm(x)
    turn = np.stack([x, np.cross(way, x), way], axis=1)
    return box((width, width * 0.92, length * 0.86), width * 0.28, 3).at((a + way * length * 0.09).tolist(), turn)


def _pin(at: Floats, axis: Floats, width: float) -> Solid:
    """A short round bar through a joint."""
    return tube(np.stack([at - axis * width * 0.42, at + axis * width * 0.42]), width * 0.36, 14, 2)


def _palm(arm: Arm) -> Solid:
    """A rounded box from the wrist to the knuckles."""
    knuckles = np.stack([arm.joint(f"{f}1") for f in CHAINS[1:]])
    length = float(-knuckles[:, 2].mean()) - 0.012
    middle = float((knuckles[:, 0].min() + knuckles[:, 0].max()) / 2)
    width = float(np.ptp(knuckles[:, 0])) + 0.016
    turn = np.array([[1.0, 0, 0], [0, -1.0, 0], [0, 0, -1.0]])
    return box((width, 0.026, length), 0.008, 4).at((middle * 0.8, float(knuckles[:, 1].mean()) * 0.5, -0.006), turn)


def _combine(parts: list[tuple[str, Solid]], material: Material) -> tuple[Mesh, Skin]:
    vertices, faces, bones, count = [], [], [], 0
    for bone, solid in parts:
        vertices.append(solid.vertices)
        faces.append(solid.faces + count)
        bones.append(np.full(len(solid.vertices), BONES.index(bone), np.int32))
        count += len(solid.vertices)
    rest = np.concatenate(vertices)
    bound: Ints = np.zeros((count, 4), np.int32)
    bound[:, 0] = np.concatenate(bones)
    weights = np.tile([1.0, 0.0, 0.0, 0.0], (count, 1))
    return Mesh(rest, np.concatenate(faces).astype(np.int32), material, True), Skin(rest, bound, weights)
