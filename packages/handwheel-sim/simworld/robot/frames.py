"""Frames of an attempt: where the robot's base, its head's camera and the goal are, in the base and in the world."""

from __future__ import annotations

import numpy as np

from simworld.robot.plan import AttemptPlan
from simworld.scene_types import Camera, Lens, Pose

# The robot stands where a wearer would: its x is the world's y.
BASE = Pose(np.array([0.0, -0.24, 0.0]), np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]))


def camera(plan: AttemptPlan) -> Camera:
    """The head's camera in the base's frame."""
    eye, at = np.array(plan.head_m), np.array(plan.look_at_m)
    forward = (at - eye) / np.linalg.norm(at - eye)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(forward, right), forward], axis=1)
    return Camera(Lens(plan.width_px, plan.height_px, plan.focal_px), Pose(eye, axes))


def head_camera(plan: AttemptPlan) -> Camera:
    """The head's camera in the world."""
    own = camera(plan)
    return Camera(own.lens, in_world(own.pose))


def in_world(pose: Pose) -> Pose:
    """A pose of the robot's base's frame, in the world's."""
    return Pose(BASE.rotation @ pose.position + BASE.position, BASE.rotation @ pose.rotation)


def goal_pose(plan: AttemptPlan) -> Pose:
    """Of the square or plate in the base's frame, its foot on the table."""
    c, s = np.cos(plan.goal.yaw_rad), np.sin(plan.goal.yaw_rad)
    return Pose(np.array([plan.goal.x_m, plan.goal.y_m, 0.0]), np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]]))
