"""An attempt as rows: its identity, its episode, its steps, its spans in what was decoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.fold.content import content_key
from pipelines.fold.pairing import NO_FRAME
from pipelines.sources.logs.episode_log import EpisodeLog, Floats, Times, lost_rows
from schemas import Episode, Step
from schemas.arrow import schema_of
from schemas.columns import Array
from schemas.episodes import StoredCameraSpan, StoredNote, StoredTask
from schemas.keys import episode_key, episode_row_key, salted, step_key


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose attempts a log holds, and what read it."""

    namespace: str
    root: str
    reader: str


def episode_row(
    log: EpisodeLog, origin: Origin, sha_by_uri: Mapping[str, str], steps_id: str, *, run_id: str, salt: str
) -> Episode:
    """The attempt's row, as of a first reading. sha_by_uri: sha256 of each camera's recording; salt hides robot, scene.

    What stands in the corpus may make it a later reading, or a copy (`settle`).
    """
    own_id = episode_key(origin.namespace, log.name)
    cameras = [
        StoredCameraSpan(camera=c.camera, sha256=sha_by_uri[c.uri], start_ns=c.start_ns, end_ns=c.end_ns)
        for c in log.cameras
    ]
    return Episode(
        episode_row_id=episode_row_key(own_id, log.revision, 1), episode_id=own_id, name=log.name, uri=log.uri,
        revision=log.revision, modified_ns=log.modified_ns, embodiment=log.embodiment,
        robot_id=None if log.robot is None else salted(log.robot, salt),
        scene_id=None if log.scene is None else salted(log.scene, salt), instruction=log.instruction,
        outcome=log.outcome, outcome_source=log.outcome_source, outcome_confidence=log.outcome_confidence,
        failure_mode=log.failure_mode, failure_frame=log.failure_frame, policy_id=log.policy_id,
        world_model_id=log.world_model_id, idm_id=log.idm_id, trained_on=log.trained_on,
        collect_mode=log.collect_mode, calibration_json=log.calibration_json, fps_hz=log.fps_hz,
        frame_count=len(log.t_ns), state_names=list(log.state_names), action_names=list(log.action_names),
        cameras=cameras,
        tasks=[
            StoredTask(text=t.text, start_frame=t.start_frame, end_frame=t.end_frame, kind=t.kind) for t in log.tasks
        ],
        ever_succeeded=log.ever_succeeded, split=log.split,
        notes=[StoredNote(code=n.code, detail=n.detail) for n in log.notes], namespace=origin.namespace,
        root=origin.root, reader=origin.reader, reading=1, steps_id=steps_id, run_id=run_id,
    )  # fmt: skip


def step_table(log: EpisodeLog, namespace: str = "", row_ns: Sequence[Times] = ()) -> pa.Table:
    """The attempt's steps, schema_of(Step), in order of frame. A correcting person holds the controls.

    Equal steps have an equal steps_id, whoever's they are; a label that is added later gives steps of their own.
    row_ns: of each of its cameras, when each step's frame is shown, int64 (T,), or NO_FRAME; none: not paired.
    """
    count, schema = len(log.t_ns), schema_of(Step)
    columns: dict[str, Array | None] = {
        "frame": pa.array(np.arange(count, dtype=np.int64)),
        "t_ns": pa.array(log.t_ns),
        "state": _lists(log.states),
        "action_commanded": _lists(log.actions),
        "action_executed": _lists(log.actions_executed),
        "control_source": _control(log),
        "intervention": None if log.intervention is None else pa.array(log.intervention),
        "reward": None if log.reward is None else pa.array(log.reward.astype(np.float64), mask=lost_rows(log.reward)),
        "camera_ns": _camera_ns(row_ns),
        "done": None if log.done is None else pa.array(log.done),
    }
    whole = {f.name: pa.nulls(count, f.type) if (made := columns[f.name]) is None else made
             for f in schema if f.name in columns}  # fmt: skip
    key = content_key(whole)
    whole |= {
        "step_id": pa.array([step_key(key, frame) for frame in range(count)], pa.string()),
        "episode_id": pa.repeat(episode_key(namespace, log.name), count),
        "steps_id": pa.repeat(key, count),
    }
    return pa.Table.from_arrays([whole[name] for name in schema.names], schema=schema)


def _lists(array: Floats | None) -> Array | None:
    if array is None:
        return None
    offsets = np.arange(len(array) + 1, dtype=np.int32) * array.shape[1]
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(array.reshape(-1)), mask=pa.array(lost_rows(array)))


def _camera_ns(row_ns: Sequence[Times]) -> Array | None:
    if not row_ns:
        return None
    no_frame = int(NO_FRAME)
    by_step = np.stack(row_ns, axis=1).tolist()
    lists = [[None if t == no_frame else t for t in times] for times in by_step]
    return pa.array(lists, pa.list_(pa.int64()))


def _control(log: EpisodeLog) -> Array:
    usual = pa.repeat(pa.scalar(log.control_source, pa.string()), len(log.t_ns))
    if log.intervention is None:
        return usual
    control: Array = pc.if_else(pa.array(log.intervention), pa.scalar("human"), usual)
    return control
