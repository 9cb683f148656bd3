"""Columns of a LeRobot data file as arrays. BadMedia(bad_table) for columns of another kind."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.sources.logs.episode_log import Flags, Floats, Times
from schemas.columns import Array, items_of, values_of, with_nulls_as
from schemas.errors import BadMedia
from schemas.spans import NS

OFF_GRID = 0.1  # of a frame: logged float seconds this close to the grid of fps mean the grid


def integers(table: pa.Table, name: str) -> npt.NDArray[np.int64]:
    """The column's integers; -1 where it is null. BadMedia(bad_table) for anything else."""
    column = table[name]
    if not pa.types.is_integer(column.type):
        raise BadMedia("bad_table", f"{name} is {column.type}")
    return np.asarray(with_nulls_as(column.cast(pa.int64(), safe=False), -1).to_numpy())


def floats(columns: Mapping[str, Array], name: str) -> Floats | None:
    """(T, width) float32 of a column of lists, or of numbers (width 1); None where it is absent."""
    column = columns.get(name)
    if column is None or column.null_count == len(column):
        return None
    if column.null_count:
        raise BadMedia("ragged_rows", f"{name} is missing in {column.null_count} of {len(column)} rows")
    width = 1
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type) or _fixed(column.type):
        widths = values_of(pc.unique(pc.list_value_length(column)), int)
        if len(widths) != 1:
            raise BadMedia("ragged_rows", f"{name} has widths {sorted(widths)[:4]}")
        width, column = widths[0], items_of(column)
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        raise BadMedia("bad_table", f"{name} holds {column.type}")
    if not width:
        return None
    flat = column.to_numpy(zero_copy_only=False)  # nulls become NaN, which EpisodeLog refuses
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(flat, dtype=np.float32).reshape(-1, width)


def _fixed(kind: pa.DataType) -> bool:
    return bool(pa.types.is_fixed_size_list(kind))


def flags(columns: Mapping[str, Array], name: str) -> Flags | None:
    """(T,) of a column of booleans or numbers, also in lists of one; null is no."""
    column = columns.get(name)
    if column is not None and (_fixed(column.type) or pa.types.is_list(column.type)):
        column = items_of(column) if pc.all(pc.equal(pc.list_value_length(column), pa.scalar(1))).as_py() else None
    if column is None or column.null_count == len(column):
        return None
    if not (pa.types.is_boolean(column.type) or pa.types.is_integer(column.type)):
        raise BadMedia("bad_table", f"{name} holds {column.type}")
    return np.asarray(with_nulls_as(column.cast(pa.bool_()), False).to_numpy(zero_copy_only=False))


def times(columns: Mapping[str, Array], fps_hz: float, count: int) -> Times:
    """ns from the first step: the grid of fps where the logged float seconds mean it, else as logged."""
    grid_s = np.arange(count) / fps_hz
    column = columns.get("timestamp")
    if column is not None and pa.types.is_floating(column.type):
        seconds = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
        seconds = seconds - seconds[0]
        if not np.isfinite(seconds).all() or (np.abs(seconds) > 1e9).any():
            raise BadMedia("non_finite", "timestamp")
        if (np.abs(seconds - grid_s) > OFF_GRID / fps_hz).any():
            return np.asarray(np.round(seconds * NS), np.int64)
    return np.round(grid_s * NS).astype(np.int64)
