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
from pipelines.sources.logs.base import LogOptions
from tests.support.hdf5_logs import attempts_of, left_out
from tests.support.robot_logs import write_video

STEPS = [
    {"start_frame": 0, "end_frame": 4, "action_text": "Reach for the bottle.", "skill": "Pick"},
    {"start_frame": 4, "end_frame": 99, "action_text": "Pour.", "skill": "Pour"},
]


def write(root: Path, count: int = 8) -> Path:
    """proprio_stats.h5 with what was not written as (0,) float32, two cameras, task_info."""
    path = root / "proprio_stats/327/648642/proprio_stats.h5"
    path.parent.mkdir(parents=True)
    rng = np.random.default_rng(count)
    with h5py.File(path, "w") as file:
        file["timestamp"] = 1_700_000_000_000_000_000 + np.arange(count) * 33_400_000
        for group in ("state", "action"):
            for name, width in (("joint/position", 14), ("effector/position", 2), ("head/position", 2)):
                file[f"{group}/{name}"] = rng.normal(size=(count, width))
            file[f"{group}/waist/position"] = np.zeros((0,), np.float32)
            file[f"{group}/end/orientation"] = rng.normal(size=(count, 2, 4))
    for camera in ("head_color", "hand_left_color"):
        write_video(root / f"observations/327/648642/videos/{camera}.mp4", 2)
    (root / "task_info").mkdir()
    about = {"episode_id": 648642, "task_name": "Pour water", "label_info": {"action_config": STEPS}}
    (root / "task_info/task_327.json").write_text(json.dumps([about]))
    return path


def test_values_clock_and_words(tmp_path: Path) -> None:
    path = write(tmp_path)
    log = attempts_of(KIND, tmp_path)["proprio_stats", "327_648642"]
    with h5py.File(path) as file:
        own: Any = file
        for group, array in (("state", log.states), ("action", log.actions)):
            parts = [own[f"{group}/{n}"][()] for n in ("joint/position", "effector/position", "head/position")]
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
    (after,) = KIND.list(str(tmp_path), LogOptions())
    assert after.revision != before.revision
    assert left_out(KIND, tmp_path) == [("327_648642/camera head_depth", "depth_camera")]


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
def test_what_is_left_out_says_why(tmp_path: Path, change: Callable[[Path], None], reason: str) -> None:
    write(tmp_path)
    change(tmp_path)
    assert left_out(KIND, tmp_path) == [("proprio_stats.h5", reason)]
