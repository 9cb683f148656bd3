"""What a whole LeRobot data set says by a column: whether its rows differ anywhere, by the statistics of its files.

A label or reward that is the same in every row of a data set tells no attempt from another: converters write 0 and
False into the good demonstrations of lerobot/pusht, robocasa and GR00T alike.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from infra.storage import objects
from pipelines.sources.logs.lerobot_meta import DataSet


def differs(data_set: DataSet, column: str) -> bool:
    """Whether the column has two values in the rows of the data set. Read once a data set, and no further than needed.

    A file that cannot be read says nothing here; its own item is refused.
    """
    if column not in data_set.differing:
        data_set.differing[column] = _differs(data_set, column)
    return data_set.differing[column]


def _differs(data_set: DataSet, column: str) -> bool:
    values: set[Any] = set()
    for path in sorted(p for p in data_set.files if p.startswith("data/") and p.endswith(".parquet")):
        try:
            values |= _ends(data_set.files[path].uri, column)
        except (pa.ArrowException, OSError):
            continue
        if len(values) > 1:
            return True
    return False


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
