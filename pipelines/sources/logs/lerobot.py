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

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from infra.storage import objects
from pipelines.sources.logs.base import BadEpisode, LogItem, LogKind, LogOptions
from pipelines.sources.logs.episode_log import EpisodeLog
from pipelines.sources.logs.lerobot_episode import COLUMNS, episode, episode_name
from pipelines.sources.logs.lerobot_meta import open_data_set, read_parquet
from pipelines.sources.logs.lerobot_places import INFO, below, list_logs, rows_of
from schemas.errors import BadMedia


def read(item: LogItem, workdir: Path, options: LogOptions = LogOptions()) -> Iterator[EpisodeLog | BadEpisode]:
    """The data file's episodes in order, then one BadEpisode for its rows that belong to none.

    BadMedia: unsupported_version, bad_json, bad_header, bad_table, missing_file, too_large.
    """
    data_set = open_data_set(item.root, below(item.root, objects.list_objects(item.root + "/")))
    path = item.uri[len(item.root) + 1 :]
    if path == INFO:
        raise BadMedia("missing_file", "episodes whose data file is not there")
    table = read_parquet(objects.read_bytes(item.uri), path, COLUMNS)
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
            yield episode(data_set, meta, table.filter(pa.array(mine)), item)
        except BadMedia as error:
            yield BadEpisode(name=episode_name(meta), reason=error.reason, detail=error.detail)
    if orphans := int((~claimed).sum()):
        detail = f"{orphans} of {table.num_rows} rows lie in no episode of meta/episodes"
        yield BadEpisode(name="orphan_rows", reason="orphan_rows", detail=detail)


KIND = LogKind("lerobot", list_logs, read)
