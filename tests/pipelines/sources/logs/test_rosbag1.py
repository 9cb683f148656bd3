"""Bags of ROS 1 become what bags of ROS 2 with the same messages become."""

from __future__ import annotations

from pathlib import Path

from pipelines.sources.logs import rosbag1, rosbag2
from pipelines.sources.logs.base import LogOptions
from pipelines.sources.logs.episode_log import EpisodeLog
from tests.support.message_logs import T0, arm, text, write_bag1, write_bag2


def test_rows_are_those_of_the_same_messages_in_ros_2(tmp_path: Path) -> None:
    sent = [text(T0 - 5, "lift it"), *arm()]
    write_bag1(tmp_path / "a/take.bag", sent)
    write_bag2(tmp_path / "b/take", sent)
    (one,) = rosbag1.list_logs(str(tmp_path / "a"))
    (two,) = rosbag2.list_logs(str(tmp_path / "b"))
    (first,), (second,) = rosbag1.read(one, tmp_path, LogOptions()), rosbag2.read(two, tmp_path, LogOptions())
    assert isinstance(first, EpisodeLog)
    assert isinstance(second, EpisodeLog)
    assert (first.name, first.instruction) == ("take", "lift it") == (second.name, second.instruction)
    assert first.states is not None
    assert second.states is not None
    assert first.states.tolist() == second.states.tolist()
    assert first.t_ns.tolist() == second.t_ns.tolist()


def test_a_bag_under_way_when_its_recorder_was_killed_is_listed(tmp_path: Path) -> None:
    write_bag1(tmp_path / "take.bag.active", arm(2))
    assert [item.uri for item in rosbag1.list_logs(str(tmp_path))] == [str(tmp_path / "take.bag.active")]
