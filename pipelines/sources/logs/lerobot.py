"""Reader of LeRobot data sets, v3.0 and v2.1 (checked against the documented layout).

An item is one data file with its episodes. An episode whose recordings are not there is refused
(missing_video): every view needs frames, and it is read again when they arrive, since that changes its item's
revision. An outcome is what a column `success` or `next.success` says, by frame or by episode; else, of
rewards that are 0 or 1, what the last step got (0 is a failure only where `next.done` ends it); else unknown.
Columns of meta/episodes that the format does not know but that are read: outcome, outcome_source,
outcome_confidence, failure_mode, failure_frame, collect_mode, robot_id, scene, policy, world_model, idm, trained_on,
calibration (JSON).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from infra.storage import objects
from pipelines.sources.logs.base import BadEpisode, LogItem, LogKind, LogOptions
from pipelines.sources.logs.episode_log import CONTROL_OF_MODE, EpisodeLog, Flags, Floats
from pipelines.sources.logs.fields import UNKNOWN, Outcome, axis_names, number, outcome_of, text
from pipelines.sources.logs.lerobot_columns import flags, floats, times
from pipelines.sources.logs.lerobot_meta import DataSet, EpisodeMeta, open_data_set, read_parquet
from pipelines.sources.logs.lerobot_places import INFO, below, cameras_of, list_logs, rows_of
from schemas.columns import Array
from schemas.errors import BadMedia

_COLUMNS = {
    "observation.state", "action", "action_executed", "timestamp", "frame_index", "episode_index", "index",
    "task_index", "next.reward", "next.done", "next.success", "success", "intervention",
}  # fmt: skip


def read(item: LogItem, workdir: Path, options: LogOptions = LogOptions()) -> Iterator[EpisodeLog | BadEpisode]:
    """The data file's episodes in order, then one BadEpisode for its rows that belong to none.

    BadMedia: unsupported_version, bad_json, bad_header, bad_table, missing_file, too_large.
    """
    data_set = open_data_set(item.root, below(item.root, objects.list_objects(item.root + "/")))
    path = item.uri[len(item.root) + 1 :]
    if path == INFO:
        raise BadMedia("missing_file", "episodes whose data file is not there")
    table = read_parquet(objects.read_bytes(item.uri), path, _COLUMNS)
    if "episode_index" not in table.column_names:
        raise BadMedia("bad_table", f"{path} has no episode_index")
    claimed = np.zeros(table.num_rows, dtype=bool)
    for meta in data_set.episodes:
        place = data_set.first(meta.data)
        if place is None or place.uri != item.uri:
            continue
        mine = rows_of(table, meta)
        claimed |= mine
        try:
            yield _episode(data_set, meta, table.filter(pa.array(mine)), item)
        except BadMedia as error:
            yield BadEpisode(name=_name(meta), reason=error.reason, detail=error.detail)
    if orphans := int((~claimed).sum()):
        detail = f"{orphans} of {table.num_rows} rows lie in no episode of meta/episodes"
        yield BadEpisode(name="orphan_rows", reason="orphan_rows", detail=detail)


def _name(meta: EpisodeMeta) -> str:
    return f"episode_{meta.index:06d}"


def _episode(data_set: DataSet, meta: EpisodeMeta, rows: pa.Table, item: LogItem) -> EpisodeLog:
    if rows.num_rows != meta.length or not rows.num_rows:
        raise BadMedia("length_mismatch", f"{rows.num_rows} rows, its metadata say {meta.length}")
    columns = {name: rows[name].combine_chunks() for name in rows.column_names}
    states, actions = floats(columns, "observation.state"), floats(columns, "action")
    intervention = flags(columns, "intervention")
    mode = text(meta.extra, "collect_mode") or ("unknown" if intervention is None else "autonomous")
    reward = floats(columns, "next.reward")
    reward = reward.reshape(-1) if reward is not None and reward.size == rows.num_rows else None
    done = flags(columns, "next.done")
    outcome, source, confidence = _outcome(data_set, meta, columns, reward, done)
    failure_frame = number(meta.extra, "failure_frame")
    return EpisodeLog(
        name=_name(meta),
        uri=item.uri,
        revision=item.revision,
        modified_ns=item.modified_ns,
        embodiment=data_set.robot_type,
        robot=text(meta.extra, "robot_id"),
        scene=text(meta.extra, "scene"),
        instruction=_instruction(data_set, meta, columns),
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
    )


def _instruction(data_set: DataSet, meta: EpisodeMeta, columns: Mapping[str, Array]) -> str | None:
    """The episode's first task, else the text of its first row's task_index."""
    if meta.tasks:
        return meta.tasks[0]
    index = columns["task_index"][0].as_py() if "task_index" in columns else None
    return None if index is None else data_set.tasks.get(int(index))


def _outcome(
    data_set: DataSet,
    meta: EpisodeMeta,
    columns: Mapping[str, Array],
    reward: Floats | None,
    done: Flags | None,
) -> Outcome:
    robot = {"robot": data_set.robot_type}
    if (outcome := meta.extra.get("outcome")) is not None:
        about = {key: meta.extra.get(f"outcome_{key}") for key in ("source", "confidence")}
        return outcome_of(robot | {"outcome": about | {"value": outcome}})
    if isinstance(meta.extra.get("success"), bool):
        return outcome_of(robot | dict(meta.extra))
    for name in ("next.success", "success"):
        if (by_frame := flags(columns, name)) is not None:
            return outcome_of(robot | {"success": bool(by_frame.any())})
    if reward is None or not np.isin(reward, (0.0, 1.0)).all():
        return UNKNOWN
    if reward[-1] == 1:
        return outcome_of(robot | {"success": True})
    return outcome_of(robot | {"success": False}) if done is not None and done[-1] else UNKNOWN


def _names(data_set: DataSet, feature: str, array: Floats | None) -> tuple[str, ...]:
    about = data_set.features.get(feature)
    return axis_names(about.get("names"), array) if isinstance(about, dict) else ()


KIND = LogKind("lerobot", list_logs, read)
