"""Replay buffers: episodes by their ends, arrays side by side, what is missing is named; codecs stay in the sandbox."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra.readers import zarr as door
from pipelines.sources.logs import zarr_replay
from pipelines.sources.logs.base import BadEpisode, LogColumns, LogOptions
from pipelines.sources.logs.episode_log import EpisodeLog
from schemas.errors import BadMedia
from tests.support.damage import damage_one
from tests.support.fuzzed import INPUTS

zarr = pytest.importorskip("zarr")
ENDS = np.array([4, 10], np.int64)


def write(path: Path, version: int = 2, **more: Any) -> Path:
    """A buffer of two episodes, compressed, as zarr itself writes it.

    As real-stanford/diffusion_policy at 5ba07ac lays it out: diffusion_policy/common/replay_buffer.py, lines 108-113
    (groups, episode_ends int64, exclusive, without a compressor) and 444-503 (an array a key, rows of all episodes on
    end), with the keys of real-stanford/universal_manipulation_interface at d095ba9,
    scripts_slam_pipeline/07_generate_replay_buffer.py, lines 106-124 (float32; poses float64) and 161-167 (pictures
    uint8 (N, h, w, 3), a chunk each). Pictures are not JPEG XL here, which wants imagecodecs.
    """
    group = zarr.open_group(str(path), mode="w", zarr_format=version)
    i = np.arange(10, dtype=np.float32)
    held = {
        "robot0_eef_pos": np.stack([i] * 3, 1), "robot0_eef_rot_axis_angle": np.stack([-i] * 3, 1),
        "robot0_gripper_width": i[:, None] / 8, "robot0_demo_start_pose": np.zeros((10, 6)),
        "robot0_demo_end_pose": np.zeros((10, 6)), "camera0_rgb": np.arange(10, dtype=np.uint8)[:, None, None, None]
        * np.ones((1, 6, 8, 3), np.uint8),
    } | more  # fmt: skip
    for name, values in held.items():
        chunk = 1 if name.endswith("_rgb") else 2
        group.create_array(f"data/{name}", data=values, chunks=(chunk, *values.shape[1:]))
    group.create_array("meta/episode_ends", data=ENDS, compressors=None)
    return path


def read(root: Path, **said: Any) -> tuple[list[EpisodeLog], list[BadEpisode]]:
    """All that the reader gives."""
    options = LogOptions(**({"fps_hz": 10.0} | said))
    parts = [p for item in zarr_replay.list_logs(str(root), options) for p in zarr_replay.read(item, root, options)]
    logs = [p for p in parts if isinstance(p, EpisodeLog)]
    return logs, [p for p in parts if isinstance(p, BadEpisode)]


@pytest.mark.parametrize("version", [2, pytest.param(3, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_episodes_are_those_between_the_ends(tmp_path: Path, version: int) -> None:
    write(tmp_path / "replay_buffer.zarr", version)
    (first, second), bad = read(tmp_path)
    assert (first.name, second.name, bad) == ("episode_000000", "episode_000001", [])
    assert second.states is not None
    np.testing.assert_array_equal(second.states[:, 0], np.arange(4, 10))
    assert first.state_names == (
        *(f"robot0_eef_pos_{k}" for k in range(3)), *(f"robot0_eef_rot_axis_angle_{k}" for k in range(3)),
        "robot0_gripper_width",
    )  # fmt: skip
    assert (first.actions, first.outcome, first.instruction) == (None, "unknown", None)


@pytest.mark.slow
def test_pictures_of_an_episode_are_those_of_its_rows(tmp_path: Path) -> None:
    store = write(tmp_path / "replay_buffer.zarr")
    rows = {"start": "4", "end": "10"}
    assert [int(p[0, 0, 0]) for p in door.pictures(store, "data/camera0_rgb", rows)] == [4, 5, 6, 7, 8, 9]
    with pytest.raises(BadMedia) as refused:
        list(door.pictures(store, "data/robot0_eef_pos", rows))
    assert refused.value.reason == "bad_frame"


@pytest.mark.slow
def test_a_zip_is_read_like_its_folder(tmp_path: Path) -> None:
    store = write(tmp_path / "made" / "replay_buffer.zarr")
    with zipfile.ZipFile(tmp_path / "dataset.zarr.zip", "w") as archive:
        for file in sorted(p for p in store.rglob("*") if p.is_file()):
            archive.write(file, file.relative_to(store))
    assert len(read(tmp_path / "dataset.zarr.zip")[0]) == 2


@pytest.mark.slow
def test_what_lies_under_usual_names_goes_first_and_what_is_said_before_all(tmp_path: Path) -> None:
    i = np.arange(10, dtype=np.float32)
    write(tmp_path / "pusht.zarr", state=np.stack([i] * 5, 1), action=np.stack([i] * 2, 1))
    (log, _), _ = read(tmp_path)
    assert log.states is not None
    assert log.actions is not None
    assert (log.states.shape, log.actions.shape) == ((4, 5), (4, 2))
    (log, _), _ = read(tmp_path, columns=LogColumns(state=("robot0_gripper_width",)))
    assert log.state_names == ("robot0_gripper_width",)
    with pytest.raises(BadMedia, match="there are action, camera0_rgb"):
        read(tmp_path, columns=LogColumns(action=("nope",)))


@pytest.mark.slow
def test_what_is_missing_is_named_with_its_remedy(tmp_path: Path) -> None:
    store = write(tmp_path / "replay_buffer.zarr")
    with pytest.raises(BadMedia, match="fps_hz"):
        read(tmp_path, fps_hz=None)
    for file in sorted((p for p in (store / "data").rglob("*")), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    (store / "data").rmdir()
    with pytest.raises(BadMedia, match="which git often ignores"):
        read(tmp_path)


@pytest.mark.slow
def test_an_end_behind_the_last_row_costs_its_episode(tmp_path: Path) -> None:
    store = write(tmp_path / "replay_buffer.zarr")
    zarr.open_group(str(store))["meta/episode_ends"][1] = 8858370052
    logs, bad = read(tmp_path)
    assert [log.name for log in logs] == ["episode_000000"]
    assert [(b.name, b.reason) for b in bad] == [("episode_000001", "length_mismatch")]
    assert "end it at row 8858370052, and its states and actions have 10" in bad[0].detail


@pytest.mark.slow
def test_no_damage_raises_anything_else(tmp_path: Path) -> None:
    store = write(tmp_path / "replay_buffer.zarr")
    files = sorted(p for p in store.rglob("*") if p.is_file())
    rng, reasons = np.random.default_rng(1), set()
    for _ in range(INPUTS):  # each starts three children
        file, whole = damage_one(files, rng)
        try:
            read(tmp_path)
        except BadMedia as refused:
            reasons.add(refused.reason)
        file.write_bytes(whole)
    assert reasons
