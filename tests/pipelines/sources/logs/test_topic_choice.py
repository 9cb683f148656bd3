"""Which topics are meant: the usual names, and a question where more than one could be."""

from __future__ import annotations

import pytest

from infra.readers.topics import Topic
from pipelines.sources.logs.base import LogColumns
from pipelines.sources.logs.topic_choice import Choice, Part, cameras_of, choose
from schemas.errors import BadMedia

JOINTS, IMAGE, TWIST = "sensor_msgs/msg/JointState", "sensor_msgs/msg/CompressedImage", "geometry_msgs/msg/Twist"
GALAXEA = {
    "/hdas/camera_head/left_raw/image_raw_color/compressed": IMAGE,
    "/hdas/camera_wrist_left/color/image_raw/compressed": IMAGE,
    "/hdas/feedback_arm_left": JOINTS,
    "/hdas/feedback_arm_right": JOINTS,
    "/hdas/feedback_gripper_left": "hdas_msg/msg/feedback_gripper",
    "/hdas/bms": "hdas_msg/msg/bms",
    "/motion_target/target_joint_state_arm_left": JOINTS,
    "/motion_target/target_position_gripper_left": "hdas_msg/msg/gripper",
    "/motion_target/target_pose_arm_left": "geometry_msgs/msg/PoseStamped",
}


def chosen(topics: dict[str, str], **columns: object) -> Choice:
    listed = [Topic(name, kind, 1) for name, kind in sorted(topics.items())]
    return choose(listed, LogColumns(**columns))  # type: ignore[arg-type]


def test_a_galaxea_r1_needs_no_mapping() -> None:
    choice = chosen(GALAXEA)
    assert [p.topic for p in choice.state] == [t for t in sorted(GALAXEA) if "/feedback_" in t]
    assert [p.topic for p in choice.action] == [
        "/motion_target/target_joint_state_arm_left", "/motion_target/target_position_gripper_left",
    ]  # fmt: skip
    assert list(choice.cameras) == ["hdas_camera_head_left_raw", "hdas_camera_wrist_left_color"]


def test_the_whole_robots_joints_come_before_those_of_its_parts() -> None:
    choice = chosen(
        {"/joint_states": JOINTS, "/gripper/joint_states": JOINTS, "/cam/image_raw": IMAGE, "/tf": "TFMessage"}
    )
    assert (choice.state, choice.action) == ((Part("/joint_states"),), ())


@pytest.mark.parametrize(
    ("topics", "asked"),
    [
        ({"/arm/joint_states": JOINTS, "/gripper/joint_states": JOINTS}, "state"),
        ({"/joint_states": JOINTS, "/cmd_vel": TWIST, "/gripper_command": TWIST}, "action"),
    ],
)
def test_what_could_be_either_is_asked(topics: dict[str, str], asked: str) -> None:
    with pytest.raises(BadMedia) as refused:
        chosen(topics | {"/cam": IMAGE})
    assert refused.value.reason == "ambiguous_columns"
    assert f"columns = {{ {asked} = [" in refused.value.detail
    first = next(t for t in sorted(topics) if t in refused.value.detail and t != "/joint_states")
    assert chosen(topics | {"/cam": IMAGE}, **{asked: (first,)}).topics()


def test_a_log_without_readings_or_pictures_is_refused() -> None:
    for topics, reason in (({"/joint_states": JOINTS}, "no_pictures"), ({"/cam": IMAGE}, "no_states_or_actions")):
        with pytest.raises(BadMedia) as refused:
            chosen(topics)
        assert refused.value.reason == reason
        assert refused.value.detail.endswith(f"({next(iter(topics.values())).rpartition('/')[2]})")


def test_depth_is_no_camera_and_names_that_would_meet_stay_long() -> None:
    topics = [Topic(name, IMAGE, 1) for name in ("/top/image_raw/compressedDepth", "/top/compressed", "/top/image_raw")]
    assert cameras_of(topics, LogColumns()) == {"top_compressed": "/top/compressed", "top_image_raw": "/top/image_raw"}
