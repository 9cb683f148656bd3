"""ALOHA's logs: h5py's own values, each step with its picture in its true colours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pipelines.sources.logs.aloha import KIND
from pipelines.sources.logs.base import LogColumns, LogOptions
from schemas.spans import NS
from tests.support.hdf5_logs import attempts_of, frames_of, left_out, write_aloha
from tests.support.log_pictures import is_red, number_of


@pytest.mark.parametrize("packed", [False, True])
def test_every_value_is_the_files_own_and_each_step_has_its_picture(tmp_path: Path, packed: bool) -> None:
    path = write_aloha(tmp_path / "set/episode_3.hdf5", packed=packed, base=packed)
    log = attempts_of(KIND, tmp_path)["episode_3", "episode_3"]
    with h5py.File(path) as file:
        own: Any = file
        actions = [own["action"][()], *([own["base_action"][()]] if packed else [])]
        assert np.array_equal(log.states, own["observations/qpos"][()].astype(np.float32))
        assert np.array_equal(log.actions, np.concatenate(actions, axis=1).astype(np.float32))
    assert log.action_names[13:] == (("action.13", "base_action.0", "base_action.1") if packed else ("action.13",))
    assert (log.fps_hz, log.outcome, log.outcome_source, log.collect_mode) == (50.0, "unknown", None, "teleop")
    assert log.t_ns.tolist() == [i * NS // 50 for i in range(8)]
    for i, camera in enumerate(log.cameras):
        frames = list(frames_of(camera.uri, tmp_path))
        assert [number_of(p) for _, p in frames] == [100 * i + k for k in range(8)]
        assert all(is_red(p) for _, p in frames)
        assert [t for t, _ in frames] == log.t_ns.tolist()
    assert [c.camera for c in log.cameras] == ["cam_high", "cam_left_wrist"]
    (item,) = KIND.list(str(tmp_path), LogOptions())
    assert item.root == str(tmp_path / "set")


def test_what_the_config_says_holds(tmp_path: Path) -> None:
    path = write_aloha(tmp_path / "episode_0.hdf5")
    with h5py.File(path, "a") as file:
        file.attrs["sim"] = True
        file["success"] = False
        file["language_raw"] = "Fold the cloth."
    own = attempts_of(KIND, tmp_path)["episode_0", "episode_0"]
    assert (own.collect_mode, own.instruction) == ("unknown", None)
    columns = LogColumns(state=("observations/qpos", "observations/effort"), task="language_raw", outcome="success",
                         cameras={"high": "observations/images/cam_high?order=rgb"})  # fmt: skip
    log = attempts_of(KIND, tmp_path, LogOptions(columns=columns, fps_hz=25))["episode_0", "episode_0"]
    assert (log.fps_hz, log.outcome, log.outcome_source, log.instruction) == (25, "failure", "human", "Fold the cloth.")
    assert len(log.state_names) == 28
    assert not any(is_red(p) for _, p in frames_of(log.cameras[0].uri, tmp_path))
    with h5py.File(path, "a") as file:
        file["bad"] = 1
    assert left_out(KIND, tmp_path, LogOptions(columns=LogColumns(discarded="bad"))) == [
        ("episode_0.hdf5", "discarded")
    ]


def no_images(file: Any) -> None:
    del file["observations/images"]


def fewer(file: Any) -> None:
    rows = file["observations/images/cam_high"][:-1]
    del file["observations/images/cam_high"]
    file["observations/images/cam_high"] = rows


def floats(file: Any) -> None:
    file["observations/images/heat"] = np.zeros((8, 4, 4, 3), np.float32)


def depth(file: Any) -> None:
    file["observations/images_depth/cam_high"] = np.zeros((8, 4, 4), np.uint16)


def longer(file: Any) -> None:
    rows = np.zeros((9, 14))
    del file["observations/qpos"]
    file["observations/qpos"] = rows


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (no_images, [("episode_0.hdf5", "no_pictures")]),
        (fewer, [("episode_0/camera cam_high", "video_mismatch")]),
        (floats, [("episode_0/camera heat", "bad_frame")]),
        (depth, [("episode_0/camera cam_high_depth", "depth_camera")]),
        (longer, [("episode_0.hdf5", "length_mismatch")]),
    ],
)
def test_what_is_left_out_says_why(tmp_path: Path, change: Callable[[Any], None], left: list[tuple[str, str]]) -> None:
    with h5py.File(write_aloha(tmp_path / "episode_0.hdf5"), "a") as file:
        change(file)
    assert left_out(KIND, tmp_path) == left


def test_of_other_formats_it_says_so(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file["data/demo_0/actions"] = np.zeros((3, 2))
    assert left_out(KIND, tmp_path) == [("a.hdf5", "other_format")]


SPELLINGS: list[tuple[Any, str, bool]] = [
    ("false", "failure", False), ("Succeeded", "success", True), (-1, "unknown", False), (-1.0, "unknown", False),
    (np.array([0.0, np.nan]), "unknown", False), (np.array([0, 1]), "success", True), (0, "failure", False),
]  # fmt: skip


@pytest.mark.parametrize(("value", "outcome", "discarded"), SPELLINGS)
@pytest.mark.slow
def test_labels_and_flags_in_every_spelling(tmp_path: Path, value: Any, outcome: str, discarded: bool) -> None:
    with h5py.File(write_aloha(tmp_path / "episode_0.hdf5"), "a") as file:
        file["label"] = value
    log = attempts_of(KIND, tmp_path, LogOptions(columns=LogColumns(outcome="label")))["episode_0", "episode_0"]
    assert (log.outcome, log.outcome_source) == (outcome, None if outcome == "unknown" else "human")
    left = left_out(KIND, tmp_path, LogOptions(columns=LogColumns(discarded="label")))
    assert left == ([("episode_0.hdf5", "discarded")] if discarded else [])


def test_labels_that_are_nowhere_or_say_nothing_known_are_told(tmp_path: Path) -> None:
    with h5py.File(write_aloha(tmp_path / "episode_0.hdf5"), "a") as file:
        file.attrs["label"] = "perhaps"
    for columns, left in (
        (LogColumns(outcome="label"), [("episode_0/outcome", "bad_header")]),
        (LogColumns(discarded="label"), [("episode_0.hdf5", "bad_header")]),
        (LogColumns(outcome="lable"), [("episode_0/outcome", "no_such_column")]),
        (LogColumns(discarded="lable"), [("episode_0/discarded", "no_such_column")]),
    ):
        assert left_out(KIND, tmp_path, LogOptions(columns=columns)) == left
