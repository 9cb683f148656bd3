"""The row's own episode_index says whose it is, whatever the metadata say of places."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.support.lerobot_edits import EPISODES, ROWS, put_column, read_all, reasons
from tests.support.robot_logs import LeRobotSpec, arrays, write_lerobot, write_lerobot_v21

SPEC = LeRobotSpec(lengths=(12, 9, 15, 11), rewards=None, orphans=0)


def _check(root: Path) -> None:
    logs, bad = read_all(root)
    assert not bad
    assert [log.name for log in logs] == [f"episode_{i:06d}" for i in range(4)]
    for i, log in enumerate(logs):
        np.testing.assert_array_equal(np.asarray(log.states), arrays(SPEC, i)[0])


def test_scrambled_ranges_cost_nothing(tmp_path: Path) -> None:
    write_lerobot(tmp_path, SPEC)
    put_column(tmp_path / EPISODES, "dataset_from_index", [0, 12, 9, 15])
    put_column(tmp_path / EPISODES, "dataset_to_index", [12, 21, 24, 26])
    _check(tmp_path)


def test_indices_may_be_doubles(tmp_path: Path) -> None:
    write_lerobot(tmp_path, SPEC)
    put_column(tmp_path / ROWS, "episode_index", [float(i) for i, n in enumerate(SPEC.lengths) for _ in range(n)])
    _check(tmp_path)


@pytest.mark.parametrize("cut", [21, 21 + 6])
def test_rows_in_another_file_than_the_metadata_say(tmp_path: Path, cut: int) -> None:
    """cut 21: the whole of episode 2 lies in the next file; 27: its last nine steps do."""
    write_lerobot(tmp_path, SPEC)
    table = pq.read_table(tmp_path / ROWS)
    pq.write_table(table.slice(0, cut), tmp_path / ROWS)
    pq.write_table(table.slice(cut), tmp_path / "data/chunk-000/file-001.parquet")
    put_column(tmp_path / EPISODES, "data/file_index", [0, 0, 0, 1])
    _check(tmp_path)


def test_metadata_without_places_are_read_by_the_rows(tmp_path: Path) -> None:
    write_lerobot(tmp_path, SPEC)
    table = pq.read_table(tmp_path / ROWS)
    pq.write_table(table.slice(0, 21), tmp_path / ROWS)
    pq.write_table(table.slice(21), tmp_path / "data/chunk-000/file-001.parquet")
    for column in ("data/chunk_index", "data/file_index", "dataset_from_index", "dataset_to_index"):
        put_column(tmp_path / EPISODES, column, None)
    _check(tmp_path)


def test_a_named_file_that_is_not_there_is_looked_for_among_those_that_are_not_named(tmp_path: Path) -> None:
    write_lerobot(tmp_path, SPEC)
    put_column(tmp_path / EPISODES, "data/file_index", [3] * 4)
    _check(tmp_path)


def test_two_takes_under_one_index_are_told_apart_by_the_range(tmp_path: Path) -> None:
    write_lerobot(tmp_path, SPEC)
    put_column(tmp_path / ROWS, "episode_index", [0] * 12 + [1] * 9 + [1] * 15 + [3] * 11)
    logs, bad = read_all(tmp_path)
    assert [log.name for log in logs] == ["episode_000000", "episode_000001", "episode_000003"]
    np.testing.assert_array_equal(np.asarray(logs[1].states), arrays(SPEC, 1)[0])
    assert reasons(bad) == [("episode_000002", "length_mismatch"), ("orphan_rows", "orphan_rows")]
    assert "15 of 47 rows" in bad[1].detail


def test_rows_that_are_too_few_are_refused_with_where_they_are(tmp_path: Path) -> None:
    write_lerobot(tmp_path, SPEC)
    table = pq.read_table(tmp_path / ROWS)
    pq.write_table(table.slice(0, 24), tmp_path / ROWS)
    pq.write_table(table.slice(30), tmp_path / "data/chunk-000/file-001.parquet")
    put_column(tmp_path / EPISODES, "data/file_index", [0, 0, 0, 1])
    logs, bad = read_all(tmp_path)
    assert len(logs) == 3
    assert bad[0].reason == "length_mismatch"
    assert bad[0].detail == f"3 rows in {ROWS}, 6 in data/chunk-000/file-001.parquet; its metadata say 15"


def test_a_file_of_another_episodes_rows_is_refused(tmp_path: Path) -> None:
    """v2.1: which of the two the video is of, the rows or the file's name, nothing tells."""
    write_lerobot_v21(tmp_path, LeRobotSpec(lengths=(8, 8), version="v2.1", orphans=0, rewards=None))
    put_column(tmp_path / "data/chunk-000/episode_000001.parquet", "episode_index", [0] * 8)
    logs, bad = read_all(tmp_path)
    assert [log.name for log in logs] == ["episode_000000"]
    assert reasons(bad) == [("episode_000001", "length_mismatch"), ("orphan_rows", "orphan_rows")]


def test_a_file_of_one_episode_needs_no_index(tmp_path: Path) -> None:
    write_lerobot_v21(tmp_path, LeRobotSpec(lengths=(8,), version="v2.1", orphans=0, rewards=None))
    put_column(tmp_path / "data/chunk-000/episode_000000.parquet", "episode_index", None)
    logs, bad = read_all(tmp_path)
    assert (len(logs), bad) == (1, [])


def _frames(root: Path, order: list[int]) -> None:
    """An episode of six rows, whose state[0] is its frame, written in another order."""
    path = root / "data/chunk-000/file-000.parquet"
    put_column(path, "frame_index", order)
    rows = pq.read_table(path)
    assert rows["frame_index"].to_pylist() == order


@pytest.mark.parametrize(("order", "read"), [
    ([0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5]), ([3, 0, 1, 2, 4, 5], [1, 2, 3, 0, 4, 5]),
    ([0, 0, 0, 0, 0, 0], [0, 1, 2, 3, 4, 5]), ([7, 8, 9, 10, 11, 12], [0, 1, 2, 3, 4, 5]),
])  # fmt: skip
def test_rows_are_in_order_of_their_frames(tmp_path: Path, order: list[int], read: list[int]) -> None:
    """read: places of the rows in the file, in the order they are given."""
    spec = LeRobotSpec(lengths=(6,), orphans=0, rewards=(1.0,))
    write_lerobot(tmp_path, spec)
    _frames(tmp_path, order)
    (log,), _ = read_all(tmp_path)
    assert log.states is not None
    np.testing.assert_array_equal(log.states, arrays(spec, 0)[0][read])


@pytest.mark.parametrize("order", [[0, 1, 2, 4, 5, 6], [0, 1, 1, 2, 3, 4]])
def test_a_frame_without_its_row_is_refused(tmp_path: Path, order: list[int]) -> None:
    write_lerobot(tmp_path, LeRobotSpec(lengths=(6,), orphans=0, rewards=(1.0,)))
    _frames(tmp_path, order)
    logs, bad = read_all(tmp_path)
    assert logs == []
    assert reasons(bad) == [("episode_000000", "frame_gap")]
