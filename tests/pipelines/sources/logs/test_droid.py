"""DROID, raw and as Ctrl-World labels it: the files' own values, labels of people, pictures at their steps."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pipelines.sources.logs import droid_ctrlworld, droid_raw
from pipelines.sources.logs.base import BadEpisode, LogOptions
from schemas.spans import NS
from tests.support.hdf5_logs import attempts_of, left_out, parts_of
from tests.support.robot_logs import write_video

UUID = "AUTOLab+5d05c5aa+2023-07-07-09h-42m-23s"


def write_ctrlworld(root: Path, split: str, number: int, rows: int, success: int = 1, text: str = "") -> dict[str, Any]:
    """As dataset_example/droid_subset of Ctrl-World has it: rows at 15 Hz, pictures and `states` of every third."""
    rng = np.random.default_rng(number)
    widths = {"observation.state.joint_position": 7, "observation.state.cartesian_position": 6,
              "action.joint_position": 7, "action.cartesian_position": 6, "action.joint_velocity": 7}  # fmt: skip
    fields: dict[str, Any] = {name: rng.normal(size=(rows, width)).tolist() for name, width in widths.items()}
    for name in ("observation.state.gripper_position", "action.gripper_position"):
        fields[name] = rng.random(rows).tolist()
    poses = [
        [*pose, grip]
        for pose, grip in zip(
            fields["observation.state.cartesian_position"], fields["observation.state.gripper_position"], strict=True
        )
    ]
    fields |= {"texts": [text], "episode_id": number, "success": success, "raw_length": rows, "states": poses[::3]}
    place = root / f"annotation/{split}/{number}.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(fields))
    for camera in range(3):
        write_video(root / f"videos/{split}/{number}/{camera}.mp4", 2)
    return fields


def test_labelled_steps_are_the_rows_that_have_a_picture(tmp_path: Path) -> None:
    fields = write_ctrlworld(tmp_path, "train", 1, 10, text="Put the block in the bowl")
    write_ctrlworld(tmp_path, "val", 1, 9, success=0)
    attempts = attempts_of(droid_ctrlworld.KIND, tmp_path)
    log, other = attempts["1", "train_1"], attempts["1", "val_1"]
    parts = [fields[n] for n in ("observation.state.joint_position", "observation.state.cartesian_position")]
    own = np.concatenate([*parts, np.array(fields["observation.state.gripper_position"])[:, None]], axis=1)
    assert np.array_equal(log.states, own[::3].astype(np.float32))
    assert log.t_ns.tolist() == [0, 200_000_000, 400_000_000, 600_000_000]
    assert log.state_names[6:14:7] == ("joint_position.6", "gripper_position.0")
    assert (log.outcome, log.outcome_source, log.instruction, log.split) == (
        "success", "human", "Put the block in the bowl", "train",
    )  # fmt: skip
    assert (other.outcome, other.instruction, other.split) == ("failure", None, "val")
    camera = log.cameras[0]
    assert [c.camera for c in log.cameras] == ["left", "right", "wrist"]
    assert (camera.frame_stamps_ns, camera.end_ns, log.fps_hz) == (None, 4 * NS // 5, 5)
    assert [(n.code, n.detail) for n in log.notes] == [
        ("rows_without_pictures", "6 of 10 rows have no picture, and are left out")
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda f: f["states"].pop(), "video_mismatch"),
        (lambda f: f["states"][1].__setitem__(0, 9.0), "video_mismatch"),
        (lambda f: f["action.joint_position"].pop(), "length_mismatch"),
        (lambda f: f["observation.state.joint_position"][2].pop(), "ragged_rows"),
        (lambda f: f.update(raw_length=11), "length_mismatch"),
        (lambda f: f.pop("raw_length"), "other_format"),
    ],
)
def test_a_labelled_attempt_that_contradicts_itself_says_how(
    tmp_path: Path, change: Callable[[dict[str, Any]], Any], reason: str
) -> None:
    fields = write_ctrlworld(tmp_path, "train", 1, 10)
    change(fields)
    (tmp_path / "annotation/train/1.json").write_text(json.dumps(fields))
    assert left_out(droid_ctrlworld.KIND, tmp_path) == [("1.json", reason)]


def metadata_of(place: str, serials: dict[str, str], count: int) -> dict[str, Any]:
    """postprocessing/schema.py, lines 97-142; paths are below the laboratory's folder (svo2mp4.py, lines 129-138)."""
    lab, _, within = place.partition("/")
    return {
        "uuid": UUID, "lab": lab, "user": "Some One", "user_id": "5d05c5aa", "date": "2023-07-07",
        "timestamp": "2023-07-07-09h-42m-23s", "hdf5_path": f"{within}/trajectory.h5", "building": "Lab", "scene_id": 7,
        "success": True, "robot_serial": "fr3-295341", "droid_version": "1.1", "current_task": "Move object",
        "trajectory_length": count, **{f"{role}_cam_serial": serial for role, serial in serials.items()},
        **{f"{role}_cam_extrinsics": [0.1] * 6 for role in serials},
        **{f"{role}_mp4_path": f"{within}/recordings/MP4/{serial}.mp4" for role, serial in serials.items()},
    }  # fmt: skip


def write_raw(root: Path, place: str = "AUTOLab/success/2023-07-07/Fri_Jul__7_09:42:23_2023", count: int = 8) -> Path:
    """As droid-dataset/droid at 1548722 writes it.

    droid/trajectory_utils/trajectory_writer.py, lines 14-44 (a row a step of every number of the step's dict; a list is
    an array of its own dtype, a float or an int has its own); misc.py, lines 68-115 (a step: the clock in ms,
    skip_action where the person holds the controller still); robot_env.py, lines 108-134 (observation);
    franka/robot.py, lines 158-245 (robot_state, action); user_interface/data_collector.py, lines 72-114 (attributes);
    postprocessing/parse.py, lines 102-112, util/svo2mp4.py, line 19 (films).
    """
    folder = root / place
    folder.mkdir(parents=True)
    rng = np.random.default_rng(count)
    serials = {"wrist": "13", "ext1": "22", "ext2": "24"}
    with h5py.File(folder / "trajectory.h5", "w") as file:
        file.attrs.update(
            user="Some One", current_task="Move object", building="Lab", scene_id=7, time=folder.name,
            robot_serial_number="fr3-295341", version_number="1.1", success=True, failure=False, movement_enabled=False,
            controller_on=True,
        )  # fmt: skip
        for name, width in (("joint_positions", 7), ("joint_velocities", 7), ("cartesian_position", 6)):
            file[f"observation/robot_state/{name}"] = rng.normal(size=(count, width))
        file["observation/robot_state/gripper_position"] = rng.random(count)
        file["observation/robot_state/prev_command_successful"] = np.ones(count, bool)
        for name, width in (("joint_position", 7), ("cartesian_position", 6), ("joint_velocity", 7)):
            file[f"action/{name}"] = rng.normal(size=(count, width))
        file["action/robot_state/joint_positions"] = rng.normal(size=(count, 7))
        for name in ("gripper_position", "gripper_velocity"):
            file[f"action/{name}"] = rng.random(count)
        for i, name in enumerate(("step_start", "policy_start", "sleep_start", "control_start", "step_end")):
            file[f"observation/timestamp/control/{name}"] = 1688748143000 + i + np.arange(count) * 67
        file["observation/timestamp/skip_action"] = np.arange(count) < 2
        for name in ("success", "failure", "movement_enabled", "controller_on"):
            file[f"observation/controller_info/{name}"] = np.zeros(count, bool)
        for i, serial in enumerate(serials.values()):
            file[f"observation/camera_type/{serial}"] = np.full(count, min(i, 1))
            for eye in ("left", "right"):
                file[f"observation/camera_extrinsics/{serial}_{eye}"] = rng.normal(size=(count, 6))
    (folder / f"metadata_{UUID}.json").write_text(json.dumps(metadata_of(place, serials, count)))
    for serial in serials.values():
        write_video(folder / f"recordings/MP4/{serial}.mp4", 2)
    return folder


def test_raw_attempts_have_the_files_own_values(tmp_path: Path) -> None:
    folder = write_raw(tmp_path)
    name = UUID.replace("+", "_")
    log = attempts_of(droid_raw.KIND, tmp_path)["trajectory", name]
    with h5py.File(folder / "trajectory.h5") as file:
        own: Any = file
        parts = [own[p][()].reshape(8, -1) for p in droid_raw.STATES]
        assert np.array_equal(log.states, np.concatenate(parts, axis=1).astype(np.float32))
        parts = [own[p][()].reshape(8, -1) for p in droid_raw.ACTIONS]
        assert np.array_equal(log.actions, np.concatenate(parts, axis=1).astype(np.float32))
    assert log.t_ns.tolist() == [i * 67_000_000 for i in range(8)]
    assert [c.camera for c in log.cameras] == ["wrist", "ext1", "ext2"]
    assert (log.outcome, log.outcome_source, log.instruction, log.scene) == ("success", "human", "Move object", "7")
    assert [n.code for n in log.notes] == ["idle_steps"]
    words = {UUID: {"language_instruction1": "Put the pen in the cup", "language_instruction2": "Pen in cup"}}
    before = [item.revision for item in droid_raw.KIND.list(str(tmp_path), LogOptions())]
    (tmp_path / "aggregated-annotations-030724.json").write_text(json.dumps(words))
    assert [item.revision for item in droid_raw.KIND.list(str(tmp_path), LogOptions())] != before
    assert attempts_of(droid_raw.KIND, tmp_path)["trajectory", name].instruction == "Put the pen in the cup"


def test_raw_attempts_that_are_not_whole_say_why(tmp_path: Path) -> None:
    folder = write_raw(tmp_path)
    (folder / "recordings/MP4/22.mp4").unlink()
    name = UUID.replace("+", "_")
    assert left_out(droid_raw.KIND, tmp_path) == [(f"{name}/camera ext1", "missing_camera")]
    (folder / f"metadata_{UUID}.json").unlink()
    assert left_out(droid_raw.KIND, tmp_path) == [("trajectory.h5", "missing_file")]


def test_depth_and_stereo_are_told_and_part_of_the_revision(tmp_path: Path) -> None:
    """docs/the-droid-dataset.md, line 97: `-stereo.mp4` holds both eyes; svo2depth.py, lines 28-110: Depth/<serial>."""
    folder = write_raw(tmp_path)
    (before,) = droid_raw.KIND.list(str(tmp_path), LogOptions())
    assert left_out(droid_raw.KIND, tmp_path) == []
    for path in ("MP4/13-stereo.mp4", "MP4/fused.mp4", "SVO/13.svo", "SVO/22.svo", "Depth/22/0.png", "Depth/22/1.png"):
        (folder / "recordings" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "recordings" / path).write_bytes(b"-")
    (after,) = droid_raw.KIND.list(str(tmp_path), LogOptions())
    assert after.revision != before.revision
    parts = [p for p in parts_of(droid_raw.KIND, tmp_path) if isinstance(p, BadEpisode)]
    assert [(p.name.partition("/")[2], p.reason, p.detail) for p in parts] == [
        ("camera 13_stereo", "stereo_camera", "both eyes in MP4/13-stereo.mp4, SVO/13.svo"),
        ("camera 22_stereo", "stereo_camera", "both eyes in SVO/22.svo"),
        ("camera 22_depth", "depth_camera", "2 pictures of distances in recordings/Depth; it is no camera of a view"),
        ("videos", "orphan_files", "no camera is called fused.mp4"),
    ]
    (log,) = attempts_of(droid_raw.KIND, tmp_path).values()
    assert [c.camera for c in log.cameras] == ["wrist", "ext1", "ext2"]
