"""xr_teleoperate folders: parts side by side, no instruction where the recorder's placeholder stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra.readers import picture_folder
from pipelines.media.log_pictures import split
from pipelines.sources.logs import xr_teleoperate as xr
from pipelines.sources.logs.base import BadEpisode, LogColumns, LogOptions
from pipelines.sources.logs.episode_log import EpisodeLog
from schemas.errors import BadMedia
from tests.support.fuzzed import INPUTS

N = 6


def write(folder: Path, change: Any = None, cameras: int = 2, fps: float | None = 30.0) -> Path:
    """An episode's folder, qpos[0] of the left arm the row's number.

    As unitreerobotics/xr_teleoperate at d1510db writes it: teleop/utils/episode_writer.py, lines 58-88 (info, text),
    117-134 (rows), 155-168 (names of pictures), and teleop/teleop_hand_and_arm.py, lines 335-404 (parts of a row).
    """
    (folder / "colors").mkdir(parents=True)
    rows = []
    for k in range(N):
        for c in range(cameras):
            (folder / f"colors/{k:06d}_color_{c}.jpg").write_bytes(b"\xff\xd8 picture %d %d" % (k, c))
        qpos = {"left_arm": [float(k), 0.5], "right_arm": [], "left_ee": [], "right_ee": [float(k), 0.5]}
        states, actions = (
            {name: {"qpos": list(q), "qvel": [], "torque": []} for name, q in qpos.items()} | {"body": {"qpos": []}}
            for _ in range(2)
        )
        colors = {f"color_{c}": f"colors/{k:06d}_color_{c}.jpg" for c in range(cameras)}
        rows.append({"idx": k, "colors": colors, "depths": {}, "states": states, "actions": actions, "tactiles": None,
                     "audios": None, "sim_state": None})  # fmt: skip
    size = {"width": 640, "height": 480, "fps": fps}
    info = {
        "version": "1.0.0", "date": "2025-07-18", "author": "unitree", "image": size, "depth": size,
        "audio": {"sample_rate": 16000, "channels": 1, "format": "PCM", "bits": 16},
        "joint_names": {"left_arm": ["yaw", "pitch"], "left_ee": [], "right_arm": [], "right_ee": [], "body": []},
        "tactile_names": {"left_ee": [], "right_ee": []}, "sim_state": "",
    }  # fmt: skip
    log = {"info": info, "text": {"goal": "Fold the towel.", "desc": "", "steps": ""}, "data": rows}
    if change:
        change(log)
    (folder / "data.json").write_text(json.dumps(log))
    return folder


def read(root: Path, **said: Any) -> tuple[list[EpisodeLog], list[BadEpisode]]:
    """All that the reader gives."""
    options = LogOptions(**said)
    parts = [p for item in xr.list_logs(str(root), options) for p in xr.read(item, root, options)]
    logs = [p for p in parts if isinstance(p, EpisodeLog)]
    return logs, [p for p in parts if isinstance(p, BadEpisode)]


def test_parts_lie_side_by_side_in_a_fixed_order(tmp_path: Path) -> None:
    write(tmp_path / "fold the towel/episode_0003")
    (log,), bad = read(tmp_path)
    assert (log.name, log.instruction, log.outcome, bad) == ("episode_0003", "Fold the towel.", "unknown", [])
    assert log.state_names == ("yaw", "pitch", "right_ee_0", "right_ee_1")
    assert log.states is not None
    np.testing.assert_array_equal(log.states[:, 0], np.arange(N))
    assert [c.camera for c in log.cameras] == ["color_0", "color_1"]
    assert log.t_ns[-1] == round(5e9 / 30)


@pytest.mark.parametrize(
    "goal", ["e.g. pick the red cube on the table.", "task description", "Pick up the red cup on the table.", ""]
)
def test_the_recorders_placeholder_is_no_instruction_and_is_told(tmp_path: Path, goal: str) -> None:
    write(tmp_path / "episode_0000", lambda log: log["text"].update(goal=goal))
    (log,) = read(tmp_path)[0]
    assert (log.instruction, [n.code for n in log.notes]) == (None, ["placeholder_goal"] * bool(goal))


def test_depth_touch_and_sound_are_told(tmp_path: Path) -> None:
    def change(log: dict[str, Any]) -> None:
        for row in log["data"][1:]:
            row["depths"] = {"depth_0": f"depths/{row['idx']:06d}_depth_0.jpg"}
            row["audios"] = {"mic0": f"audios/audio_{row['idx']:06d}_mic0.npy"}
        log["data"][0]["tactiles"] = {"left_ee": [0.1]}

    write(tmp_path / "episode_0000", change)
    (log,), bad = read(tmp_path)
    assert [c.camera for c in log.cameras] == ["color_0", "color_1"]
    assert [(b.name, b.reason, b.detail) for b in bad] == [
        ("episode_0000/camera depth_0", "depth_camera", "distances in 5 of 6 rows; it is no camera of a view"),
        ("episode_0000/tactiles", "unread_columns", "tactiles in 1 of 6 rows are not read"),
        ("episode_0000/audios", "unread_columns", "audios in 5 of 6 rows are not read"),
    ]


def test_a_camera_that_lacks_a_picture_costs_itself(tmp_path: Path) -> None:
    write(tmp_path / "episode_0000", lambda log: log["data"][2]["colors"].pop("color_1"))
    (log,), bad = read(tmp_path)
    assert [c.camera for c in log.cameras] == ["color_0"]
    assert [(b.name, b.reason) for b in bad] == [("episode_0000/camera color_1", "missing_frames")]


def test_pictures_out_of_step_with_the_rows_cost_their_camera(tmp_path: Path) -> None:
    def swap(log: dict[str, Any]) -> None:
        one, two = log["data"][1]["colors"], log["data"][2]["colors"]
        one["color_0"], two["color_0"] = two["color_0"], one["color_0"]

    write(tmp_path / "episode_0000", swap)
    (log,), bad = read(tmp_path)
    assert [c.camera for c in log.cameras] == ["color_1"]
    assert bad[0].detail == "the numbers of its pictures do not go up by one a row"


def test_the_film_is_of_the_pictures_that_the_rows_name(tmp_path: Path) -> None:
    folder = write(tmp_path / "episode_0000")
    said = json.loads((folder / "data.json").read_text())
    said["data"] = said["data"][1:]
    (folder / "data.json").write_text(json.dumps(said))
    (log,), _ = read(tmp_path)
    place = split(log.cameras[0].uri)
    assert place is not None
    film = list(picture_folder.pictures(folder, "colors", place[1].options))
    assert film == [b"\xff\xd8 picture %d 0" % k for k in range(1, N)]
    (folder / f"colors/{N - 1:06d}_color_0.jpg").unlink()
    with pytest.raises(BadMedia) as refused:
        list(picture_folder.pictures(folder, "colors", place[1].options))
    assert refused.value.reason == "missing_frames"


def test_the_rate_of_the_film_is_that_of_the_rows(tmp_path: Path) -> None:
    write(
        tmp_path / "episode_0000", lambda log: log["info"].update(depth={"fps": 5.0}, image={"more": {}, "fps": 12.5})
    )
    (log,), _ = read(tmp_path)
    found = split(log.cameras[0].uri)
    assert found is not None
    assert (log.fps_hz, float(found[1].rate_hz)) == (12.5, 12.5)


def _no_rows(log: dict[str, Any]) -> None:
    log["data"] = []


def _ragged(log: dict[str, Any]) -> None:
    log["data"][3]["states"]["left_arm"]["qpos"] = [1.0]


def _wordy(log: dict[str, Any]) -> None:
    log["data"][3]["states"]["left_arm"]["qpos"] = ["a", "b"]


@pytest.mark.parametrize("change", [_ragged, _wordy])
def test_a_part_that_cannot_be_read_costs_itself_unless_the_config_names_it(tmp_path: Path, change: Any) -> None:
    write(tmp_path / "episode_0000", change)
    (log,), bad = read(tmp_path)
    assert (log.state_names, len(log.action_names)) == (("right_ee_0", "right_ee_1"), 4)
    assert [(b.name, b.reason) for b in bad] == [("episode_0000/states left_arm", "ragged_rows")]
    with pytest.raises(BadMedia, match="ragged_rows"):
        read(tmp_path, columns=LogColumns(state=("left_arm",)))


def test_a_row_that_lacks_a_part_has_no_state(tmp_path: Path) -> None:
    write(tmp_path / "episode_0000", lambda log: log["data"][3]["states"].pop("left_arm"))
    (log,), bad = read(tmp_path)
    assert log.states is not None
    assert (np.flatnonzero(np.isnan(log.states).any(axis=1)).tolist(), bad) == ([3], [])
    assert [n.code for n in log.notes] == ["lost_readings"]


@pytest.mark.parametrize(("change", "reason"), [(_no_rows, "empty_episode")])
def test_what_is_refused_has_a_stable_reason(tmp_path: Path, change: Any, reason: str) -> None:
    write(tmp_path / "episode_0000", change)
    with pytest.raises(BadMedia) as refused:
        read(tmp_path)
    assert refused.value.reason == reason


def test_without_a_rate_or_pictures_it_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a/episode_0000", fps=None)
    with pytest.raises(BadMedia, match="fps_hz"):
        read(tmp_path)
    assert read(tmp_path, fps_hz=15.0)[0][0].fps_hz == 15.0
    write(tmp_path / "b/episode_0000", cameras=0)
    with pytest.raises(BadMedia) as refused:
        read(tmp_path / "b")
    assert refused.value.reason == "no_pictures"


def test_said_parts_hold(tmp_path: Path) -> None:
    write(tmp_path / "episode_0000")
    (log,), _ = read(tmp_path, columns=LogColumns(state=("right_ee",)), embodiment="g1")
    assert (log.state_names, log.embodiment) == (("right_ee_0", "right_ee_1"), "g1")


@pytest.mark.slow
def test_no_damage_raises_anything_else(tmp_path: Path) -> None:
    folder = write(tmp_path / "episode_0000")
    whole = (folder / "data.json").read_bytes()
    rng, reasons = np.random.default_rng(3), set()
    for _ in range(INPUTS):
        data = bytearray(whole[: rng.integers(1, len(whole))] if rng.random() < 0.3 else whole)
        for at in rng.integers(0, len(data), rng.integers(1, 6)):
            data[at] = int(rng.integers(32, 127))
        (folder / "data.json").write_bytes(bytes(data))
        try:
            read(tmp_path)
        except BadMedia as refused:
            reasons.add(refused.reason)
    assert reasons
