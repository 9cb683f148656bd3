"""Human arms that move: eight bodies, two sides, one skeleton (MakeHuman, CC0; see extract_hands.py)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from simworld.body.subdivide import subdivision, triangles
from simworld.rotations import unit
from simworld.scene_types import Floats, Ints, Pose

ASSET = Path(__file__).parent / "assets" / "hands.npz"
QUANTUM_M = 2e-5  # of the asset's int16 places
CHAINS = ("thumb", "index", "middle", "ring", "pinky")
BONES = ("upper", "fore1", "fore2", "wrist", *(f"{f}{m}" for f in CHAINS for m in range(4) if f != "thumb" or m))
TIPS = tuple(f"{f}4" for f in CHAINS)
BODIES = ("woman_young", "man_young", "woman_old", "man_old", "woman_heavy", "man_heavy", "man_thin", "child")
SIDES = ("left", "right")

# Flexion in rad. A finger's row: at its three joints, 0 is straight. The thumb's row: opposition (0 in the palm's
# plane, growing in front of it), flexion at its root, and at its two outer joints alike.
FLAT = np.array([[0.20, 0.05, 0.0], [0.02, 0.04, 0.02], [0.0, 0.04, 0.02], [0.02, 0.05, 0.02], [0.06, 0.06, 0.02]])
OPEN = np.array([[0.50, 0.00, 0.05], [0.05, 0.15, 0.08], [0.05, 0.15, 0.08], [0.07, 0.18, 0.08], [0.1, 0.2, 0.1]])
REST = np.array([[0.6, 0.1, 0.2], [0.25, 0.4, 0.2], [0.35, 0.45, 0.25], [0.45, 0.5, 0.25], [0.5, 0.5, 0.25]])
FIST = np.array([[0.9, 0.35, 0.75], [1.4, 1.6, 0.9], [1.45, 1.65, 0.95], [1.5, 1.6, 0.95], [1.5, 1.55, 0.9]])
POINT = np.array([[0.9, 0.3, 0.7], [0.02, 0.08, 0.04], [1.4, 1.6, 0.9], [1.45, 1.6, 0.9], [1.45, 1.55, 0.9]])
VICTORY = np.array([[0.95, 0.4, 0.8], [0.0, 0.04, 0.02], [0.0, 0.04, 0.02], [1.4, 1.6, 0.9], [1.45, 1.55, 0.9]])
FAN = np.array([-0.10, 0.0, 0.09, 0.20])  # rad to the side of index .. pinky at spread 1, right hand


@dataclass(frozen=True, slots=True, eq=False)
class HandPose:
    """Where a hand is. The wrist's frame: -z towards the finger tips, +y out of the back, x = y × z.

    flex (5, 3) rad: see FLAT. spread: fan of the fingers, 0 closed, 1 natural. elbow: a point (3,) m of the world that
    the forearm goes towards; its length is the body's.
    """

    wrist: Pose
    flex: Floats
    spread: float = 1.0
    elbow: Floats | None = None  # None: straight behind the hand


@dataclass(frozen=True, slots=True, eq=False)
class ArmShape:
    """A posed arm in the world: vertices (V, 3), keypoints (21, 3) in MediaPipe's order, bones (B, 3, 4)."""

    vertices: Floats
    keypoints: Floats
    bones: Floats  # rest to world, in the order of BONES


@dataclass(frozen=True, slots=True, eq=False)
class Skin:
    """Vertices (V, 3) at rest, each bound to four bones (V, 4) with weights (V, 4) of sum 1."""

    rest: Floats
    bones: Ints
    weights: Floats

    def pose_vertices(self, bones: Floats) -> Floats:
        """(V, 3) for bones (B, 3, 4): linear blend skinning."""
        blend = np.einsum("vk,vkab->vab", self.weights, bones[self.bones])
        return np.asarray(np.einsum("vab,vb->va", blend[:, :, :3], self.rest) + blend[:, :, 3])

    def part(self, index: Ints) -> Skin:
        """Some of the vertices."""
        return Skin(self.rest[index], self.bones[index], self.weights[index])


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """One body's arm at rest, in the frame of its wrist: fingers, hand, forearm, and most of the upper arm."""

    body: str
    side: str
    skin: Skin
    faces: Ints  # (F, 3) triangles, outwards
    joints: Floats  # (B + 6, 3): of BONES, then TIPS, then the shoulder
    axes: Floats  # (B, 3, 3): bones' frames, x the axis of flexion
    rest_flex: Floats  # (5, 3)
    rest_fan: Floats  # (4,)
    nails: Floats  # (V,) 0..1
    along: Floats  # (V,): 0 at the wrist, 1 at the elbow, more on the upper arm, less than 0 on the hand
    hand_vertices: Ints  # (H,) vertices of the hand alone
    finger_of: Ints  # (H,) 0 thumb .. 4 pinky, -1 palm
    segment_of: Ints  # (H,) 1..3 along the finger, 0 palm

    @property
    def sign(self) -> float:
        """1 for a right arm, -1 for a left one."""
        return 1.0 if self.side == "right" else -1.0

    def joint(self, name: str) -> Floats:
        """A rest joint (3,) by name: a bone's root, a tip (thumb4 ...) or the shoulder."""
        return np.asarray(self.joints[(*BONES, *TIPS, "shoulder").index(name)])

    def shape(self, pose: HandPose) -> ArmShape:
        """The arm so posed."""
        bones = self.bones(pose)
        return ArmShape(self.skin.pose_vertices(bones), self.keypoints(bones), bones)

    def bones(self, pose: HandPose) -> Floats:
        """(B, 3, 4) rest to world."""
        world = np.concatenate([pose.wrist.rotation, pose.wrist.position[:, None]], axis=1)
        fingers = compose_each(world, self.finger_bones(pose.flex[None], pose.spread)[0])
        return np.concatenate([_arm_bones(self, pose), world[None], fingers])

    def finger_bones(self, flex: Floats, spread: float = 1.0) -> Floats:
        """(N, 19, 3, 4) rest to wrist frame of the bones after the wrist, for flex (N, 5, 3)."""
        out = np.empty((len(flex), len(BONES) - 4, 3, 4))
        for finger, name in enumerate(CHAINS):
            parent = np.tile(np.eye(3, 4), (len(flex), 1, 1))
            for m in range(4) if finger else range(1, 4):
                bone = BONES.index(f"{name}{m}")
                if m:
                    parent = compose(parent, self._turn(bone, finger, m, flex, spread))
                out[:, bone - 4] = parent
        return out

    def _turn(self, bone: int, finger: int, m: int, flex: Floats, spread: float) -> Floats:
        """(N, 3, 4) of one joint about its own place, at rest the identity."""
        frame, bend = self.axes[bone], flex[:, finger]
        if finger == 0:
            turn = frame @ axis_rotations(0, -bend[:, min(m, 2)]) @ frame.T
            if m == 1:
                turn = axis_rotations(2, self.sign * (bend[:, 0] - self.rest_flex[0, 0])) @ turn
        else:
            turn = frame @ axis_rotations(0, -(bend[:, m - 1] - self.rest_flex[finger, m - 1])) @ frame.T
            if m == 1:
                fan = (
                    FAN[finger - 1] * spread * (1 - 0.85 * np.clip(bend[:, 0] / 1.4, 0, 1)) - self.rest_fan[finger - 1]
                )
                turn = axis_rotations(1, -self.sign * fan) @ turn
        at = self.joints[bone]
        return np.concatenate([turn, (at - turn @ at)[..., None]], axis=-1)

    def keypoints(self, bones: Floats) -> Floats:
        """(21, 3) in MediaPipe's order of bones (B, 3, 4)."""
        names = ["wrist", *(f"{f}{m}" for f in CHAINS for m in range(1, 5))]
        at = np.array([self.joint(n) for n in names])
        of = bones[[BONES.index(n.replace("4", "3")) for n in names]]
        return np.asarray(np.einsum("kab,kb->ka", of[:, :, :3], at) + of[:, :, 3])


def interpolate(a: HandPose, b: HandPose, share: float) -> HandPose:
    """The pose at a share 0..1 of the shortest way from a to b."""
    turn = a.wrist.rotation.T @ b.wrist.rotation
    place = a.wrist.position + share * (b.wrist.position - a.wrist.position)
    wrist = Pose(place, a.wrist.rotation @ rotation_from_vector(share * vector_from_rotation(turn)))
    flex = a.flex + share * (b.flex - a.flex)
    elbow = None if a.elbow is None or b.elbow is None else a.elbow + share * (b.elbow - a.elbow)
    return replace(a, wrist=wrist, flex=flex, spread=a.spread + share * (b.spread - a.spread), elbow=elbow)


def rotation_from_vector(vector: Floats) -> Floats:
    """(3, 3) of a rotation vector (3,) rad (Rodrigues)."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)


def vector_from_rotation(rotation: Floats) -> Floats:
    """Rotation vector (3,) rad of (3, 3), of at most half a turn."""
    twice = np.array(
        [rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]]
    )
    angle = np.arctan2(np.linalg.norm(twice), np.trace(rotation) - 1)
    if angle < 1e-9:
        return np.zeros(3)
    if angle < np.pi - 1e-4:
        return np.asarray(twice / np.linalg.norm(twice) * angle)
    column = (rotation + np.eye(3))[:, np.argmax(np.diag(rotation))]
    return np.asarray(column / np.linalg.norm(column) * angle)


def axis_rotations(axis: int, angles: Floats) -> Floats:
    """(N, 3, 3) rotations about a coordinate axis by angles (N,) rad."""
    c, s = np.cos(angles), np.sin(angles)
    out = np.zeros((len(angles), 3, 3))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    out[:, axis, axis], out[:, i, i], out[:, j, j], out[:, i, j], out[:, j, i] = 1, c, c, -s, s
    return out


def compose(outer: Floats, inner: Floats) -> Floats:
    """outer after inner, both (..., 3, 4)."""
    place = np.einsum("...ab,...b->...a", outer[..., :3], inner[..., 3]) + outer[..., 3]
    return np.concatenate([outer[..., :3] @ inner[..., :3], place[..., None]], axis=-1)


def compose_each(outer: Floats, inner: Floats) -> Floats:
    """outer (3, 4) after each of inner (N, 3, 4)."""
    return compose(np.broadcast_to(outer, inner.shape), inner)


def _arm_bones(arm: Arm, pose: HandPose) -> Floats:
    """(3, 3, 4) of upper, fore1 and fore2: the hand's twist is spread along the forearm, the shoulder is above."""
    wrist, turn = pose.wrist.position, pose.wrist.rotation
    back = unit(pose.elbow - wrist) if pose.elbow is not None else turn[:, 2]
    at_elbow, shoulder = arm.joint("fore1"), arm.joint("shoulder")
    rest_back, rest_up = unit(at_elbow), unit(shoulder - at_elbow)
    level = np.array([back[0], back[1], 0.0])
    up = unit(np.array([0.0, 0.0, 0.2]) + 1.0 * level + 1e-6 * turn[:, 1])
    hinge = _align(rest_back, rest_up, back, up)
    rest_forward = turn @ rest_back  # the hand's own forearm direction, swung onto the true one
    twisted = _swing(rest_forward, back) @ turn
    twist = float(vector_from_rotation(hinge.T @ twisted) @ rest_back)
    elbow = wrist + back * np.linalg.norm(at_elbow)
    out = np.empty((3, 3, 4))
    for row, share in ((1, 0.25), (2, 0.85)):
        out[row, :, :3] = hinge @ rotation_from_vector(share * twist * rest_back)
        out[row, :, 3] = wrist
    out[0, :, :3] = _align(rest_up, rest_back, up, back)
    out[0, :, 3] = elbow - out[0, :, :3] @ at_elbow
    return out


def _align(a: Floats, b: Floats, to_a: Floats, to_b: Floats) -> Floats:
    """The rotation that takes direction a to to_a and the plane of a and b to that of to_a and to_b."""
    return _basis(to_a, to_b) @ _basis(a, b).T


def _basis(first: Floats, second: Floats) -> Floats:
    across = second - first * (second @ first)
    if np.linalg.norm(across) < 1e-6:
        across = np.eye(3)[np.argmin(np.abs(first))] - first * first[np.argmin(np.abs(first))]
    across = unit(across)
    return np.stack([first, across, np.cross(first, across)], axis=1)


def _swing(a: Floats, b: Floats) -> Floats:
    """The shortest rotation from direction a to direction b."""
    axis = np.cross(a, b)
    length = float(np.linalg.norm(axis))
    if length < 1e-9:
        return np.eye(3)
    return rotation_from_vector(axis / length * float(np.arctan2(length, a @ b)))


@cache
def load_arm(body: str, side: str) -> Arm:
    """The arm of one of BODIES, on one of SIDES. KeyError: there is no such body or side."""
    if side not in SIDES:
        raise KeyError(side)
    mirror = np.array([1.0 if side == "right" else -1.0, 1.0, 1.0])
    with np.load(ASSET) as asset:
        index = {str(name): i for i, name in enumerate(asset["bodies"])}[body]
        quads = asset["quads"].astype(np.int32)
        vertices = asset["vertices"][index] * QUANTUM_M * mirror
        joints = asset["joints"][index] * QUANTUM_M * mirror
        bound = np.zeros((len(vertices), len(BONES)))
        np.put_along_axis(bound, asset["bones"].astype(np.int64), asset["weights"] / 65535.0, axis=1)
        nails = asset["nails"] / 255.0
    finer = subdivision(quads)
    skin = _skin(finer.apply(vertices), finer.apply(bound))
    faces = triangles(finer.finer)
    axes, rest_flex, rest_fan = _hinges(joints, mirror[0])
    along = _along(skin.rest, joints)
    main = skin.bones[np.arange(len(along)), skin.weights.argmax(axis=1)]
    hand = np.flatnonzero((main >= BONES.index("wrist")) & (along < 0.04))
    part = np.array([(-1, 0)] * 4 + [(CHAINS.index(b[:-1]), int(b[-1])) for b in BONES[4:]])[main[hand]]
    part[part[:, 1] == 0] = (-1, 0)
    return Arm(
        body,
        side,
        skin,
        faces if side == "right" else faces[:, ::-1].copy(),
        joints,
        axes,
        rest_flex,
        rest_fan,
        nails,
        along,
        hand.astype(np.int32),
        part[:, 0].astype(np.int32),
        part[:, 1].astype(np.int32),
    )


def _skin(rest: Floats, bound: Floats) -> Skin:
    top = np.argsort(-bound, axis=1, kind="stable")[:, :4]
    share = np.maximum(np.take_along_axis(bound, top, axis=1), 0)
    return Skin(rest, top.astype(np.int32), share / share.sum(axis=1, keepdims=True))


def _along(rest: Floats, joints: Floats) -> Floats:
    """Share of the way from wrist to elbow, then from elbow to shoulder plus 1, by the bend's halving plane."""
    elbow, shoulder = joints[BONES.index("fore1")], joints[-1]
    fore = rest @ elbow / (elbow @ elbow)
    up = shoulder - elbow
    upper = (rest - elbow) @ up / (up @ up)
    past = (rest - elbow) @ (unit(elbow) + unit(up)) > 0
    return np.asarray(np.where(past, 1 + np.maximum(upper, 0), np.minimum(fore, 1)))


def _hinges(joints: Floats, sign: float) -> tuple[Floats, Floats, Floats]:
    """Frames of the bones, and how much the fingers are bent and fanned at rest."""
    at = dict(zip((*BONES, *TIPS, "shoulder"), joints, strict=True))
    axes = np.tile(np.eye(3), (len(BONES), 1, 1))
    flex, fan = np.zeros((5, 3)), np.zeros(4)
    for finger, name in enumerate(CHAINS):
        ways = [unit(at[f"{name}{m + 1}"] - at[f"{name}{m}"]) for m in (1, 2, 3)]
        across = -unit(np.cross(ways[0], ways[2])) if finger == 0 else np.array([1.0, 0.0, 0.0])
        for m, way in enumerate(ways, 1):
            x = np.cross(np.array([0.0, 1.0, 0.0]), -way) if finger else across
            axes[BONES.index(f"{name}{m}")] = _square(-way, unit(x))
        if finger == 0:
            flex[0, 0] = np.arctan2(-ways[0][1], -sign * ways[0][0])
        else:
            pitch = np.array([np.arctan2(-way[1], -way[2]) for way in ways])
            flex[finger] = np.diff(pitch, prepend=0.0)
            fan[finger - 1] = sign * np.arctan2(ways[0][0], -ways[0][2])
    return axes, flex, fan


def _square(z: Floats, x: Floats) -> Floats:
    x = unit(x - z * (x @ z))
    return np.stack([x, np.cross(z, x), z], axis=1)
