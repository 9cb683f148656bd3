"""Nothing of a LeRobot data set vanishes: what is of no attempt is told once, with counts, and costs no other."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from infra.storage.tables import Store
from pipelines.fold.hop import fold
from pipelines.hop import Run
from pipelines.sources.logs import RobotSource
from pipelines.staging.options import IngestOptions
from tests.support.lerobot_edits import EPISODES, ROWS, put_column, put_info, read_all, reasons
from tests.support.robot_logs import CAMERA_KEY, LeRobotSpec, write_lerobot, write_lerobot_v21, write_video

SPEC = LeRobotSpec(lengths=(12, 9), rewards=None, orphans=0)


def test_a_killed_session_leaves_two_files_that_are_counted(tmp_path: Path) -> None:
    write_lerobot(tmp_path, SPEC)
    put_info(tmp_path, total_episodes=4, total_frames=47)
    table = pq.read_table(tmp_path / ROWS)
    pq.write_table(table, tmp_path / "data/chunk-000/file-001.parquet")
    put_column(tmp_path / "data/chunk-000/file-001.parquet", "episode_index", [2] * 12 + [3] * 9)
    write_video(tmp_path / f"videos/{CAMERA_KEY}/chunk-000/file-001.mp4", 26)
    logs, bad = read_all(tmp_path)
    assert [log.name for log in logs] == ["episode_000000", "episode_000001"]
    assert reasons(bad) == [
        ("meta/info.json", "fewer_episodes"), ("data files", "orphan_files"), ("videos", "orphan_files")
    ]  # fmt: skip
    assert bad[0].detail == "meta/info.json announces 4 episodes and 47 frames; the metadata name 2 and 21"
    assert bad[1].detail.startswith("1 data file that no episode names, 21 rows (2.1 s): data/chunk-000/file-001")
    assert bad[2].detail.startswith(f"1 video that no episode names, 2.6 s: videos/{CAMERA_KEY}/chunk-000/file-001")


def test_a_meta_file_without_footer_costs_itself(tmp_path: Path) -> None:
    write_lerobot(tmp_path, SPEC)
    whole = (tmp_path / EPISODES).read_bytes()
    (tmp_path / EPISODES).with_name("file-001.parquet").write_bytes(whole[: len(whole) // 2])
    logs, bad = read_all(tmp_path)
    assert len(logs) == 2
    assert reasons(bad) == [("meta/episodes/chunk-000/file-001.parquet", "bad_table")]


def test_half_a_line_costs_its_episode(tmp_path: Path) -> None:
    write_lerobot_v21(tmp_path, LeRobotSpec(lengths=(6, 7, 8), version="v2.1", orphans=0, rewards=None))
    path = tmp_path / "meta/episodes.jsonl"
    path.write_text(path.read_text()[:-20])
    logs, bad = read_all(tmp_path)
    assert [len(log.t_ns) for log in logs] == [6, 7]
    assert reasons(bad) == [
        ("meta/episodes.jsonl line 3", "bad_json"), ("meta/info.json", "fewer_episodes"),
        ("data files", "orphan_files"), ("videos", "orphan_files"),
    ]  # fmt: skip
    assert "8 rows (0.8 s)" in bad[2].detail
    assert "0.8 s" in bad[3].detail


def test_a_row_of_the_metadata_that_makes_no_sense_costs_itself(tmp_path: Path) -> None:
    write_lerobot(tmp_path, SPEC)
    put_column(tmp_path / EPISODES, "episode_index", [0, None])
    logs, bad = read_all(tmp_path)
    assert [log.name for log in logs] == ["episode_000000"]
    assert ("meta/episodes/chunk-000/file-000.parquet row 2", "bad_table") in reasons(bad)
    assert ("orphan_rows", "orphan_rows") in reasons(bad)


def test_files_that_are_no_tables_are_counted_too(tmp_path: Path) -> None:
    write_lerobot(tmp_path, SPEC)
    (tmp_path / "data/chunk-000/file-007.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "images/observation.images.front/episode_000002").mkdir(parents=True)
    (tmp_path / "images/observation.images.front/episode_000002/frame_000000.png").write_bytes(b"png")
    (tmp_path / f"videos/{CAMERA_KEY}/chunk-000/file-009.mp4").write_bytes(b"no movie")
    _, bad = read_all(tmp_path)
    assert [b.name for b in bad] == ["data files", "videos", "images"]
    assert "0 rows (0.0 s), 1 without rows that can be read" in bad[0].detail
    assert "of unknown length" in bad[1].detail
    assert bad[2].detail.startswith("1 picture that no episode names: images/")


def test_an_episode_that_is_told_twice_is_taken_once(tmp_path: Path) -> None:
    write_lerobot_v21(tmp_path, LeRobotSpec(lengths=(6, 7), version="v2.1", orphans=0, rewards=None))
    path = tmp_path / "meta/episodes.jsonl"
    path.write_text('{"episode_index": 1, "tasks": [], "length": 3}\n' + path.read_text())
    logs, bad = read_all(tmp_path)
    assert sorted(log.name for log in logs) == ["episode_000000", "episode_000001"]
    assert reasons(bad) == [("episode_000001", "duplicate_episode")]
    assert "of 3 and of 7 steps" in bad[0].detail


@pytest.mark.parametrize("version", ["v2.1", "v3.0"])
def test_a_whole_data_set_leaves_nothing_out(tmp_path: Path, version: str) -> None:
    (write_lerobot if version == "v3.0" else write_lerobot_v21)(
        tmp_path, LeRobotSpec(version=version, orphans=0, rewards=None)
    )
    shutil.copytree(tmp_path, tmp_path / "inner/set")  # its files are its own, not strays of the outer one
    logs, bad = read_all(tmp_path)
    assert (len(logs), bad) == (6, [])


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # Beam warns of its own affairs
def test_a_fold_has_a_reject_for_each_part_and_no_more(tmp_path: Path) -> None:
    write_lerobot(tmp_path / "set", LeRobotSpec(lengths=(6, 7), with_video=False))  # and five rows of no episode
    store = Store(str(tmp_path / "corpus"))
    sources = [RobotSource(kind="lerobot", uri=str(tmp_path / "set"))]
    assert fold(Run(store, "one"), sources, IngestOptions()).added == {"rejects": 3}
    assert sorted(store.read("rejects")["reason"].to_pylist()) == ["missing_video", "missing_video", "orphan_rows"]
    assert fold(Run(store, "two"), sources, IngestOptions()).added == {}
