"""MCAP logs: rows are pictures at their own stamps, each with the joints of that moment, or the reason why not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mcap.writer import CompressionType

from pipelines.media import log_pictures
from pipelines.sources.logs import mcap
from pipelines.sources.logs.base import BadEpisode, LogColumns, LogOptions
from pipelines.sources.logs.episode_log import EpisodeLog
from schemas.errors import BadMedia
from tests.support.message_logs import (
    T0,
    Sent,
    arm,
    by_log_time,
    header,
    image,
    joints,
    jpeg,
    text,
    write_json_mcap,
    write_mcap,
)  # fmt: skip

MS = 1_000_000


def parts(path: Path, **columns: object) -> tuple[list[EpisodeLog], list[BadEpisode]]:
    (item,) = mcap.list_logs(str(path))
    made = list(mcap.read(item, path.parent, LogOptions(columns=LogColumns(**columns))))  # type: ignore[arg-type]
    return [p for p in made if isinstance(p, EpisodeLog)], [p for p in made if isinstance(p, BadEpisode)]


def one(path: Path, **columns: object) -> EpisodeLog:
    (log,), left_out = parts(path, **columns)
    assert left_out == []
    return log


def refused(path: Path, **columns: object) -> BadMedia:
    with pytest.raises(BadMedia) as found:
        parts(path, **columns)
    return found.value


def two_clocks() -> list[Sent]:
    """Pictures 35 ms late and one dropped, names that change their order, a gap of joints, a stamp of 0."""
    sent = [joints(T0 - 10 * MS, 0, stamp_ns=0, a=0.0, b=0.0)]
    for i in range(200):
        values = {"a": i / 5, "b": i / 2.5}
        if not 100 <= i < 125:
            named = values if i < 100 else dict(reversed(values.items()))
            sent.append(joints(T0 + i * 20 * MS, **named))
        if i % 5 == 0 and i != 100:
            sent.append(image(T0 + i * 20 * MS, i // 5))
    return by_log_time(sent)


@pytest.mark.slow
def test_each_picture_has_the_joints_of_its_moment(tmp_path: Path) -> None:
    log = one(write_mcap(tmp_path / "a.mcap", two_clocks()))
    numbers = [k for k in range(40) if k != 20]
    assert log.t_ns.tolist() == [k * 100 * MS for k in numbers]
    assert log.state_names == ("a", "b")
    lost = {21, 22, 23, 24}  # farther than 30 ms from any joints
    expected = [[np.nan] * 2 if k in lost else [k, 2 * k] for k in numbers]
    np.testing.assert_array_equal(log.states, np.array(expected, np.float32))
    (camera,) = log.cameras
    assert camera.frame_stamps_ns is not None
    assert camera.frame_stamps_ns.tolist() == log.t_ns.tolist()
    split = log_pictures.split(camera.uri)
    assert split is not None
    assert list(log_pictures.FORMATS["mcap"].pictures(Path(split[0]), split[1].where, {})) == [jpeg(k) for k in numbers]
    notes = {note.code: note.detail for note in log.notes}
    assert "within 30000000 ns of 4 of 39 steps, first 20" in notes["no_reading_near"]
    assert "1 times" in notes["picture_gaps"]
    assert any("1 of 176 messages have no stamp that fits" in note.detail for note in log.notes)


def test_what_is_lost_of_a_file_that_was_not_closed_is_told(tmp_path: Path) -> None:
    whole = write_mcap(tmp_path / "whole/a.mcap", arm(40))
    cut = tmp_path / "cut/a.mcap"
    cut.parent.mkdir()
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 3 // 4])
    (log,), (left_out,) = parts(cut)
    assert (left_out.name, left_out.reason) == ("a/part 0", "truncated_log")
    assert "truncated_log" in {note.code for note in log.notes}
    assert 5 < len(log.t_ns) < 40
    full = one(whole)
    assert log.states is not None
    assert full.states is not None
    seen = np.isfinite(log.states).all(axis=1)
    assert seen.sum() >= len(seen) - 1
    assert np.array_equal(log.states[seen], full.states[: len(seen)][seen])


def test_a_log_without_pictures_is_refused_with_its_topics(tmp_path: Path) -> None:
    error = refused(write_mcap(tmp_path / "a.mcap", [joints(T0, a=1.0), text(T0, "go")]))
    assert error.reason == "no_pictures"
    assert error.detail.endswith("there are /joint_states (JointState), /task (String)")


def command(t_ns: int, value: float) -> Sent:
    fields = {"header": header(t_ns), "joint_names": ["a", "b"], "velocities": [value, -value], "gripper": value / 2}
    return Sent("/command", "made_msgs/msg/Command", t_ns, fields)


def test_a_command_of_ones_own_type_is_the_action_and_a_part_of_it_can_be_named(tmp_path: Path) -> None:
    sent = by_log_time(arm() + [command(T0 + k * 100 * MS, k) for k in range(20)] + [text(T0 - 5, "put it down")])
    path = write_mcap(tmp_path / "a.mcap", sent)
    log = one(path)
    assert log.action_names == ("velocities.a", "velocities.b", "gripper")
    assert log.actions is not None
    assert log.actions.tolist() == [[k, -k, k / 2] for k in range(20)]
    assert (log.instruction, log.tasks) == ("put it down", ())
    part = one(path, action=("/command.gripper",))
    assert part.action_names == ("gripper",)
    assert part.actions is not None
    assert part.actions.tolist() == [[k / 2] for k in range(20)]
    assert "it has velocities.a" in refused(path, action=("/command.torque",)).detail
    assert refused(path, state=("/joints",)).reason == "missing_column"


def test_what_may_be_the_state_is_asked_and_not_guessed(tmp_path: Path) -> None:
    pictures = [image(T0 + k * 100 * MS, k) for k in range(10)]
    sides = [
        joints(T0 + k * 100 * MS, topic=f"/{side}/state", **{side: k}) for k in range(10) for side in ("left", "right")
    ]
    log = one(write_mcap(tmp_path / "a.mcap", by_log_time(pictures + sides)))
    assert log.state_names == ("left", "right")
    other = [joints(T0 + k * 100 * MS, topic="/gripper/state", g=k) for k in range(10)]
    path = write_mcap(tmp_path / "b/b.mcap", by_log_time(pictures + sides + other))
    error = refused(path)
    assert error.reason == "ambiguous_columns"
    assert 'state = ["/gripper/state"]' in error.detail
    assert one(path, state=("/right/state", "/gripper/state")).state_names == ("right", "g")


def test_two_publishers_of_one_topic_give_each_axis_its_own_nearest(tmp_path: Path) -> None:
    sent = [image(T0 + k * 100 * MS, k) for k in range(10)]
    for i in range(100):
        sent.append(joints(T0 + i * 10 * MS, **({"arm": i} if i % 2 == 0 else {"gripper": i})))
    log = one(write_mcap(tmp_path / "a.mcap", by_log_time(sent)))
    assert log.states is not None
    assert log.state_names == ("arm", "gripper")
    assert log.states[:, 0].tolist() == [k * 10 for k in range(10)]
    assert set(np.abs(log.states[1:, 1] - log.states[1:, 0])) == {1}


def test_stamps_of_two_clocks_are_refused(tmp_path: Path) -> None:
    sent = [joints(s * 20 * MS + 1, T0, a=s) for s in range(100)] + [image(T0 + k * 100 * MS, k) for k in range(20)]
    assert refused(write_mcap(tmp_path / "a.mcap", by_log_time(sent))).reason == "two_clocks"


def test_topics_without_stamps_lie_on_the_clock_of_those_that_have_them(tmp_path: Path) -> None:
    boot = 100 * 10**9  # stamps since the robot's start; the recorder has Unix time
    sent = [image(boot + k * 100 * MS, k, late_ns=T0) for k in range(10)]
    sent += [
        Sent("/state", "std_msgs/msg/Float64MultiArray", boot + T0 + k * 100 * MS, {"data": [k]}) for k in range(10)
    ]
    log = one(write_mcap(tmp_path / "a.mcap", by_log_time(sent)))
    assert log.states is not None
    assert log.states[:, 0].tolist() == list(range(10))


def test_a_second_camera_is_paired_by_its_own_stamps(tmp_path: Path) -> None:
    wrist = [image(T0 + 40 * MS + k * 200 * MS, k, topic="/wrist/image_raw/compressed") for k in range(10)]
    log = one(write_mcap(tmp_path / "a.mcap", by_log_time(arm() + wrist)))
    top, side = log.cameras
    assert (top.camera, side.camera, side.tolerance_ns) == ("camera_top", "wrist", 150 * MS)
    assert side.frame_stamps_ns is not None
    assert side.frame_stamps_ns.tolist() == [(40 + k * 200) * MS for k in range(10)]
    named = one(tmp_path / "a.mcap", cameras={"hand": "/wrist/image_raw/compressed"})
    assert [c.camera for c in named.cameras] == ["hand"]
    assert len(named.t_ns) == 10
    assert refused(tmp_path / "a.mcap", cameras={"hand": "/foot"}).reason == "missing_camera"


@pytest.mark.slow
def test_tasks_change_on_the_way_and_labels_come_from_the_topics_that_are_named(tmp_path: Path) -> None:
    sent = by_log_time(
        [*arm(), text(T0 - 1, "pick it"), text(T0 + 1000 * MS, "place it"), text(T0, "failure", "/label")]
    )
    path = write_mcap(tmp_path / "a.mcap", sent)
    log = one(path, outcome="/label")
    assert log.instruction == "pick it"
    assert [(t.text, t.start_frame, t.end_frame) for t in log.tasks] == [("pick it", 0, 10), ("place it", 10, 20)]
    assert log.outcome == "failure"
    assert one(path).outcome == "unknown"
    sent.append(Sent("/bad", "std_msgs/msg/Bool", T0, {"data": True}))
    attempts, (left_out,) = parts(write_mcap(path, sent), discarded="/bad")
    assert (attempts, left_out.reason) == ([], "discarded")


def test_a_label_that_says_neither_costs_itself_and_a_flag_of_that_sort_the_log(tmp_path: Path) -> None:
    path = write_mcap(tmp_path / "a.mcap", by_log_time([*arm(), text(T0, "perhaps", "/label")]))
    (log,), (left_out,) = parts(path, outcome="/label")
    assert log.outcome == "unknown"
    assert (left_out.name.rpartition("/")[2], left_out.reason) == ("outcome", "bad_header")
    assert refused(path, discarded="/label").reason == "bad_header"


def test_the_operators_prompt_is_the_instruction(tmp_path: Path) -> None:
    said = "custom_data:\n  lerobot.operator_prompt: stack the cups\n"
    path = write_mcap(tmp_path / "a.mcap", arm(), metadata=[{"serialized_metadata": "custom_data: ~"},
                                                              {"serialized_metadata": said}])  # fmt: skip
    assert one(path).instruction == "stack the cups"


def test_an_announced_camera_without_messages_and_json_of_foxglove(tmp_path: Path) -> None:
    stamps = [{"sec": T0 // 10**9, "nsec": k * 100 * MS} for k in range(5)]
    sent = [
        Sent(
            "/top",
            "foxglove.CompressedImage",
            T0 + k * 100 * MS + 9,
            {"timestamp": stamps[k], "data": jpeg(k), "format": "jpeg"},
        )
        for k in range(5)
    ]
    sent += [Sent("/q", "foxglove.JointStates", T0 + k * 100 * MS + 3, {"timestamp": stamps[k], "joints": [
        {"name": "a", "position": k, "velocity": 9}]}) for k in range(5)]  # fmt: skip
    log = one(write_json_mcap(tmp_path / "a.mcap", sent))
    assert log.states is not None
    assert (log.state_names, log.states[:, 0].tolist()) == (("a",), [0, 1, 2, 3, 4])


def test_names_of_files_are_made_safe_and_stay_apart(tmp_path: Path) -> None:
    for name in ("take 1.mcap", "take_1.mcap", ".take.mcap"):
        write_mcap(tmp_path / name, arm(3))
    names = {p.name for item in mcap.list_logs(str(tmp_path)) for p in mcap.read(item, tmp_path, LogOptions())}
    assert len(names) == 2
    assert "take_1" in names


def test_where_the_damage_took_all_pictures_the_damage_is_the_reason(tmp_path: Path) -> None:
    path = write_mcap(tmp_path / "a.mcap", [joints(T0, a=1.0), *arm(8)], chunk_size=1 << 20)
    data = bytearray(path.read_bytes())
    data[400] ^= 0xFF
    path.write_bytes(data)
    error = refused(path)
    assert error.reason == "damaged_chunk"
    assert "/joint_states (JointState)" in error.detail


@pytest.mark.slow
def test_video_begins_at_a_key_frame_and_goes_on_at_the_next_one_behind_a_loss(tmp_path: Path) -> None:
    frames = {k: key_frame(k) if k in (2, 6) else delta_frame(k) for k in range(9)}
    sent = [joints(T0 + k * 100 * MS, a=k) for k in range(9)]
    for k, data in frames.items():
        stamp = {"sec": (T0 + k * 100 * MS) // 10**9, "nanosec": (T0 + k * 100 * MS) % 10**9}
        fields = {"timestamp": stamp, "frame_id": "", "data": data, "format": "h264"}
        sent.append(Sent("/top/video", "foxglove_msgs/msg/CompressedVideo", T0 + k * 100 * MS, fields))
    path = write_mcap(tmp_path / "a.mcap", by_log_time(sent), chunk_size=1, compression=CompressionType.NONE)
    (log,), (left_out,) = parts(path)
    assert log.states is not None
    assert log.states[:, 0].tolist() == [2, 3, 4, 5, 6, 7, 8]
    assert (left_out.name, left_out.reason) == ("a/pictures of top", "pictures_left_out")
    assert "2 messages: video before a key frame" in left_out.detail
    assert film(log) == [frames[k] for k in range(2, 9)]
    data = bytearray(path.read_bytes())
    data[data.index(frames[4]) + 8] ^= 0xFF  # its chunk
    path.write_bytes(data)
    (log,), left = parts(path)
    assert log.t_ns.tolist() == [0, 100 * MS, 400 * MS, 500 * MS, 600 * MS]
    assert film(log) == [frames[k] for k in (2, 3, 6, 7, 8)]
    assert {part.reason for part in left} == {"damaged_chunk", "pictures_left_out"}


def key_frame(number: int) -> bytes:
    """Parameter sets and a key frame, as far as NAL units go."""
    return b"\0\0\0\1\x67\x42\0\x1e\0\0\0\1\x68\xce\0\0\0\1\x65" + bytes([number + 1] * 40)


def delta_frame(number: int) -> bytes:
    """A frame that rests on the one before it."""
    return b"\0\0\0\1\x41\x9a" + bytes([number + 1] * 40)


def film(log: EpisodeLog) -> list[object]:
    """The pictures of its one camera."""
    (camera,) = log.cameras
    split = log_pictures.split(camera.uri)
    assert split is not None
    assert camera.frame_stamps_ns is not None
    made = list(log_pictures.FORMATS[split[1].format].pictures(Path(split[0]), split[1].where, split[1].options))
    assert len(made) == len(camera.frame_stamps_ns)
    return list(made)
