"""Which topics of a log hold state, action, pictures and words: those that `columns` names, else those that say so.

State: JointState topics whose names are no command's. Action: topics with a command's name. Where several could be
meant the attempt is refused with all topics and a mapping; `/joint_states`, which ROS keeps for the whole robot, and
the topics of a left and a right side are no such case.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infra.readers.message_pictures import is_picture, short_type
from infra.readers.topics import Topic
from pipelines.sources.logs.base import LogColumns
from schemas.errors import BadMedia

WHOLE_ROBOT = "/joint_states"  # ROS' convention, REP 107's joint_state_publisher
JOINTS = frozenset({"JointState", "JointStates"})  # sensor_msgs, foxglove
COMMAND = re.compile(r"command|cmd|target|desired|action|goal|leader|master|setpoint|reference", re.IGNORECASE)
STATE = re.compile(r"(?:^|[/._])(?:robot_state|state|states|qpos|proprio|feedback)$", re.IGNORECASE)
GALAXEA_STATE = re.compile(r"/hdas/feedback_(?:arm|gripper|torso)\w*")  # Galaxea R1's drivers
GALAXEA_ACTION = re.compile(r"/motion_target/target_(?:joint_state|position_gripper)\w*")
TASKS = ("/task", "/instruction", "/language_instruction", "/task_description", "/prompt", "task", "instruction")
NO_READINGS = frozenset(
    {"String", "Log", "TFMessage", "FrameTransform", "FrameTransforms", "CameraInfo", "CameraCalibration",
     "PointCloud2", "PointCloud", "ParameterEvent", "Clock", "DiagnosticArray", "MarkerArray", "Marker",
     "OccupancyGrid", "Path", "LaserScan", "Bool", "Empty", "SceneUpdate", "WriteSplitEvent", ""}
)  # fmt: skip
INTERNAL = re.compile(r"/_action/|_service_event$|^/(?:rosout|tf|tf_static|parameter_events|diagnostics|clock)\b")
SIDES = re.compile(r"left|right|\d+", re.IGNORECASE)
ENDINGS = re.compile(r"/(?:image\w*|compressed|video|h264|raw)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """A topic, and the path of the fields that are meant; "": those that its type is known for, else all."""

    topic: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """Parts side by side, in their order; cameras by name, the first gives the rows."""

    state: tuple[Part, ...]
    action: tuple[Part, ...]
    cameras: dict[str, str]
    task: str | None
    outcome: Part | None
    discarded: Part | None

    def topics(self) -> list[str]:
        """All of them, each once."""
        parts = [p for p in (*self.state, *self.action, self.outcome, self.discarded) if p is not None]
        named = [*(p.topic for p in parts), *self.cameras.values(), *([self.task] if self.task else [])]
        return list(dict.fromkeys(named))


def choose(topics: Sequence[Topic], columns: LogColumns) -> Choice:
    """BadMedia: missing_column, missing_camera, no_pictures, ambiguous_columns, no_states_or_actions."""
    cameras = cameras_of(topics, columns)
    if not cameras:
        raise BadMedia("no_pictures", f"no topic has pictures; there are {list_topics(topics)}")
    readings = [t for t in topics if has_readings(t)]
    state = tuple(_named(topics, name, "state") for name in columns.state)
    action = tuple(_named(topics, name, "action") for name in columns.action)
    if not state:
        state = _state_of([t for t in readings if t.name not in {p.topic for p in action}], topics)
    if not action:
        action = _action_of([t for t in readings if t.name not in {p.topic for p in state}], topics)
    if not state and not action:
        raise BadMedia("no_states_or_actions", f"no topic is known for either; there are {list_topics(topics)}")
    return Choice(
        state=state,
        action=action,
        cameras=cameras,
        task=_task_of(topics, columns.task),
        outcome=_named(topics, columns.outcome, "outcome") if columns.outcome else None,
        discarded=_named(topics, columns.discarded, "discarded") if columns.discarded else None,
    )


def cameras_of(topics: Sequence[Topic], columns: LogColumns) -> dict[str, str]:
    """Topics of pictures by their camera's name, those that `columns` names in its order, else all by name.

    BadMedia(missing_camera): what `columns` names is not there.
    """
    if columns.cameras:
        there = {t.name for t in topics}
        for camera, topic in columns.cameras.items():
            if topic not in there:
                raise BadMedia("missing_camera", f"{camera}: no topic {topic[:80]!r}; there are {list_topics(topics)}")
        return dict(columns.cameras)
    topics_of_pictures = sorted(t.name for t in topics if is_picture(t.name, t.type))
    short = {topic: _camera_name(topic) for topic in topics_of_pictures}
    twice = len(set(short.values())) < len(topics_of_pictures)
    return {re.sub(r"\W+", "_", topic).strip("_") if twice else short[topic]: topic for topic in topics_of_pictures}


def _camera_name(topic: str) -> str:
    """`camera_top` of `/camera/top/image_raw/compressed`."""
    name = topic
    while (shorter := ENDINGS.sub("", name)) != name and shorter.strip("/"):
        name = shorter
    return re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "camera"


def list_topics(topics: Sequence[Topic]) -> str:
    """The topics as a line for people."""
    return ", ".join(f"{t.name} ({short_type(t.type) or 'no type'})" for t in topics[:40]) or "no topics"


def _named(topics: Sequence[Topic], name: str, use: str) -> Part:
    """`/joint_states`, or `/cmd.velocity`: a topic and a path in it; the longest topic that fits counts."""
    there = {t.name for t in topics}
    if name in there:
        return Part(name)
    owners = [t for t in there if name.startswith(t + ".")]
    if not owners:
        detail = f"columns.{use} names {name[:80]!r}, which is no topic; there are {list_topics(topics)}"
        raise BadMedia("missing_column", detail)
    topic = max(owners, key=len)
    return Part(topic, name[len(topic) + 1 :])


def has_readings(topic: Topic) -> bool:
    """Whether a topic's messages may hold numbers of the robot."""
    known = short_type(topic.type) in NO_READINGS and not (topic.type == "" and topic.messages)
    return not known and not is_picture(topic.name, topic.type) and not INTERNAL.search(topic.name)


def _state_of(readings: Sequence[Topic], topics: Sequence[Topic]) -> tuple[Part, ...]:
    if galaxea := [t for t in readings if GALAXEA_STATE.fullmatch(t.name)]:
        return tuple(Part(t.name) for t in galaxea)
    still = [t for t in readings if not COMMAND.search(t.name)]
    joints = [t for t in still if short_type(t.type) in JOINTS]
    if any(t.name == WHOLE_ROBOT for t in joints):
        return (Part(WHOLE_ROBOT),)
    return _one_or_sides(joints or [t for t in still if STATE.search(t.name)], topics, "state")


def _action_of(readings: Sequence[Topic], topics: Sequence[Topic]) -> tuple[Part, ...]:
    if galaxea := [t for t in readings if GALAXEA_ACTION.fullmatch(t.name)]:
        return tuple(Part(t.name) for t in galaxea)
    return _one_or_sides([t for t in readings if COMMAND.search(t.name)], topics, "action")


def _one_or_sides(candidates: Sequence[Topic], topics: Sequence[Topic], use: str) -> tuple[Part, ...]:
    """BadMedia(ambiguous_columns): several that are no sides of one robot."""
    if len({SIDES.sub("*", t.name) for t in candidates}) > 1:
        mapping = f'{use} = ["{candidates[0].name}"]'
        names = ", ".join(t.name for t in candidates)
        raise BadMedia("ambiguous_columns", f"{use} may be {names}: say which, as columns = {{ {mapping} }}; "
                                            f"there are {list_topics(topics)}")  # fmt: skip
    return tuple(Part(t.name) for t in candidates)


def _task_of(topics: Sequence[Topic], stated: str | None) -> str | None:
    names: Mapping[str, Topic] = {t.name: t for t in topics}
    if stated is not None:
        return _named(topics, stated, "task").topic
    return next((name for name in TASKS if name in names), None)
