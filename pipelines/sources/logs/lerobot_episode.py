"""An EpisodeLog of a LeRobot episode's rows."""

from __future__ import annotations

import pyarrow as pa

from pipelines.sources.logs.base import LogItem
from pipelines.sources.logs.episode_log import CONTROL_OF_MODE, EpisodeLog, Floats
from pipelines.sources.logs.fields import axis_names, number, text
from pipelines.sources.logs.lerobot_columns import flags, floats, times
from pipelines.sources.logs.lerobot_meta import DataSet, EpisodeMeta
from pipelines.sources.logs.lerobot_outcome import outcome_and_source
from pipelines.sources.logs.lerobot_places import cameras_of
from pipelines.sources.logs.lerobot_tasks import instruction
from schemas.errors import BadMedia

COLUMNS = {
    "observation.state", "action", "action_executed", "timestamp", "frame_index", "episode_index", "index",
    "task_index", "next.reward", "next.done", "next.success", "success", "intervention",
}  # fmt: skip


def episode_name(meta: EpisodeMeta) -> str:
    return f"episode_{meta.index:06d}"


def episode(data_set: DataSet, meta: EpisodeMeta, rows: pa.Table, item: LogItem) -> EpisodeLog:
    if rows.num_rows != meta.length or not rows.num_rows:
        raise BadMedia("length_mismatch", f"{rows.num_rows} rows, its metadata say {meta.length}")
    columns = {name: rows[name].combine_chunks() for name in rows.column_names}
    states, actions = floats(columns, "observation.state"), floats(columns, "action")
    intervention = flags(columns, "intervention")
    mode = text(meta.extra, "collect_mode") or ("unknown" if intervention is None else "autonomous")
    reward = floats(columns, "next.reward")
    reward = reward.reshape(-1) if reward is not None and reward.size == rows.num_rows else None
    done = flags(columns, "next.done")
    outcome, source, confidence = outcome_and_source(data_set, meta, columns, reward, done)
    failure_frame = number(meta.extra, "failure_frame")
    return EpisodeLog(
        name=episode_name(meta),
        uri=item.uri,
        revision=item.revision,
        modified_ns=item.modified_ns,
        embodiment=data_set.robot_type,
        robot=text(meta.extra, "robot_id"),
        scene=text(meta.extra, "scene"),
        instruction=instruction(data_set, meta, columns),
        outcome=outcome,
        outcome_source=source,
        outcome_confidence=confidence,
        failure_mode=text(meta.extra, "failure_mode") if outcome == "failure" else None,
        failure_frame=None if outcome != "failure" or failure_frame is None else int(failure_frame),
        policy_id=text(meta.extra, "policy"),
        world_model_id=text(meta.extra, "world_model"),
        idm_id=text(meta.extra, "idm"),
        trained_on=text(meta.extra, "trained_on"),
        collect_mode=mode,
        calibration_json=text(meta.extra, "calibration"),
        fps_hz=data_set.fps_hz,
        state_names=_names(data_set, "observation.state", states),
        action_names=_names(data_set, "action", actions),
        t_ns=times(columns, data_set.fps_hz, rows.num_rows),
        states=states,
        actions=actions,
        actions_executed=floats(columns, "action_executed"),
        control_source=CONTROL_OF_MODE.get(mode),
        intervention=intervention,
        reward=reward,
        done=done,
        cameras=tuple(cameras_of(data_set, meta, rows.num_rows)),
        split=data_set.split_of(meta.index),
    )


def _names(data_set: DataSet, feature: str, array: Floats | None) -> tuple[str, ...]:
    about = data_set.features.get(feature)
    return axis_names(about.get("names"), array) if isinstance(about, dict) else ()
