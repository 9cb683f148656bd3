"""An EpisodeLog of a LeRobot episode's rows, and what it is taken without."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import pyarrow as pa

from pipelines.sources.logs.base import BadEpisode, LogItem, LogOptions
from pipelines.sources.logs.episode_log import (
    CONTROL_OF_MODE,
    LOST_SHARE,
    EpisodeLog,
    Floats,
    Times,
    lost_rows,
)
from pipelines.sources.logs.fields import number, text
from pipelines.sources.logs.lerobot.columns import flattened, floats, grid, scalars, times
from pipelines.sources.logs.lerobot.control import first_flags, interventions, mode_of
from pipelines.sources.logs.lerobot.keys import EXECUTED, Keys, keys_of, nothing_fits
from pipelines.sources.logs.lerobot.meta import DataSet, EpisodeMeta
from pipelines.sources.logs.lerobot.outcome import Labels, ending
from pipelines.sources.logs.lerobot.places import cameras_of
from pipelines.sources.logs.lerobot.tasks import tasks_of
from pipelines.sources.logs.lerobot.vectors import vector
from pipelines.sources.logs.parts import Parts
from pipelines.sources.logs.signs import signs_of
from schemas.columns import Array
from schemas.errors import BadMedia


def episode(
    data_set: DataSet, meta: EpisodeMeta, rows: pa.Table, item: LogItem, options: LogOptions = LogOptions()
) -> Iterator[EpisodeLog | BadEpisode]:
    """The attempt, and a BadEpisode for each part that it is taken without. BadMedia: it is not taken."""
    if rows.num_rows != meta.length or not rows.num_rows:
        raise BadMedia("length_mismatch", f"{rows.num_rows} rows, its metadata say {meta.length}")
    parts = Parts(meta.name)
    yield _log(data_set, meta, rows, (item, options), parts)
    yield from parts.refused


def _log(
    data_set: DataSet, meta: EpisodeMeta, rows: pa.Table, where: tuple[LogItem, LogOptions], parts: Parts
) -> EpisodeLog:
    item, options = where
    rows = flattened(rows)
    keys = keys_of(rows.schema, data_set.features, options.columns)
    columns = {name: rows[name].combine_chunks() for name in rows.column_names}
    states, state_names = vector(columns, keys.state, data_set.features, parts)
    actions, action_names = vector(columns, keys.action, data_set.features, parts)
    _tell_unread(keys, states, actions, parts)
    intervention = interventions(columns, keys, parts)
    mode = mode_of(meta, intervention, options, parts)
    reward, done = _reward(columns, keys, parts), first_flags(columns, keys.words["done"], parts)
    labels = Labels(data_set=data_set, meta=meta, columns=columns, keys=keys, reward=reward, done=done,
                    named=options.columns.outcome)  # fmt: skip
    end, tasks = ending(labels, parts), tasks_of(data_set, meta, columns, parts, options.columns.task)
    failed = end.outcome[0] == "failure"
    failure_frame = parts.take("failure_frame", lambda: _failure_frame(meta, rows.num_rows)) if failed else None
    t_ns = _times(columns, data_set.fps_hz, rows.num_rows, parts)
    words = {key: parts.take(key, partial(text, meta.extra, key)) for key in _TEXTS}
    embodiment = parts.name("robot", options.embodiment or data_set.robot_type)
    return EpisodeLog(
        name=meta.name, uri=item.uri, revision=item.revision, modified_ns=item.modified_ns, embodiment=embodiment,
        robot=words["robot_id"], scene=words["scene"], instruction=tasks.instruction, outcome=end.outcome[0],
        outcome_source=end.outcome[1], outcome_confidence=end.outcome[2],
        failure_mode=words["failure_mode"] if failed else None, failure_frame=failure_frame,
        policy_id=words["policy"], world_model_id=words["world_model"], idm_id=words["idm"],
        trained_on=words["trained_on"], collect_mode=mode, calibration_json=words["calibration"],
        fps_hz=data_set.fps_hz, state_names=state_names, action_names=action_names, t_ns=t_ns, states=states,
        actions=actions, actions_executed=parts.take(f"column {EXECUTED}", lambda: floats(columns, EXECUTED)),
        control_source=CONTROL_OF_MODE.get(mode), intervention=intervention, reward=reward, done=done,
        cameras=tuple(cameras_of(data_set, meta, rows.num_rows)), tasks=tasks.spans,
        split=data_set.split_of(meta.index), ever_succeeded=end.ever_succeeded,
        notes=(*parts.notes, *signs_of(states, actions, state_names, action_names)),
    )  # fmt: skip


_TEXTS = ("robot_id", "scene", "failure_mode", "policy", "world_model", "idm", "trained_on", "calibration")


def _tell_unread(keys: Keys, states: Floats | None, actions: Floats | None, parts: Parts) -> None:
    """BadMedia(no_states_or_actions): neither was found, and these are the columns."""
    if states is None and actions is None:
        raise nothing_fits(keys)
    for what, array in (("state", states), ("action", actions)):
        if array is None:
            parts.refuse(what, f"no_{what}s", f"no column is known as one: {', '.join(keys.columns)[:500]}")
    if keys.bodies:
        detail = f"{', '.join(keys.bodies)[:500]}: columns.state and columns.action take them side by side"
        parts.refuse("columns", "unread_columns", detail)
    if keys.others:
        parts.note("unread_columns", ", ".join(keys.others))


def _reward(columns: Mapping[str, Array], keys: Keys, parts: Parts) -> Floats | None:
    """Rewards, unless most of them are lost."""
    name = next(iter(keys.words["reward"]), None)
    reward = None if name is None else parts.take(f"column {name}", lambda: scalars(columns, name))
    if reward is not None and (lost := lost_rows(reward)).mean() > LOST_SHARE:
        parts.refuse(f"column {name}", "non_finite", f"in {int(lost.sum())} of {len(lost)} steps")
        return None
    return reward


def _failure_frame(meta: EpisodeMeta, count: int) -> int | None:
    frame = number(meta.extra, "failure_frame")
    if frame is not None and not 0 <= frame < count:
        raise BadMedia("bad_header", f"failure_frame {frame:g} of {count} steps")
    return None if frame is None else int(frame)


def _times(columns: Mapping[str, Array], fps_hz: float, count: int, parts: Parts) -> Times:
    """The log's clock; the grid of fps where it has none that can be used, which is told."""
    t_ns = parts.take("column timestamp", lambda: times(columns, fps_hz, count))
    return grid(fps_hz, count) if t_ns is None else t_ns
