"""The arm, its blocks and a room as a scene of the renderer, and an attempt's steps as its moments."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import numpy as np

from simworld.robot import so101
from simworld.robot.attempt import Attempt
from simworld.robot.frames import goal_pose, head_camera, in_world
from simworld.robot.plan import OTHER_HALF_M, PLATE_HEIGHT_M, PLATE_RADIUS_M, AttemptPlan
from simworld.scene_types import CameraSettings, Floats, Ints, Material, Mesh, Moment, Pose, Rgb, Scene
from simworld.scenery import rooms, things
from simworld.scenery.shapes import axis_rotation, box, lathe, round_corners

PRINTS: dict[str, Rgb] = {"so101_0": (0.62, 0.36, 0.035), "so101_1": (0.66, 0.66, 0.64), "so101_2": (0.6, 0.16, 0.03)}
_MOTOR = Material((0.022, 0.022, 0.025), roughness=0.35)
_EXPOSURES = {"dim": 2.0, "evening": 1.15, "lamp": 1.15, "window": 1.0, "ceiling": 0.95}
_CELL_M = 0.0012  # vertices in one such cube become one: 160,000 triangles of STL are 50,000
_SLIVER_M2 = 1e-10
_CLUTTER = ("mug", "can", "box", "bottle", "bowl", "jar", "book", "sponge", "cup", "spoon", "ball")
_CLUTTER_COUNT = (5, 9)
# Where clutter stands in the world, clear of the arm: x0, x1, y0, y1.
_CLUTTER_AREAS = ((-0.62, -0.34, -0.25, 0.24), (0.34, 0.62, -0.25, 0.24), (-0.5, 0.5, 0.17, 0.24))


def make_scene(plan: AttemptPlan, attempt: Attempt) -> Scene:
    """The attempt's scene. Moving: arm-<body>-print, arm-<body>-motor, block and, where one is stacked on, other."""
    rng = np.random.default_rng([plan.seed, 104, plan.index])
    room = rooms.make_room(plan.room, plan.light, rng)
    arm = _paint(PRINTS[plan.robot])
    still = [mesh for name, mesh in arm.items() if name.startswith("arm-base")]
    at = in_world(Pose(np.zeros(3)))
    moving = {name: mesh for name, mesh in arm.items() if not name.startswith("arm-base")}
    moving["block"] = _cube(plan.block.half_m, plan.block.colour)
    if "other" in attempt.things:
        moving["other"] = _cube(OTHER_HALF_M, plan.goal.colour)
    return Scene(room, (*rooms.place_meshes(tuple(still), at), *_goal(plan), *_clutter(rng)), moving)


def moment_of_step(attempt: Attempt, k: int) -> Moment:
    """Where everything is at logged step k."""
    places: dict[str, Pose | Floats] = {}
    for i, body in enumerate(so101.BODIES):
        pose = _pose(attempt.bodies[k, i])
        places |= dict.fromkeys(_names(body), pose)
    places |= {name: _pose(rows[k]) for name, rows in attempt.things.items()}
    return Moment(head_camera(attempt.plan), places)


def _pose(rows: Floats) -> Pose:
    return in_world(Pose(rows[:, 3], rows[:, :3]))


def _names(body: str) -> tuple[str, ...]:
    return tuple(name for name in _arm() if name.rsplit("-", 1)[0] == f"arm-{body}")


def _paint(print_colour: Rgb) -> dict[str, Mesh]:
    plastic = Material(print_colour, roughness=0.42)
    return {name: replace(mesh, material=plastic) if name.endswith("print") else mesh for name, mesh in _arm().items()}


@functools.lru_cache(maxsize=1)
def _arm() -> dict[str, Mesh]:
    """Meshes of the arm's bodies in their own frames, motors apart from printed parts."""
    import mujoco

    model = so101.bare_model()
    parts: dict[str, list[tuple[Floats, Ints]]] = {}
    for g in range(model.ngeom):
        if model.geom_type[g] != mujoco.mjtGeom.mjGEOM_MESH or model.geom_contype[g]:
            continue
        kind = "motor" if "sts3215" in model.mesh(model.geom_dataid[g]).name else "print"
        name = f"arm-{model.body(model.geom_bodyid[g]).name}-{kind}"
        parts.setdefault(name, []).append(_geom(model, g))
    return {name: _concatenate(some, _MOTOR) for name, some in parts.items()}


def _geom(model: Any, g: int) -> tuple[Floats, Ints]:
    """A mesh's vertices in its body's frame, and its faces, thinned out."""
    import mujoco

    mesh = model.geom_dataid[g]
    start, count = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
    first, faces = model.mesh_faceadr[mesh], model.mesh_facenum[mesh]
    rotation = np.empty(9)
    mujoco.mju_quat2Mat(rotation, model.geom_quat[g])
    own = model.mesh_vert[start : start + count].astype(np.float64)
    vertices = own @ rotation.reshape(3, 3).T + model.geom_pos[g]
    return thin_mesh(vertices, model.mesh_face[first : first + faces], _CELL_M)


def thin_mesh(vertices: Floats, faces: Ints, cell_m: float) -> tuple[Floats, Ints]:
    """The mesh with each cube of space's vertices as one, their mean; triangles that collapse are gone."""
    cells = np.floor(vertices / cell_m).astype(np.int64)
    _, owner, count = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    owner = owner.reshape(-1)
    means = np.stack([np.bincount(owner, vertices[:, k]) for k in range(3)], axis=1) / count[:, None]
    thin_faces = owner[faces]
    whole = (
        (thin_faces[:, 0] != thin_faces[:, 1])
        & (thin_faces[:, 1] != thin_faces[:, 2])
        & (thin_faces[:, 2] != thin_faces[:, 0])
    )
    thin_faces = thin_faces[whole]
    _, first = np.unique(np.sort(thin_faces, axis=1), axis=0, return_index=True)
    thin_faces = thin_faces[np.sort(first)]
    a, b, c = (means[thin_faces[:, k]] for k in range(3))
    flat = np.linalg.norm(np.cross(b - a, c - a), axis=1) < _SLIVER_M2
    return means, thin_faces[~flat].astype(np.int32)


def _concatenate(some: list[tuple[Floats, Ints]], material: Material) -> Mesh:
    starts = np.cumsum([0, *(len(v) for v, _ in some)])
    faces = [f + start for (_, f), start in zip(some, starts, strict=False)]
    return Mesh(np.concatenate([v for v, _ in some]), np.concatenate(faces).astype(np.int32), material, smooth=False)


def _cube(half_m: float, colour: str) -> Mesh:
    """In the frame of its centre."""
    solid = box((2 * half_m,) * 3, 0.0025).at((0, 0, -half_m))
    return solid.mesh(Material(things.COLOURS[colour], roughness=0.4))


def _goal(plan: AttemptPlan) -> tuple[Mesh, ...]:
    """The square of paper or the plate, in the world."""
    spot = plan.goal
    if spot.kind == "square":
        solid = box((2 * spot.half_m, 2 * spot.half_m, 0.0008), 0.0003, 1)
    elif spot.kind == "plate":
        rim = [(0, PLATE_HEIGHT_M), (PLATE_RADIUS_M, PLATE_HEIGHT_M, 0.002), (PLATE_RADIUS_M - 0.004, 0, 0.001), (0, 0)]
        solid = lathe(round_corners(rim[::-1]), 56)
    else:
        return ()
    return rooms.place_meshes(
        (solid.mesh(Material(things.COLOURS[spot.colour], roughness=0.5)),), in_world(goal_pose(plan))
    )


def _clutter(rng: np.random.Generator) -> tuple[Mesh, ...]:
    """Things that stand about, apart from each other."""
    out: list[Mesh] = []
    footprints: list[tuple[Floats, float]] = []
    for _ in range(int(rng.integers(*_CLUTTER_COUNT))):
        thing = things.make_thing(str(rng.choice(_CLUTTER)), str(rng.choice(list(things.COLOURS))))
        wide = float(np.hypot(*thing.size[:2])) / 2
        x0, x1, y0, y1 = _CLUTTER_AREAS[int(rng.integers(len(_CLUTTER_AREAS)))]
        place, turn = rng.uniform((x0, y0), (x1, y1)), rng.uniform(0, 2 * np.pi)
        if all(np.linalg.norm(place - other) > wide + radius + 0.01 for other, radius in footprints):
            footprints.append((place, wide))
            out += rooms.place_meshes(thing.meshes, Pose(np.array([*place, 0.0]), axis_rotation("z", turn)))
    return tuple(out)


def camera_settings(plan: AttemptPlan) -> CameraSettings:
    """How the head's camera records in the plan's light: its exposure follows the light most of the way."""
    return CameraSettings(exposure=_EXPOSURES.get(plan.light, 1.0), noise=0.012, shutter=0.0)
