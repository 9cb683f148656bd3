"""Writes an attempt as a plain log: what the robot itself can know. pipelines/sources/logs/plain_log.py tells the
fields."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from simworld.robot.attempt import ACTION_NAMES, STATE_NAMES, Attempt
from simworld.robot.frames import camera
from simworld.robot.plan import CAMERA, EMBODIMENT, AttemptPlan
from simworld.robot.words import instruction
from simworld.scene_types import Pose

_HUMAN = 1.0  # confidence of a person's label


def write(folder: Path, name: str, attempt: Attempt, **more: Any) -> Path:
    """`<name>.jsonl`, to lie beside `<name>.mp4`; renamed into place, so that a log that is there is whole.

    `more` goes into the header and outranks what stands there, as trained_on="2026-11-22.1".
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = [header(name, attempt) | more, *steps(attempt)]
    partial = folder / f".{name}.jsonl"
    partial.write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    return partial.rename(folder / f"{name}.jsonl")


def header(name: str, attempt: Attempt) -> dict[str, Any]:
    """The log's first line."""
    plan = attempt.plan
    fields: dict[str, Any] = {
        "episode": name,
        "robot": EMBODIMENT,
        "robot_id": plan.robot,
        "scene": plan.scene,
        "task": instruction(plan),
        "policy": plan.policy,
        "trained_on": plan.trained_on,
        "collect_mode": plan.collect_mode,
        "seed": plan.seed,
        "generation": plan.generation,
        "fps": plan.fps_hz,
        "camera": CAMERA,
        "calibration": calibration(plan),
        "state_names": list(STATE_NAMES),
        "action_names": list(ACTION_NAMES),
        **outcome(attempt),
    }
    return {key: value for key, value in fields.items() if value is not None}


def outcome(attempt: Attempt) -> dict[str, Any]:
    """What the log says of the end: a person's label, the robot's own sensors, or nothing.

    A person sees what happened; the sensors do not always. Neither knows a cause: the sensors tell what they missed.
    """
    label = attempt.plan.label
    if label == "none":
        return {}
    if label == "human":
        value, confidence = "success" if attempt.success else "failure", _HUMAN
    else:
        value, confidence = attempt.believed, attempt.confidence
    ending = {"outcome": {"value": value, "source": label, "confidence": confidence}}
    if value == "success":
        return ending
    frame_is_known = label == "human" and attempt.failure_step is not None
    blamed = attempt.blamed or "block_not_at_goal"
    return ending | {"failure_mode": blamed} | ({"failure_frame": attempt.failure_step} if frame_is_known else {})


def calibration(plan: AttemptPlan) -> dict[str, Any]:
    """The head camera as the robot believes it to be: a biased policy has it wrong by its bias.

    px of a pinhole without distortion; camera_to_base is 4x4, row by row, in m, of OpenCV's axes in the base's frame.
    """
    lens, pose = camera(plan).lens, camera(plan).pose
    believed = Pose(pose.position + np.array([*plan.fault.bias_m, 0.0]), pose.rotation)
    rows = [[*believed.rotation[i], believed.position[i]] for i in range(3)] + [[0.0, 0.0, 0.0, 1.0]]
    return {
        CAMERA: {
            "fx": lens.focal_px,
            "fy": lens.focal_px,
            "cx": lens.width_px / 2,
            "cy": lens.height_px / 2,
            "width_px": lens.width_px,
            "height_px": lens.height_px,
            "camera_to_base": [[round(float(v), 6) for v in row] for row in rows],
        }
    }


def steps(attempt: Attempt) -> list[dict[str, Any]]:
    """The log's other lines."""
    return [
        {
            "t": float(t_s),
            "phase": attempt.phases[k],
            "state": attempt.states[k].tolist(),
            "action": attempt.commanded[k].tolist(),
            "action_executed": attempt.executed[k].tolist(),
            "reward": float(attempt.reward[k]),
            "done": bool(attempt.done[k]),
            "intervention": bool(attempt.intervention[k]),
        }
        for k, t_s in enumerate(attempt.t_s)
    ]
