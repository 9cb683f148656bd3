"""Grips on simple solids and on the world's things: they touch, and never go in."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from simworld.body.closing import backing_distance_m, sample_on_grid
from simworld.body.grasp import MAX_BEND_RAD, MAX_DEPTH_M, TOUCH_M, Grasp, carry_hand, elbow_for, find_grasp
from simworld.body.hands import Arm, HandPose, load_arm, rotation_from_vector
from simworld.rotations import unit
from simworld.scene_types import Floats, Material, Pose, Thing
from simworld.scenery import things
from simworld.scenery.shapes import Solid, box, lathe

HELD = (
    ("cylinder", "side"), ("cylinder", "top"), ("cube", "top"), ("cube", "pinch"),
    ("mug", "side"), ("can", "side"), ("bottle", "side"), ("jar", "side"), ("cup", "side"), ("box", "side"),
    ("ball", "top"), ("block", "top"), ("block", "pinch"), ("box", "top"), ("sponge", "flat"), ("cloth", "flat"),
    ("book", "flat"), ("lid", "rim"), ("knob", "rim"), ("drawer", "handle"),
)  # fmt: skip
ARMS = (("man_young", "right"), ("woman_young", "left"), ("child", "right"))


def thing_of(solid: Solid) -> Thing:
    x, y, z = (solid.vertices.max(axis=0) - solid.vertices.min(axis=0)).tolist()
    return Thing("thing", "red", (solid.mesh(Material((0.5, 0.5, 0.5))),), solid.distance, (x, y, z))


CYLINDER = thing_of(lathe(np.array([[0, 0], [0.033, 0], [0.033, 0.11], [0, 0.11]], float), 40))
CUBE = thing_of(box((0.05, 0.05, 0.05), 0.002))


@cache
def held(kind: str, how: str, body: str, side: str) -> tuple[Grasp, Thing, Pose]:
    """A grip on a thing where the tasks put it."""
    thing = {"cylinder": CYLINDER, "cube": CUBE}.get(kind) or things.make_thing(kind, "red")
    arm = load_arm(body, side)
    at = Pose(
        np.array([0.06 * arm.sign, 0.26, things.CABINET_FOOT_M] if kind == "drawer" else [0.06 * arm.sign, 0.02, 0.0])
    )
    reach = at.position + np.array([0.06 * arm.sign, -0.26 if kind == "drawer" else -0.12, 0.08])
    return find_grasp(arm, thing, at, how, elbow_for(reach, side, "wearer")), thing, at


def skin_m(arm: Arm, pose: HandPose, thing: Thing, at: Pose) -> Floats:
    return thing.distance_from(arm.shape(pose).vertices[arm.hand_vertices], at)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "how", "body", "side"),
    [(*pair, *ARMS[(i + k) % 3]) for i, pair in enumerate(HELD) for k in range(1 + (i < 4))],
)
def test_a_grip_touches_and_goes_nowhere_in(kind: str, how: str, body: str, side: str) -> None:
    found, thing, at = held(kind, how, body, side)
    arm = load_arm(body, side)
    apart = skin_m(arm, found.closed, thing, at)
    assert found.touches
    assert apart.min() > -MAX_DEPTH_M
    assert skin_m(arm, found.open, thing, at).min() > -MAX_DEPTH_M
    touching = [f for f in range(5) if apart[arm.finger_of == f].min() < TOUCH_M]
    palm = apart[arm.finger_of == -1].min() < TOUCH_M
    if how == "flat":
        assert len(touching) + palm >= 2
    else:
        assert 0 in touching
        assert len(touching) >= 2
    assert found.closed.elbow is not None
    fore = unit(found.closed.wrist.position - found.closed.elbow)
    assert np.arccos(fore @ -found.closed.wrist.rotation[:, 2]) <= MAX_BEND_RAD


@pytest.mark.slow
def test_a_hand_holds_a_cylinder_from_opposite_sides() -> None:
    found, _, at = held("cylinder", "side", "man_young", "right")
    arm = load_arm("man_young", "right")
    skin = at.to_local(arm.shape(found.closed).vertices[arm.hand_vertices])[:, :2]
    touching = skin[CYLINDER.distance_from(arm.shape(found.closed).vertices[arm.hand_vertices], at) < TOUCH_M]
    ways = touching / np.linalg.norm(touching, axis=1, keepdims=True)
    assert (ways @ ways.T).min() < -0.3
    assert (found.closed.flex[1:3].sum(axis=1) > found.open.flex[1:3].sum(axis=1) + 0.5).all()


def test_a_thing_too_large_is_left_alone() -> None:
    arm, at = load_arm("child", "right"), Pose(np.array([0.05, 0.1, 0.0]))
    wall = thing_of(box((0.4, 0.4, 0.3), 0.01))
    found = find_grasp(arm, wall, at, "top", elbow_for(np.array([0.1, 0.0, 0.35]), "right", "wearer"))
    assert not found.touches
    assert skin_m(arm, found.closed, wall, at).min() > 0


def test_an_unknown_grip_is_refused() -> None:
    with pytest.raises(ValueError, match="side, top, pinch"):
        find_grasp(load_arm("child", "left"), CUBE, Pose(np.zeros(3)), "bite", np.array([0.2, -0.3, 0.1]))


@pytest.mark.slow
def test_a_grip_is_the_same_each_time_and_round() -> None:
    first, thing, at = held("cube", "pinch", "man_young", "right")
    again = find_grasp(load_arm("man_young", "right"), thing, at, "pinch", first.open.elbow)  # type: ignore[arg-type]
    np.testing.assert_array_equal(first.closed.flex, again.closed.flex)
    np.testing.assert_array_equal(first.closed.wrist.position, again.closed.wrist.position)
    np.testing.assert_allclose(first.closed.wrist.position, np.round(first.closed.wrist.position, 5), atol=1e-12)


@pytest.mark.slow
def test_a_carried_thing_keeps_its_grip() -> None:
    found, thing, at = held("can", "side", "woman_young", "left")
    arm = load_arm("woman_young", "left")
    to = Pose(np.array([-0.1, 0.2, 0.15]), rotation_from_vector(np.array([0.3, -0.2, 0.9])))
    before = skin_m(arm, found.closed, thing, at)
    moved = carry_hand(found, at, to)
    elbow = to.to_world(at.to_local(found.closed.elbow[None]))[0]  # type: ignore[index]
    after = skin_m(arm, HandPose(moved.wrist, moved.flex, moved.spread, elbow), thing, to)
    fingers = arm.finger_of >= 0  # the wrist's skin follows the forearm, whose twist is counted from the vertical
    np.testing.assert_allclose(after[fingers], before[fingers], atol=3e-3)
    assert np.median(np.abs(after[fingers] - before[fingers])) < 1e-9


@pytest.mark.parametrize("person", ["wearer", "other"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_elbows_are_outwards_and_above_the_table(person: str, side: str) -> None:
    outwards = (1 if side == "right" else -1) * (1 if person == "wearer" else -1)
    wrist = np.array([0.05 * outwards, 0.0 if person == "wearer" else 0.3, 0.1])
    elbow = elbow_for(wrist, side, person)
    assert elbow[0] * outwards > wrist[0] * outwards
    assert elbow[2] > 0.04
    assert (elbow[1] < wrist[1]) == (person == "wearer")


def test_a_grid_reads_like_its_field() -> None:
    def ball(points: Floats) -> Floats:
        return np.linalg.norm(points, axis=1) - 0.03

    read = sample_on_grid(ball, np.full(3, -0.05), np.full(3, 0.05), 0.004)
    points = np.random.default_rng([7]).uniform(-0.05, 0.05, (500, 3))
    assert np.abs(read(points) - ball(points))[np.linalg.norm(points, axis=1) > 0.02].max() < 2e-4
    assert backing_distance_m(ball, np.zeros((1, 3)), np.array([0.0, 0.0, 1.0]), 0.1, 0.001) == pytest.approx(
        0.031, abs=3e-4
    )
    assert backing_distance_m(ball, np.zeros((1, 3)), np.array([0.0, 0.0, 1.0]), 0.02, 0.001) is None
