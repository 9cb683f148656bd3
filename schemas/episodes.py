"""Rows of the robot's own attempts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

import pyarrow as pa

from schemas.arrow import column
from schemas.spans import StoredSpan

CAMERA_SPAN = pa.struct(
    [
        ("camera", pa.string()),
        ("sha256", pa.string()),
        ("start_ns", pa.int64()),  # in that recording
        ("end_ns", pa.int64()),
    ]
)


class StoredCameraSpan(StoredSpan):
    """An attempt's span in one camera's recording."""

    camera: str
    sha256: str


TASK = pa.struct([("text", pa.string()), ("start_frame", pa.int64()), ("end_frame", pa.int64()), ("kind", pa.string())])
NOTE = pa.struct([("code", pa.string()), ("detail", pa.string())])


class StoredTask(TypedDict):
    """What was to be done in the steps [start_frame, end_frame)."""

    text: str
    start_frame: int
    end_frame: int
    kind: str


class StoredNote(TypedDict):
    """Something of an attempt that its reader should know."""

    code: str
    detail: str


FLOATS = pa.list_(pa.float32())


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One robot attempt, success or failure. Written last: its steps and clips are whole once it is there.

    A log that is read again gives new rows. The latest (reading, modified_ns, revision) counts, of an episode_id and of
    a name in a log; it stands for an attempt unless it is withdrawn, or a copy of what stands with the same content
    (pipelines/corpus/episodes.py).
    """

    episode_row_id: str = column("key_of(episode_id, revision, reading)")
    episode_id: str = column("key_of(namespace, name)")
    name: str = column("the log's own name of it")
    uri: str = column("the log it was read from")
    revision: str = column("of the log, and of how it was read")
    modified_ns: int = column("the log's time of this revision, Unix ns; 0 where it has none")
    embodiment: str = column("robot type; names the view idm_<embodiment>")
    robot_id: str | None = column("salted")
    scene_id: str | None = column("salted")
    instruction: str | None = column("what it was told to do")
    outcome: str = column("success, failure, unknown")
    outcome_source: str | None = column("human, sensor, vlm, sim; null: outcome unknown")
    outcome_confidence: float | None = column("0..1")
    failure_mode: str | None = column("as the log names it")
    failure_frame: int | None = column("frame index")
    policy_id: str | None = column("what drove it")
    world_model_id: str | None = column("what imagined it")
    idm_id: str | None = column("what turned pixels into actions")
    trained_on: str | None = column("release that the policy was trained on")
    collect_mode: str = column("autonomous, teleop, play, scripted, unknown")
    calibration_json: str | None = column("camera calibration as the log gave it")
    fps_hz: float = column("of its steps")
    frame_count: int = column("steps")
    state_names: list[str] = column("names of the state's axes, may be empty", pa.list_(pa.string()))
    action_names: list[str] = column("names of the action's axes, may be empty", pa.list_(pa.string()))
    cameras: list[StoredCameraSpan] = column("its span in each camera's recording", pa.list_(CAMERA_SPAN))
    run_id: str = column("provenance")
    tasks: list[StoredTask] | None = column("where they change on the way", pa.list_(TASK), default=None)
    ever_succeeded: bool | None = column("success was reached at some step, whatever the outcome is", default=None)
    split: str | None = column("train, val or test, as the log's makers drew it", default=None)
    notes: list[StoredNote] | None = column("what its reader should know", pa.list_(NOTE), default=None)
    namespace: str | None = column("of its data set: `[[robot]] name`, Hub repository or path", default=None)
    root: str | None = column("where that data set lies", default=None)
    reader: str | None = column("what read it, with its version; null: before readers had one", default=None)
    reading: int | None = column("rises with each reading of its log, or of the attempt; null: 0", default=None)
    steps_id: str | None = column("steps.steps_id; null: the steps of its episode_id", default=None)
    copy_of: str | None = column("episode_id of the attempt with the same steps and recordings", default=None)
    withdrawn: str | None = column("why this reading of the log gives the attempt no more", default=None)
    earlier_id: str | None = column("its episode_id under schema 2", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One frame of an episode."""

    step_id: str = column("key_of(steps_id, frame)")
    episode_id: str = column("the attempt that it was first read of; episodes.steps_id says of which others it is")
    frame: int = column("0-based")
    t_ns: int = column("from the episode's start")
    state: list[float] | None = column("(S,) as logged", FLOATS)
    action_commanded: list[float] | None = column("(A,) as logged", FLOATS)
    action_executed: list[float] | None = column("(A,) where the log tells it apart", FLOATS)
    control_source: str | None = column("policy, human, script")
    intervention: bool | None = column("a person corrected or recovered")
    reward: float | None = column("as logged")
    done: bool | None = column("as logged")
    camera_ns: list[int | None] | None = column(
        "time of its frame in each camera's recording, as `episodes.cameras` has them; null: it has none there",
        pa.list_(pa.int64()), default=None,
    )  # fmt: skip
    steps_id: str | None = column("digest of what all steps of it hold; null: episode_id", default=None)
