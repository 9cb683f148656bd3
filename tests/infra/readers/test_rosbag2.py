"""Bags of ROS 2 in SQLite: as they are, without definitions, packed, damaged."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest
import zstandard

from infra.readers import rosbag2
from infra.readers.topics import Topic
from schemas.errors import BadMedia
from tests.support.message_logs import (
    DEFINITIONS,
    IMAGE,
    JOINTS,
    STRING,
    arm,
    jpeg,
    text,
    write_bag2,
    write_mcap,
    write_sqlite,
)

TOP = "/camera/top/image/compressed"


@pytest.mark.parametrize("definitions", [True, False])
def test_sqlite_gives_what_was_written(tmp_path: Path, definitions: bool) -> None:
    path = write_sqlite(tmp_path / "a.db3", [*arm(), text(5, "go")], definitions)
    assert rosbag2.survey([path]) == ([Topic(TOP, IMAGE, 20), Topic("/joint_states", JOINTS, 100),
                                       Topic("/task", STRING, 1)], [])  # fmt: skip
    read = rosbag2.read([path], ["/joint_states", "/task"])
    assert read.series["/joint_states"].axes == ("position.a", "position.b")
    assert read.series["/joint_states"].values.tolist() == [[i / 5, i / 2.5] for i in range(100)]
    assert (read.series["/task"].texts, read.lost) == (("go",), ())
    assert list(rosbag2.pictures(path, TOP, {})) == [jpeg(k) for k in range(20)]


def test_both_storages_give_the_same(tmp_path: Path) -> None:
    one = rosbag2.read([write_sqlite(tmp_path / "a.db3", arm())], ["/joint_states"]).series["/joint_states"]
    two = rosbag2.read([write_mcap(tmp_path / "a.mcap", arm())], ["/joint_states"]).series["/joint_states"]
    assert np.array_equal(one.values, two.values)
    assert np.array_equal(one.stamps_ns, two.stamps_ns)
    assert np.array_equal(one.log_ns, two.log_ns)


def test_a_bag_is_opened_as_it_is_and_what_is_not_in_it_is_told(tmp_path: Path) -> None:
    path = write_sqlite(tmp_path / "a.db3", arm())
    Path(f"{path}-wal").write_bytes(b"not in the file")
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    lost = rosbag2.read([path], ["/joint_states"]).lost
    assert [part.reason for part in lost] == ["unread_wal"]
    assert "15 bytes" in lost[0].detail
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_type_of_ones_own_needs_its_definition(tmp_path: Path) -> None:
    from tests.support.message_logs import Sent, header

    fields = {"header": header(7), "joint_names": ["a"], "velocities": [2.0], "gripper": 1.0}
    sent = [Sent("/command", "made_msgs/msg/Command", 7, fields)]
    known = rosbag2.read([write_sqlite(tmp_path / "a.db3", sent)], ["/command"]).series["/command"]
    assert known.values.tolist() == [[2.0, 1.0]]
    unknown = rosbag2.read([write_sqlite(tmp_path / "b.db3", sent, definitions=False)], ["/command"]).series["/command"]
    assert len(unknown.values) == 0
    assert list(unknown.left_out.values()) == [1]
    assert "no definition of made_msgs/msg/Command" in next(iter(unknown.left_out))


def test_a_definition_that_is_cut_short_is_not_believed(tmp_path: Path) -> None:
    path = write_sqlite(tmp_path / "a.db3", arm())
    bag = sqlite3.connect(path)
    short = DEFINITIONS[JOINTS].replace("float64[] position\nfloat64[] velocity\nfloat64[] effort\n", "")
    bag.execute("UPDATE message_definitions SET encoded_message_definition = ? WHERE topic_type = ?", (short, JOINTS))
    bag.commit()
    bag.close()
    series = rosbag2.read([path], ["/joint_states"]).series["/joint_states"]
    assert series.values[:, 0].tolist() == [i / 5 for i in range(100)]  # by ROS' own


@pytest.mark.parametrize("packed", ["file", "message"])
def test_what_is_packed_is_read(tmp_path: Path, packed: str) -> None:
    path = write_sqlite(tmp_path / "a.db3", arm())
    if packed == "file":
        data = path.read_bytes()
        path = path.rename(f"{path}.zstd")
        path.write_bytes(zstandard.compress(data))
    else:
        bag = sqlite3.connect(path)
        for number, data in list(bag.execute("SELECT id, data FROM messages")):
            bag.execute("UPDATE messages SET data = ? WHERE id = ?", (zstandard.compress(data), number))
        bag.commit()
        bag.close()
    assert len(rosbag2.read([path], ["/joint_states"]).series["/joint_states"].values) == 100
    assert list(rosbag2.pictures(path, TOP, {})) == [jpeg(k) for k in range(20)]


def test_a_damaged_part_costs_that_part(tmp_path: Path) -> None:
    bag = write_bag2(tmp_path / "bag", arm(40), files=4)
    paths = [bag / f"bag_{i}.db3" for i in range(4)]
    paths[1].write_bytes(b"nothing")
    read = rosbag2.read(paths, ["/joint_states"])
    assert [(part.reason, "bag_1.db3" in part.detail) for part in read.lost] == [("bad_bag", True)]
    assert 100 < len(read.series["/joint_states"].values) < 200
    with pytest.raises(BadMedia):
        rosbag2.read([paths[1]], ["/joint_states"])


@pytest.mark.slow
def test_a_damaged_page_costs_what_lies_behind_it_and_a_cut_file_says_what_mends_it(tmp_path: Path) -> None:
    path = write_sqlite(tmp_path / "a.db3", arm(200))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    path.write_bytes(data[:middle] + bytes(4096) + data[middle + 4096 :])
    read = rosbag2.read([path], ["/joint_states"])
    assert [part.reason for part in read.lost] == ["truncated_log"]
    assert 0 < len(read.series["/joint_states"].values) < 1000
    path.write_bytes(data[:middle])
    with pytest.raises(BadMedia, match=r"sqlite3 a.db3 .recover") as refused:
        rosbag2.read([path], ["/joint_states"])
    assert refused.value.reason == "bad_bag"
