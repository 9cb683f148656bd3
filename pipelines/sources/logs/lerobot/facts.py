"""What a whole LeRobot data set says by a column: whether its rows differ anywhere, by the statistics of its files.

A label or reward that is the same in every row of a data set tells no attempt from another: converters write 0 and
False into the good demonstrations of lerobot/pusht, robocasa and GR00T alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from infra.storage import objects
from pipelines.sources.logs.base import BadEpisode
from pipelines.sources.logs.fields import json_object, outcome_word
from pipelines.sources.logs.lerobot.files import read_lines, read_meta
from pipelines.sources.logs.lerobot.meta import DataSet
from schemas.errors import BadMedia


def differs(data_set: DataSet, column: str) -> bool:
    """Whether the column has two values in the rows of the data set. Read once a data set, and no further than needed.

    A file that cannot be read says nothing here; its own item is refused.
    """
    if column not in data_set.differing:
        data_set.differing[column] = _differs(data_set, column)
    return data_set.differing[column]


def always_failure(data_set: DataSet, key: str) -> bool:
    """Whether the metadata of every episode say no by the key, of a data set of several. Looked at once a data set."""
    if key not in data_set.failing:
        labels = (episode.extra.get(key) for episode in data_set.episodes)
        data_set.failing[key] = len(data_set.episodes) > 1 and all(map(_is_failure, labels))
    return data_set.failing[key]


def _is_failure(value: object) -> bool:
    try:
        return outcome_word(value) == "failure"
    except BadMedia:
        return False


def _differs(data_set: DataSet, column: str) -> bool:
    if objects.is_remote(data_set.root) and (stated := _by_statistics(data_set, column)) is not None:
        return stated
    values: set[Any] = set()
    for path in sorted(p for p in data_set.files if p.startswith("data/") and p.endswith(".parquet")):
        try:
            values |= _ends(data_set.files[path].uri, column)
        except (pa.ArrowException, OSError):
            continue
        if len(values) > 1:
            return True
    return False


def _by_statistics(data_set: DataSet, column: str) -> bool | None:
    """By the data set's own statistics, which spare the fetching of files; None where these do not have the column.

    meta/stats.json is one object of columns; meta/episodes_stats.jsonl has a line {stats: {column}} an episode.
    """
    rows: list[Mapping[str, Any]] = []
    try:
        if "meta/stats.json" in data_set.files:
            rows = [json_object(read_meta(data_set.files, "meta/stats.json"), "meta/stats.json")]
        elif "meta/episodes_stats.jsonl" in data_set.files:
            lines = read_lines(data_set.files, "meta/episodes_stats.jsonl", ("stats",))
            rows = [line["stats"] for line in lines if not isinstance(line, BadEpisode)]
    except BadMedia:
        return None
    about = [row[column] for row in rows if isinstance(row, Mapping) and isinstance(row.get(column), Mapping)]
    ends = {str(a[end]).strip("[]") for a in about for end in ("min", "max") if end in a}
    return len(ends) > 1 if ends else None


def _ends(uri: str, column: str) -> set[Any]:
    """Least and greatest value of the column in a file: from its footer, else from its rows."""
    with pq.ParquetFile(pa.BufferReader(objects.read_bytes(uri)) if objects.is_remote(uri) else uri) as file:
        about = file.metadata
        leaves = [i for i in range(about.num_columns) if _is_of(about.schema.column(i).path, column)]
        values: set[Any] = set()
        for group in range(about.num_row_groups):
            for leaf in leaves:
                stats = about.row_group(group).column(leaf).statistics
                if stats is None or not stats.has_min_max:
                    values |= _in_rows(file, group, column)
                else:
                    values |= {stats.min, stats.max}
    return values


def _is_of(path: str, column: str) -> bool:
    return path == column or (path.startswith(f"{column}.") and path.removeprefix(f"{column}.").startswith("list"))


def _in_rows(file: pq.ParquetFile, group: int, column: str) -> set[Any]:
    rows = file.read_row_group(group, columns=[column])[column].to_pylist()
    flat = (v for row in rows for v in (row if isinstance(row, list) else [row]))
    return {v for v in flat if v is not None and v == v}
