"""Bags of ROS 1: what was written, whatever lies between."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.readers import rosbag1
from infra.readers.topics import Topic
from schemas.errors import BadMedia
from tests.support.message_logs import IMAGE, JOINTS, STRING, T0, Sent, arm, header, jpeg, stamps_of, text, write_bag1

TOP = "/camera/top/image/compressed"


def test_values_are_what_was_written(tmp_path: Path) -> None:
    command = {"header": header(T0), "joint_names": ["a", "b"], "velocities": [1.0, 2.0], "gripper": 0.5}
    sent = [text(T0, "go"), Sent("/command", "made_msgs/msg/Command", T0 + 1, command), *arm()]
    path = write_bag1(tmp_path / "a.bag", sent)
    assert rosbag1.survey([path])[0] == [
        Topic(TOP, IMAGE, 20), Topic("/command", "made_msgs/msg/Command", 1), Topic("/joint_states", JOINTS, 100),
        Topic("/task", STRING, 1),
    ]  # fmt: skip
    read = rosbag1.read([path], ["/joint_states", "/command", "/task"])
    series = read.series["/joint_states"]
    assert (series.axes, read.lost) == (("position.a", "position.b"), ())
    assert series.values.tolist() == [[i / 5, i / 2.5] for i in range(100)]
    assert series.stamps_ns.tolist() == stamps_of([s for s in sent if s.type == JOINTS])
    assert read.series["/command"].axes == ("velocities.a", "velocities.b", "gripper")
    assert read.series["/command"].values.tolist() == [[1.0, 2.0, 0.5]]
    assert read.series["/task"].texts == ("go",)
    assert list(rosbag1.pictures(path, TOP, {})) == [jpeg(k) for k in range(20)]


def test_a_bag_that_was_not_closed_says_what_mends_it(tmp_path: Path) -> None:
    path = write_bag1(tmp_path / "a.bag", arm())
    data = bytearray(path.read_bytes())
    at = data.index(b"index_pos=") + len(b"index_pos=")
    data[at : at + 8] = bytes(8)
    path.write_bytes(data)
    with pytest.raises(BadMedia) as refused:
        rosbag1.survey([path])
    assert refused.value.reason == "not_indexed"
    assert "rosbag reindex a.bag" in refused.value.detail


def test_what_is_no_bag_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.bag").write_bytes(b"#ROSBAG V1.2\n")
    with pytest.raises(BadMedia) as refused:
        rosbag1.read([tmp_path / "a.bag"], [])
    assert refused.value.reason == "bad_bag"
