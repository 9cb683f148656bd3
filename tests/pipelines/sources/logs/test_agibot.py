"""AgiBot World as its makers describe it: h5py's own values, words by frame, episodes that contradict themselves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pipelines.sources.logs.agibot import KIND
from pipelines.sources.logs.base import LogColumns, LogOptions
from schemas.errors import BadMedia
from tests.support.hdf5_logs import attempts_of, left_out
from tests.support.robot_logs import write_video

STEPS = [
    {"start_frame": 0, "end_frame": 4, "action_text": "Reach for the bottle.", "skill": "Pick"},
    {"start_frame": 4, "end_frame": 99, "action_text": "Pour.", "skill": "Pour"},
]


STATE = {"joint/position": (14,), "joint/current_value": (14,), "effector/position": (2,), "end/position": (2, 3),
         "end/orientation": (2, 4), "head/position": (2,), "robot/position": (3,),
         "robot/orientation": (4,)}  # fmt: skip
ACTION = {"joint/position": (14,), "effector/position": (2,), "end/position": (2, 3), "end/orientation": (2, 4),
          "head/position": (2,)}  # fmt: skip
PARTS = ("joint/position", "effector/position", "head/position")


def write(root: Path, count: int = 8) -> Path:
    """An episode with two cameras and task_info, of a robot that stands still: waist and wheels hold nothing.

    As agibot-world/AgiBotWorld-Alpha's card describes it and Tavish9/any4lerobot at 6937315 reads it:
    agibot2lerobot/agibot_utils/config.py, lines 49-110 (names and shapes), agibot_utils.py, lines 85-103 (what nothing
    was written to is empty, an action that was not sent in every row has an index) and 36-62 (places of recordings).
    """
    path = root / "proprio_stats/327/648642/proprio_stats.h5"
    path.parent.mkdir(parents=True)
    rng = np.random.default_rng(count)
    with h5py.File(path, "w") as file:
        file["timestamp"] = 1_700_000_000_000_000_000 + np.arange(count) * 33_400_000
        for group, arrays in (("state", STATE), ("action", ACTION)):
            for name, shape in arrays.items():
                file[f"{group}/{name}"] = rng.normal(size=(count, *shape))
            file[f"{group}/waist/position"] = np.zeros((0,), np.float32)
        for part in ("joint", "effector", "head"):
            file[f"action/{part}/index"] = np.arange(count)
        file["action/end/index"] = np.zeros((0,), np.int64)
        file["action/robot/velocity"] = np.zeros((0,), np.float32)
    for camera in ("head_color", "hand_left_color"):
        write_video(root / f"observations/327/648642/videos/{camera}.mp4", 2)
    (root / "task_info").mkdir()
    about = {"episode_id": 648642, "task_id": 327, "task_name": "Pour water", "init_scene_text": "A bottle and a cup.",
             "label_info": {"action_config": STEPS}}  # fmt: skip
    (root / "task_info/task_327.json").write_text(json.dumps([about]))
    return path


def sent_in(path: Path, part: str, rows: list[int]) -> np.ndarray:
    """Leaves an action of those rows alone, with its index; what it was in all of them."""
    with h5py.File(path, "a") as file:
        whole: np.ndarray = file[f"action/{part}/position"][()]  # type: ignore[index]
        del file[f"action/{part}/position"], file[f"action/{part}/index"]
        file[f"action/{part}/position"], file[f"action/{part}/index"] = whole[rows], np.array(rows)
    return whole


def test_values_clock_and_words(tmp_path: Path) -> None:
    path = write(tmp_path)
    log = attempts_of(KIND, tmp_path)["proprio_stats", "327_648642"]
    with h5py.File(path) as file:
        own: Any = file
        for group, array in (("state", log.states), ("action", log.actions)):
            parts = [own[f"{group}/{n}"][()] for n in PARTS]
            assert np.array_equal(array, np.concatenate(parts, axis=1).astype(np.float32))
    assert log.t_ns.tolist() == [i * 33_400_000 for i in range(8)]
    assert (log.instruction, log.outcome, log.fps_hz) == ("Pour water", "unknown", 30)
    assert [(t.text, t.start_frame, t.end_frame) for t in log.tasks] == [
        ("Reach for the bottle.", 0, 4), ("Pour.", 4, 8),
    ]  # fmt: skip
    assert [c.camera for c in log.cameras] == ["hand_left_color", "head_color"]
    assert left_out(KIND, tmp_path) == []
    before = [item.revision for item in KIND.list(str(tmp_path), LogOptions())]
    info = tmp_path / "task_info/task_327.json"
    info.write_text(info.read_text().replace("Pour water", "Pour the water"))
    assert [item.revision for item in KIND.list(str(tmp_path), LogOptions())] != before
    assert attempts_of(KIND, tmp_path)["proprio_stats", "327_648642"].instruction == "Pour the water"


def test_depth_is_told(tmp_path: Path) -> None:
    write(tmp_path)
    (before,) = KIND.list(str(tmp_path), LogOptions())
    depth = tmp_path / "observations/327/648642/depth"
    depth.mkdir()
    for i in range(3):
        (depth / f"head_depth_{i:06d}.png").write_bytes(b"-")
    (depth.parent / "tactile").mkdir()
    (depth.parent / "tactile/left_sensor_1.mp4").write_bytes(b"-")
    (after,) = KIND.list(str(tmp_path), LogOptions())
    assert after.revision != before.revision
    assert left_out(KIND, tmp_path) == [
        ("327_648642/camera head_depth", "depth_camera"), ("327_648642/tactile", "unread_columns"),
    ]  # fmt: skip


def test_an_action_that_was_not_sent_in_a_row_is_not_there(tmp_path: Path) -> None:
    path = write(tmp_path)
    effector, head = sent_in(path, "effector", [0, 1, 2, 4, 5, 7]), sent_in(path, "head", [3])
    (log,) = attempts_of(KIND, tmp_path).values()
    assert log.actions is not None
    assert np.flatnonzero(np.isnan(log.actions[:, 14])).tolist() == [3, 6]
    assert np.array_equal(log.actions[[0, 1, 2, 4, 5, 7], 14:], effector[[0, 1, 2, 4, 5, 7]].astype(np.float32))
    assert log.action_names[-1] == "action/effector/position.1"
    assert left_out(KIND, tmp_path) == [("327_648642/action/head/position", "sparse_action")]
    columns = LogColumns(action=("action/head/position", "action/effector/position"))
    with pytest.raises(BadMedia, match="non_finite"):
        list(KIND.read(next(iter(KIND.list(str(tmp_path), LogOptions()))), tmp_path, LogOptions(columns=columns)))
    assert head.shape == (8, 2)


@pytest.mark.parametrize("index", [[0, 1, 2, 4, 5, 9], [0, 1, 2, 5, 4, 7], [0, 1], [0.0, 1.0, 2.0, 4.0, 5.0, 7.0]])
@pytest.mark.slow
def test_rows_that_cannot_be_told_are_refused(tmp_path: Path, index: list[float]) -> None:
    path = write(tmp_path)
    sent_in(path, "effector", [0, 1, 2, 4, 5, 7])
    with h5py.File(path, "a") as file:
        del file["action/effector/index"]
        file["action/effector/index"] = np.array(index)
    assert left_out(KIND, tmp_path) == [("proprio_stats.h5", "length_mismatch")]


def test_what_could_be_taken_besides_is_noted(tmp_path: Path) -> None:
    write(tmp_path)
    (log,) = attempts_of(KIND, tmp_path).values()
    (note,) = [n for n in log.notes if n.code == "unread_columns"]
    assert note.detail.split(", ")[:3] == ["state/end/position", "state/end/orientation", "state/robot/position"]
    assert "robot/velocity" not in note.detail


def longer(root: Path) -> None:
    with h5py.File(root / "proprio_stats/327/648642/proprio_stats.h5", "a") as file:
        del file["action/joint/position"]
        file["action/joint/position"] = np.zeros((9, 14))


def unnamed(root: Path) -> None:
    (root / "task_info/task_327.json").write_text('[{"episode_id": 1}]')


def gone(root: Path) -> None:
    (root / "task_info/task_327.json").unlink()


def broken(root: Path) -> None:
    (root / "task_info/task_327.json").write_text("[{")


def dark(root: Path) -> None:
    for video in (root / "observations/327/648642/videos").iterdir():
        video.unlink()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (longer, "length_mismatch"),
        (unnamed, "missing_file"),
        (gone, "missing_file"),
        (broken, "bad_json"),
        (dark, "missing_video"),
    ],
)
@pytest.mark.slow
def test_what_is_left_out_says_why(tmp_path: Path, change: Callable[[Path], None], reason: str) -> None:
    write(tmp_path)
    change(tmp_path)
    assert left_out(KIND, tmp_path) == [("proprio_stats.h5", reason)]
