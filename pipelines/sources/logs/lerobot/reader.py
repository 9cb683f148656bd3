"""Reader of LeRobot data sets, v3.0, v2.1 and v2.0 (checked against the documented layout).

An item is one data file with its episodes, and one more is what a data set has besides attempts (left.py). An
episode is taken with the cameras that are there, and refused where none is (missing_video): every view needs frames.
It is read again when a recording arrives, since that changes its item's revision.
What the columns hold: keys.py. How an episode ended: outcome.py. What it was to do: tasks.py.
Columns of meta/episodes that the format does not know but that are read: outcome, outcome_source,
outcome_confidence, failure_mode, failure_frame, collect_mode, robot_id, scene, policy, world_model, idm, trained_on,
calibration (JSON).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from pipelines.sources.logs.base import BadEpisode, LogField, LogItem, LogKind, LogOptions
from pipelines.sources.logs.episode_log import EpisodeLog
from pipelines.sources.logs.fields import is_yes
from pipelines.sources.logs.lerobot.episode import episode
from pipelines.sources.logs.lerobot.fields import COUNTERS, fields_of
from pipelines.sources.logs.lerobot.files import lfs_pointer, read_columns
from pipelines.sources.logs.lerobot.images import with_pictures
from pipelines.sources.logs.lerobot.keys import is_wanted
from pipelines.sources.logs.lerobot.left import left_out
from pipelines.sources.logs.lerobot.meta import INFO, DataSet, EpisodeMeta
from pipelines.sources.logs.lerobot.opened import data_set_of
from pipelines.sources.logs.lerobot.places import (
    DISCARDED,
    cameras_there,
    chosen,
    discarded_by,
    list_logs,
    under,
)
from pipelines.sources.logs.lerobot.rows import Rows
from schemas.errors import BadMedia


def read(item: LogItem, workdir: Path, options: LogOptions = LogOptions()) -> Iterator[EpisodeLog | BadEpisode]:
    """The data file's episodes in order, each before its cameras that are left out, then its rows that belong to none.

    BadMedia: unsupported_version, bad_json, bad_header, bad_table, missing_file, too_large, lfs_pointer.
    """
    data_set = under(data_set_of(item), options)
    path = item.uri[len(item.root) + 1 :]
    if path == INFO:
        yield from left_out(data_set)
        return
    if path in data_set.pointers:
        raise lfs_pointer(path)
    rows = Rows(data_set, path, read_columns(data_set.files[path], path, is_wanted))
    for meta in data_set.placed.get(path, ()):
        yield from _attempt(item, data_set, chosen(data_set, meta, options), rows, options)
    if orphans := rows.orphans():
        detail = f"{orphans} of {rows.table.num_rows} rows lie in no episode of meta/episodes"
        yield BadEpisode(name="orphan_rows", reason="orphan_rows", detail=detail)


def _attempt(
    item: LogItem, data_set: DataSet, meta: EpisodeMeta, rows: Rows, options: LogOptions
) -> Iterator[EpisodeLog | BadEpisode]:
    """The episode and the cameras that it is taken without, or why it is not taken."""
    try:
        table, run = rows.take(meta)
        if why := discarded_by(data_set, meta, options) or _discarded_in(table, options.columns.discarded or DISCARDED):
            raise BadMedia("discarded", f"{why} leaves it out")
        meta = with_pictures(data_set, meta, rows.path, run)
        yield from episode(data_set, replace(meta, length=table.num_rows), table, item, options)
    except BadMedia as error:
        yield BadEpisode(name=meta.name, reason=error.reason, detail=error.detail)
    else:
        yield from cameras_there(data_set, meta)[1]


def _discarded_in(rows: pa.Table, column: str) -> str | None:
    """The column, where one of the rows has it set. BadMedia(bad_header): one that is no flag."""
    if column not in rows.column_names:
        return None
    flat = (v for row in rows[column].to_pylist() for v in (row if isinstance(row, list) else [row]))
    return column if any(map(is_yes, flat)) else None


def describe(item: LogItem, options: LogOptions) -> dict[str, str]:
    """What info.json announces and declares, beside what is there. BadMedia: as `read`."""
    data_set = under(data_set_of(item), options)
    episodes, frames = ("?" if n is None else str(n) for n in data_set.announced)
    there = sum(len(episodes) for path, episodes in data_set.placed.items() if path)
    declared = (
        f"{key} ({feature.get('dtype')}, {'x'.join(map(str, feature.get('shape') or ()))})"
        for key, feature in data_set.features.items()
        if isinstance(feature, dict) and key not in COUNTERS
    )
    return {
        "version": f"LeRobot {data_set.version}",
        "announced": f"{episodes} episodes, {frames} frames; {there} episodes have rows here",
        "declared": ", ".join(declared),
    }


def holds(item: LogItem, options: LogOptions) -> list[LogField]:
    """Columns of the item's data file, recordings, labels of episodes. BadMedia: as `read`."""
    return fields_of(under(data_set_of(item), options), item.uri[len(item.root) + 1 :])


KIND = LogKind("lerobot", list_logs, read, version=2, describe=describe, holds=holds)
