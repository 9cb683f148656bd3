"""Arms, poses and clothes of the sample world."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simworld.body import appearance, hands
from simworld.body.hands import (
    BODIES,
    CHAINS,
    SIDES,
    Arm,
    HandPose,
    interpolate,
    load_arm,
    rotation_from_vector,
    vector_from_rotation,
)
from simworld.body.subdivide import subdivision
from simworld.rotations import wrist_frame
from simworld.scene_types import Floats, Ints, Pose

AT = Pose(np.array([0.1, 0.05, 0.2]), wrist_frame(np.array([-0.2, 0.9, -0.3]), np.array([0.1, 0.2, 1.0])))
ELBOW = np.array([0.3, -0.3, 0.1])


def posed(arm: Arm, flex: Floats, spread: float = 1.0) -> Floats:
    return arm.shape(HandPose(AT, flex, spread, ELBOW)).keypoints


def volume(vertices: Floats, faces: Ints) -> float:
    a, b, c = (vertices - vertices.mean(axis=0))[faces].transpose(1, 0, 2)
    return float(np.einsum("ij,ij->", np.cross(a, b), c) / 6)


@pytest.mark.parametrize("body", BODIES)
def test_a_body_has_the_size_of_a_person(body: str) -> None:
    arm = load_arm(body, "right")
    points = posed(arm, hands.FLAT)
    length = sum(np.linalg.norm(points[b] - points[a]) for a, b in ((0, 9), (9, 10), (10, 11), (11, 12)))
    fore = float(np.linalg.norm(arm.joint("fore1")))
    assert 0.13 < length < 0.2
    assert 1.1 < fore / length < 1.5
    assert (length < 0.15) == (body == "child")


def test_the_left_arm_mirrors_the_right_one() -> None:
    mirror = np.array([-1.0, 1.0, 1.0])
    for flex in (hands.OPEN, hands.FIST):
        right, left = (load_arm("woman_old", s).shape(HandPose(Pose(np.zeros(3)), flex)) for s in ("right", "left"))
        hand = load_arm("woman_old", "right").hand_vertices
        np.testing.assert_allclose(left.vertices[hand] * mirror, right.vertices[hand], atol=1e-9)
        np.testing.assert_allclose(left.keypoints * mirror, right.keypoints, atol=1e-9)


@pytest.mark.parametrize("side", SIDES)
def test_the_back_of_the_hand_and_the_thumb_are_where_the_frame_says(side: str) -> None:
    arm = load_arm("man_young", side)
    local = AT.to_local(posed(arm, hands.OPEN))
    assert (local[[8, 12, 16, 20], 2] < -0.1).all()
    assert local[4, 0] * arm.sign < -0.02  # the thumb of a right hand, palm down, points left
    fist = AT.to_local(posed(arm, hands.FIST))
    assert (fist[[8, 12, 16, 20], 1] < -0.008).all()  # tips in the palm, not over the back
    assert (np.linalg.norm(fist[[8, 12, 16, 20]] - fist[9], axis=1) < 0.07).all()


@given(
    bends=st.lists(st.floats(-0.1, 1.5), min_size=12, max_size=12),
    spread=st.floats(0, 2),
    body=st.sampled_from(BODIES),
    side=st.sampled_from(SIDES),
)
@settings(max_examples=40, deadline=None)
def test_bones_keep_their_lengths_and_skin_stays_near_them(
    bends: list[float], spread: float, body: str, side: str
) -> None:
    arm = load_arm(body, side)
    flex = hands.OPEN.copy()
    flex[1:] = np.reshape(bends, (4, 3))
    shape = arm.shape(HandPose(AT, flex, spread, ELBOW))
    names = ["wrist", *(f"{f}{m}" for f in CHAINS for m in range(1, 5))]
    rest = np.array([arm.joint(n) for n in names])
    for finger in range(5):
        chain = [0, *range(1 + 4 * finger, 5 + 4 * finger)]
        now, then = (np.linalg.norm(np.diff(p[chain], axis=0), axis=1) for p in (shape.keypoints, rest))
        np.testing.assert_allclose(now, then, atol=1e-9)
    hand = shape.vertices[arm.hand_vertices]
    away = np.linalg.norm(hand[:, None] - shape.keypoints[None], axis=2).min(axis=1)
    assert away.max() < 0.06


def test_the_forearm_goes_to_the_elbow_and_the_wrist_stays() -> None:
    arm = load_arm("man_heavy", "left")
    shape = arm.shape(HandPose(AT, hands.REST, 1.0, ELBOW))
    way = (ELBOW - AT.position) / np.linalg.norm(ELBOW - AT.position)
    ring = shape.vertices[np.abs(arm.along - 0.9) < 0.05].mean(axis=0) - AT.position
    assert np.arccos(ring @ way / np.linalg.norm(ring)) < 0.12
    np.testing.assert_allclose(shape.keypoints[0], AT.position, atol=1e-12)


@given(st.lists(st.floats(-1.7, 1.7), min_size=3, max_size=3))
def test_rotation_vectors_come_back(values: list[float]) -> None:
    vector = np.array(values)
    np.testing.assert_allclose(vector_from_rotation(rotation_from_vector(vector)), vector, atol=1e-7)


def test_between_starts_and_ends_where_it_should() -> None:
    a = HandPose(AT, hands.OPEN, 1.0, ELBOW)
    b = HandPose(
        Pose(np.zeros(3), rotation_from_vector(np.array([0.0, 0.0, 2.0])) @ AT.rotation), hands.FIST, 0.0, -ELBOW
    )
    for share, end in ((0.0, a), (1.0, b)):
        pose = interpolate(a, b, share)
        np.testing.assert_allclose(pose.wrist.rotation, end.wrist.rotation, atol=1e-9)
        np.testing.assert_allclose(pose.wrist.position, end.wrist.position)
        np.testing.assert_allclose(pose.flex, end.flex)
    half = interpolate(a, b, 0.5).wrist.rotation
    assert np.linalg.norm(vector_from_rotation(AT.rotation.T @ half)) == pytest.approx(1.0)


def test_subdivision_of_a_cube_is_catmull_clarks() -> None:
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
    quads = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]], np.int32)
    finer = subdivision(quads)
    out = finer.apply(corners)
    assert len(out) == finer.count == 26
    np.testing.assert_allclose(np.abs(out[:8]), 5 / 9)  # (F + 2 R + 0 P) / 3 with F = 1/3, R = 2/3
    assert len(np.unique(finer.finer)) == 26


@pytest.mark.parametrize("flesh", appearance.FLESH)
@pytest.mark.parametrize("side", SIDES)
def test_meshes_face_outwards_and_places_fit_them(flesh: str, side: str) -> None:
    arm = load_arm("woman_heavy", side)
    shape = arm.shape(HandPose(AT, hands.REST, 1.0, ELBOW))
    worn = appearance.dress_arm(arm, "tan", "none", "long", flesh)
    places = worn.places(shape, "me")
    assert set(places) == {f"me:{name}" for name in worn.meshes}
    for name, mesh in worn.meshes.items():
        assert places[f"me:{name}"].shape == mesh.vertices.shape
        assert mesh.faces.max() < len(mesh.vertices)
        assert volume(places[f"me:{name}"], mesh.faces) > 0


@pytest.mark.parametrize("glove", appearance.GLOVES[1:])
def test_a_glove_covers_the_hand(glove: str) -> None:
    arm = load_arm("man_thin", "right")
    worn = appearance.dress_arm(arm, "light", glove, "rolled")
    rest = worn.meshes["glove"].vertices
    hand = arm.skin.rest[arm.hand_vertices]
    outward = appearance.normals(arm.skin.rest, arm.faces)[arm.hand_vertices]
    near = np.array([np.argmin(((rest - p) ** 2).sum(axis=1)) for p in hand[::25]])
    over = ((rest[near] - hand[::25]) * outward[::25]).sum(axis=1)
    assert over.min() > 0
    assert np.median(over) < 0.004
    assert worn.meshes["skin"].vertices[:, 2].min() > rest[:, 2].min() + 0.1  # no fingers below it


@pytest.mark.parametrize("sleeve", appearance.SLEEVES[1:])
def test_a_sleeve_is_outside_of_the_skin_it_covers(sleeve: str) -> None:
    arm = load_arm("man_heavy", "left")
    shape = arm.shape(HandPose(AT, hands.REST, 1.0, ELBOW))
    worn = appearance.dress_arm(arm, "dark", "none", sleeve)
    cloth = worn.places(shape, "me")["me:sleeve"]
    start = {"long": 0.2, "rolled": 0.7, "short": 1.3}[sleeve]
    covered = shape.vertices[(arm.along > start) & (arm.along < 0.8 if sleeve != "short" else arm.along < 1.5)]
    faces = worn.meshes["sleeve"].faces
    middle = cloth[faces].mean(axis=1)
    a, b, c = cloth[faces].transpose(1, 0, 2)
    out = np.cross(b - a, c - a)
    for p in covered[::9]:
        nearest = int(np.argmin(((middle - p) ** 2).sum(axis=1)))
        assert (p - middle[nearest]) @ out[nearest] / np.linalg.norm(out[nearest]) < 0.001


def test_what_does_not_exist_is_refused() -> None:
    arm = load_arm("child", "left")
    with pytest.raises(ValueError, match="sleeve"):
        appearance.dress_arm(arm, "light", "none", "cape")
    with pytest.raises(KeyError):
        load_arm("child", "middle")
    with pytest.raises(KeyError):
        load_arm("giant", "left")
