"""Oopsie Data's rollouts, written as its makers' own fixtures are: values, words, who gave the outcome."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pipelines.sources.logs.base import LogOptions
from pipelines.sources.logs.oopsie import KIND
from tests.support.hdf5_logs import attempts_of, left_out
from tests.support.robot_logs import write_video

JOINTS = [f"j{i}" for i in range(1, 8)]
PROFILE = {
    "policy_name": "pi0", "robot_name": "franka arm", "is_biarm": False, "uses_mobile_base": False,
    "gripper_name": "robotiq", "control_freq": 10, "camera_names": ["front"],
    "robot_state_keys": ["joint_position", "gripper_position"], "robot_state_joint_names": JOINTS,
    "action_space": ["joint_velocity", "gripper_position"], "action_joint_names": JOINTS,
    "orientation_representation": None, "controller": None, "gains": None, "intrinsic_calibration_matrix": None,
    "extrinsic_calibration_matrix": None,
}  # fmt: skip
EMPTY = ("cartesian_position", "cartesian_velocity", "joint_position", "base_position", "base_velocity",
         "gripper_velocity", "gripper_binary")  # fmt: skip
Vote = tuple[str, dict[str, Any]]


def vote(
    who: str, outcome: str, source: str = "human", categories: tuple[str, ...] = (), key: str = "side_effect_category"
) -> Vote:
    """As annotation_schema.py writes it, lines 240-268 at 3ec9e53; at 60f3732 the key was failure_category."""
    taxonomy = {"outcome": outcome, key: list(categories), "severity": "low"}
    return who, {
        "schema": "oopsie_failure_taxonomy_v2", "source": source, "timestamp": "2026-04-21T10:00:00+00:00",
        "episode_description": "", "taxonomy_schema": "oopsiedata_taxonomy_schema_v2", "additional_notes": "",
        "success": float(outcome != "failure"), "taxonomy": json.dumps(taxonomy),
    }  # fmt: skip


def first_vote(success: float, *categories: str) -> Vote:
    """An annotation of the first taxonomy: test/fixtures/make_valid.py, lines 168-200 at 60f3732."""
    return "ann", {
        "schema": "oopsie_failure_taxonomy_v1", "source": "human", "timestamp": "2026-04-21T10:00:00+00:00",
        "success": success, "failure_description": "It slipped.", "taxonomy_schema": "oopsiedata_taxonomy_schema_v1",
        "taxonomy": json.dumps({"failure_category": list(categories), "severity": ""}), "additional_notes": "",
    }  # fmt: skip


def write(folder: Path, stem: str = "20260421_100000", votes: tuple[Vote, ...] = (), frames: int = 20) -> Path:
    """As oopsie-data/oopsie-data-tools at 60f3732 does: test/fixtures/make_valid.py, lines 43-140.

    Arrays are float64 (T, D); an action that the profile does not declare is empty; a path is relative to the file.
    """
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(1)
    with h5py.File(folder / f"{stem}.h5", "w") as file:
        file.attrs.update(
            schema="oopsiedata_format_v1", episode_id=f"lab one/{stem}", lab_id="lab", operator_name="o",
            language_instruction="pick up the block", robot_profile=json.dumps(PROFILE), timestamp=1776765600.0,
        )  # fmt: skip
        file.create_dataset("observations/video_paths/front", data=f"{stem}_front.mp4", dtype=h5py.string_dtype())
        file["observations/robot_states/joint_position"] = rng.normal(size=(20, 7))
        file["observations/robot_states/gripper_position"] = rng.normal(size=(20, 1))
        file["actions/joint_velocity"] = rng.normal(size=(20, 7))
        file["actions/gripper_position"] = rng.normal(size=(20, 1))
        for name in EMPTY:
            file[f"actions/{name}"] = h5py.Empty(np.float64)
        for who, attributes in votes:
            file.create_group(f"episode_annotations/{who}").attrs.update(attributes)
    write_video(folder / f"{stem}_front.mp4", frames)
    return folder / f"{stem}.h5"


@pytest.mark.slow
def test_every_value_is_the_files_own(tmp_path: Path) -> None:
    path = write(tmp_path)
    write(tmp_path, "20260421_100000_2")
    log = attempts_of(KIND, tmp_path)["20260421_100000", "lab_one_20260421_100000"]
    with h5py.File(path) as file:
        own: Any = file
        for group, array, names in (
            ("observations/robot_states", log.states, PROFILE["robot_state_keys"]),
            ("actions", log.actions, PROFILE["action_space"]),
        ):
            assert isinstance(names, list)
            assert np.array_equal(array, np.concatenate([own[f"{group}/{n}"][()] for n in names], 1).astype(np.float32))
    assert (log.fps_hz, log.embodiment, log.policy_id) == (10, "franka_arm", "pi0")
    assert (log.instruction, log.collect_mode, log.outcome) == ("pick up the block", "autonomous", "unknown")
    items = list(KIND.list(str(tmp_path), LogOptions()))
    assert [[Path(m.uri).name for m in item.media] for item in items] == [
        ["20260421_100000_front.mp4"],
        ["20260421_100000_2_front.mp4"],
    ]


@pytest.mark.parametrize(
    ("votes", "outcome", "blamed", "notes"),
    [
        ((vote("ann", "success_side_effect"),), ("success", "human"), None, []),
        ((vote("ann", "failure", categories=("grasp", "collision")),), ("failure", "human"), "grasp", []),
        (
            (vote("ann", "failure", categories=("collision",), key="failure_category"),),
            ("failure", "human"),
            "collision",
            [],
        ),
        ((vote("gpt", "failure", "model"), vote("ann", "success")), ("success", "human"), None, []),
        ((vote("gpt", "failure", "model"),), ("failure", "vlm"), None, []),
        ((vote("ann", "failure"), vote("bo", "success")), ("unknown", None), None, ["labels_disagree"]),
        ((first_vote(0.7),), ("success", "human"), None, []),
        ((first_vote(0.0, "Grasp failure (at contact)", "Other"),), ("failure", "human"), "grasp", []),
        ((first_vote(0.0, "of its own"),), ("failure", "human"), "of its own", []),
        ((("ann", {"source": "human", "taxonomy": ""}),), ("unknown", None), None, []),
    ],
)
@pytest.mark.slow
def test_who_gave_the_outcome(
    tmp_path: Path, votes: tuple[Vote, ...], outcome: tuple[str, str | None], blamed: str | None, notes: list[str]
) -> None:
    write(tmp_path, votes=votes)
    (log,) = attempts_of(KIND, tmp_path).values()
    assert (log.outcome, log.outcome_source) == outcome
    assert (log.failure_mode, [n.code for n in log.notes]) == (blamed, notes)


@pytest.mark.slow
def test_what_is_left_out_says_why(tmp_path: Path) -> None:
    path = write(tmp_path)
    with h5py.File(path, "a") as file:
        file["observations/video_paths/wrist"] = "../../elsewhere.mp4"
    name = "lab_one_20260421_100000"
    assert left_out(KIND, tmp_path) == [(f"{name}/camera wrist", "missing_camera")]
    (tmp_path / "20260421_100000_front.mp4").unlink()
    assert left_out(KIND, tmp_path) == [("20260421_100000.h5", "missing_video")]
    with h5py.File(path, "a") as file:
        file.attrs["schema"] = "another"
    assert left_out(KIND, tmp_path) == [("20260421_100000.h5", "other_format")]


def test_a_picture_that_the_encoder_shows_again_is_no_rows(tmp_path: Path) -> None:
    """The fold takes 21 frames for 20 rows."""
    write(tmp_path, frames=21)
    (log,) = attempts_of(KIND, tmp_path).values()
    assert [c.spare_frames for c in log.cameras] == [1]
