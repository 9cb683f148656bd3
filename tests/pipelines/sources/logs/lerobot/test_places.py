"""Cameras that are declared, there, pointers, depth, discarded or held out; the config names others."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from pipelines.sources.logs import lerobot
from pipelines.sources.logs.base import BadEpisode, LogColumns, LogOptions
from schemas.errors import BadMedia
from tests.support.lerobot_edits import EPISODES, POINTER, ROWS, put_column, put_features, put_info, read_all, reasons
from tests.support.robot_logs import CAMERA_KEY, LeRobotSpec, write_lerobot, write_lerobot_v21, write_video

OLD = LeRobotSpec(lengths=(6, 7), version="v2.1", orphans=0, rewards=None)
WRIST = "observation.images.wrist"
VIDEO = {"dtype": "video", "shape": [48, 64, 3], "names": ["height", "width", "channels"]}


def test_an_episode_has_the_cameras_that_are_there(tmp_path: Path) -> None:
    write_lerobot_v21(tmp_path, OLD)
    put_features(tmp_path, **{WRIST: VIDEO, "observation.images.egoview": VIDEO})
    write_video(tmp_path / f"videos/chunk-000/{WRIST}/episode_000001.mp4", 7)
    logs, bad = read_all(tmp_path)
    assert [[c.camera for c in log.cameras] for log in logs] == [["front"], ["front", "wrist"]]
    assert reasons(bad) == [
        ("episode_000000/camera wrist", "missing_camera"), ("episode_000000/camera egoview", "missing_camera"),
        ("episode_000001/camera egoview", "missing_camera"),
    ]  # fmt: skip
    before = [item.revision for item in lerobot.list_logs(str(tmp_path))]
    write_video(tmp_path / f"videos/chunk-000/{WRIST}/episode_000000.mp4", 6)
    after = [item.revision for item in lerobot.list_logs(str(tmp_path))]
    assert (before[0] == after[0], before[1] == after[1]) == (False, True)


def test_video_for_videos_and_gr00ts_paths(tmp_path: Path) -> None:
    """v2.0 with templates whose chunk is the episode, as GR00T's sets have them."""
    write_lerobot_v21(tmp_path, OLD)
    put_info(
        tmp_path, codebase_version="v2.0", total_chunks=0,
        data_path="data/chunk-{episode_index:03d}/episode_{episode_index:06d}.parquet",
        video_path="videos/chunk-{episode_index:03d}/{video_key}/episode_{episode_index:06d}.mp4",
    )  # fmt: skip
    shutil.move(tmp_path / "videos", tmp_path / "video")
    logs, bad = read_all(tmp_path)
    assert not bad
    assert [log.cameras[0].uri for log in logs] == [
        str(tmp_path / f"video/chunk-000/{CAMERA_KEY}/episode_{i:06d}.mp4") for i in range(2)
    ]


def test_chunks_that_are_counted_otherwise(tmp_path: Path) -> None:
    """chunks_size is 1, and all files lie in chunk-000."""
    write_lerobot_v21(tmp_path, OLD)
    put_info(tmp_path, chunks_size=1)
    logs, bad = read_all(tmp_path)
    assert ([len(log.t_ns) for log in logs], bad) == ([6, 7], [])
    shutil.copytree(tmp_path / "data/chunk-000", tmp_path / "data/chunk-007")  # which of the two is meant?
    logs, bad = read_all(tmp_path)
    assert [len(log.t_ns) for log in logs] == [6]
    assert reasons(bad) == [("data", "missing_file"), ("data files", "orphan_files")]


def test_an_empty_recording_is_none(tmp_path: Path) -> None:
    write_lerobot_v21(tmp_path, OLD)
    put_features(tmp_path, **{WRIST: VIDEO})
    for i in range(2):
        path = tmp_path / f"videos/chunk-000/{WRIST}/episode_{i:06d}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    logs, bad = read_all(tmp_path)
    assert len(logs) == 2
    assert {b.reason for b in bad} == {"missing_camera"}
    assert bad[0].detail.endswith("episode_000000.mp4 is empty")


def test_a_camera_without_a_span_costs_that_camera(tmp_path: Path) -> None:
    write_lerobot(tmp_path, LeRobotSpec(lengths=(6, 7), orphans=0, rewards=None))
    put_features(tmp_path, **{WRIST: VIDEO})
    for part, values in (("chunk_index", [0, None]), ("file_index", [0, 0]), ("from_timestamp", [0.0, None])):
        put_column(tmp_path / EPISODES, f"videos/{WRIST}/{part}", values)
    put_column(tmp_path / EPISODES, f"videos/{WRIST}/to_timestamp", [0.6, 1.3])
    write_video(tmp_path / f"videos/{WRIST}/chunk-000/file-000.mp4", 13)
    logs, bad = read_all(tmp_path)
    assert [len(log.cameras) for log in logs] == [2, 1]
    assert reasons(bad) == [("episode_000001/camera wrist", "missing_camera")]


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("meta/info.json", [""]), ("meta/tasks.jsonl", [""]), ("meta/episodes.jsonl", [""]),
        ("data/chunk-000/episode_000001.parquet", [""]),
        (f"videos/chunk-000/{CAMERA_KEY}/episode_000001.mp4", ["episode_000001"]),
    ],
)  # fmt: skip
def test_a_git_lfs_pointer_is_one_reason_wherever_it_lies(tmp_path: Path, path: str, names: list[str]) -> None:
    write_lerobot_v21(tmp_path, OLD)
    (tmp_path / path).write_text(POINTER)
    parts: list[Any] = []
    for item in lerobot.list_logs(str(tmp_path)):
        try:
            parts += lerobot.read(item, tmp_path)
        except BadMedia as error:
            parts.append(BadEpisode(name="", reason=error.reason, detail=error.detail))
    bad = [p for p in parts if isinstance(p, BadEpisode)]
    assert reasons(bad) == [(name, "lfs_pointer") for name in names]
    assert all("git lfs pull" in b.detail for b in bad)
    assert len(parts) - len(bad) == (0 if path.startswith("meta") else 1)


def test_a_pointer_of_one_camera_costs_that_camera(tmp_path: Path) -> None:
    write_lerobot_v21(tmp_path, OLD)
    put_features(tmp_path, **{WRIST: VIDEO})
    for i in range(2):
        path = tmp_path / f"videos/chunk-000/{WRIST}/episode_{i:06d}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(POINTER)
    items = list(lerobot.list_logs(str(tmp_path)))
    assert all(len(item.media) == 1 for item in items)
    logs, bad = read_all(tmp_path)
    assert len(logs) == 2
    assert {b.reason for b in bad} == {"lfs_pointer"}


@pytest.mark.parametrize(
    ("key", "feature"),
    [
        ("observation.images.near", VIDEO | {"info": {"is_depth_map": True}}),
        ("observation.images.near", VIDEO | {"video_info": {"video.is_depth_map": True}}),
        ("observation.images.near", VIDEO | {"info": {"video.is_depth_map": False, "video.pix_fmt": "gray12le"}}),
        ("observation.images.near", VIDEO | {"dtype": "image_depth"}),
        ("observation.images.front_depth", VIDEO),
    ],
)
@pytest.mark.slow
def test_depth_is_no_camera(tmp_path: Path, key: str, feature: dict[str, Any]) -> None:
    write_lerobot_v21(tmp_path, OLD)
    put_features(tmp_path, **{key: feature})
    for i, n in enumerate(OLD.lengths):
        write_video(tmp_path / f"videos/chunk-000/{key}/episode_{i:06d}.mp4", n)
    assert [[m.camera for m in item.media] for item in lerobot.list_logs(str(tmp_path))] == [["front"], ["front"]]
    logs, bad = read_all(tmp_path)
    assert len(logs) == 2
    assert {b.reason for b in bad} == {"depth_camera"}
    named = LogOptions(columns=LogColumns(cameras={"gray": key}))
    logs, bad = read_all(tmp_path, named)  # the config knows better
    assert ([log.cameras[0].camera for log in logs], bad) == (["gray", "gray"], [])


def test_the_config_names_the_cameras(tmp_path: Path) -> None:
    write_lerobot(tmp_path, LeRobotSpec(lengths=(6,), orphans=0, rewards=None))
    put_features(tmp_path, **{"observation.images.egoview": VIDEO})
    (plain,) = lerobot.list_logs(str(tmp_path))
    options = LogOptions(columns=LogColumns(cameras={"top": CAMERA_KEY}))
    (named,) = lerobot.list_logs(str(tmp_path), options)
    assert plain.revision != named.revision
    (log,), bad = read_all(tmp_path, options)
    assert ([c.camera for c in log.cameras], bad) == (["top"], [])
    _, bad = read_all(tmp_path, LogOptions(columns=LogColumns(cameras={"top": CAMERA_KEY, "side": "nothing"})))
    assert reasons(bad) == [("episode_000000/camera side", "missing_camera")]


def test_the_config_says_rate_and_robot(tmp_path: Path) -> None:
    write_lerobot_v21(tmp_path, LeRobotSpec(lengths=(6,), version="v2.1", orphans=0, rewards=None))
    (log,), _ = read_all(tmp_path, LogOptions(embodiment="arm7"))
    assert (log.embodiment, log.fps_hz) == ("arm7", 10)
    (log,), _ = read_all(tmp_path, LogOptions(fps_hz=5.0))
    assert log.fps_hz == 5


def test_a_set_without_rate_asks_for_it(tmp_path: Path) -> None:
    write_lerobot(tmp_path, LeRobotSpec(lengths=(6,), orphans=0, rewards=None))
    put_info(tmp_path, fps=None)
    (item,) = lerobot.list_logs(str(tmp_path))
    with pytest.raises(BadMedia) as refused:
        list(lerobot.read(item, tmp_path))
    assert refused.value.reason == "no_rate"
    (log,), _ = read_all(tmp_path, LogOptions(fps_hz=10.0))
    assert log.fps_hz == 10


@pytest.mark.parametrize("where", ["info", "metadata", "rows"])
def test_discarded_episodes_are_left_out_with_that_reason(tmp_path: Path, where: str) -> None:
    write_lerobot(tmp_path, LeRobotSpec(lengths=(6, 7, 8), orphans=0, rewards=None))
    before = [item.revision for item in lerobot.list_logs(str(tmp_path))]
    options = LogOptions()
    if where == "info":
        put_info(tmp_path, discarded_episode_indices=[1])
    else:
        column = "discarded" if where == "metadata" else "bad_take"
        values = ["no", "yes", "no"] if where == "metadata" else [0.0] * 6 + [0.0] * 6 + [1.0] + [0.0] * 8
        put_column(tmp_path / (EPISODES if where == "metadata" else ROWS), column, values)
        options = LogOptions() if where == "metadata" else LogOptions(columns=LogColumns(discarded=column))
    logs, bad = read_all(tmp_path, options)
    assert [log.name for log in logs] == ["episode_000000", "episode_000002"]
    assert reasons(bad) == [("episode_000001", "discarded")]
    assert before != [item.revision for item in lerobot.list_logs(str(tmp_path), options)]


def test_a_discarded_take_is_not_decoded(tmp_path: Path) -> None:
    write_lerobot_v21(tmp_path, OLD)
    put_info(tmp_path, discarded_episode_indices=[1])
    assert [len(item.media) for item in lerobot.list_logs(str(tmp_path))] == [1, 0]


@pytest.mark.parametrize(
    ("splits", "expected"),
    [
        ({"train": "0:2", "val": "2:3", "test": "3:4"}, ["train", "train", "val", "test"]),
        ({"train": "0:4"}, ["train"] * 4),
        ({"training": [0, 1], "Validation": "2:3,3:4"}, ["train", "train", "val", "val"]),
        ({"train": "0:4", "test": "3:4"}, ["train", "train", "train", "test"]),
        ({"calibration": "0:4"}, [None] * 4),
        ("train", [None] * 4),
        ({"train": "all"}, [None] * 4),
    ],
)
@pytest.mark.slow
def test_splits_of_the_maker(tmp_path: Path, splits: object, expected: list[str | None]) -> None:
    write_lerobot(tmp_path, LeRobotSpec(lengths=(3, 3, 3, 3), orphans=0, rewards=None))
    put_info(tmp_path, splits=splits)
    assert [log.split for log in read_all(tmp_path)[0]] == expected


def test_a_train_split_changes_no_revision_and_a_held_out_one_does(tmp_path: Path) -> None:
    """Data sets that were folded before splits were read are read again only where some of them are held out."""
    write_lerobot(tmp_path, LeRobotSpec(lengths=(3, 3), orphans=0, rewards=None))
    revisions = []
    for splits in (None, {"train": "0:2"}, {"train": "0:1", "test": "1:2"}):
        put_info(tmp_path, splits=splits)
        revisions += [item.revision for item in lerobot.list_logs(str(tmp_path))]
    assert revisions[0] == revisions[1] != revisions[2]
