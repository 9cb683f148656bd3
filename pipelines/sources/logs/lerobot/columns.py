"""Columns of a LeRobot data file as arrays. BadMedia(bad_table) for columns of another kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.sources.logs.episode_log import Flags, Floats, Times
from pipelines.sources.logs.fields import outcome_word
from schemas.columns import Array, Column, items_of, table_from, values_of, with_nulls_as
from schemas.errors import BadMedia
from schemas.spans import NS

OFF_GRID = 0.1  # of a frame: logged float seconds this close to the grid of fps mean the grid
_UNSAID = -1.0  # what labellers write into a column of 0 and 1 where they say nothing


def integers(table: pa.Table, name: str) -> npt.NDArray[np.int64]:
    """The column's integers, which doubles may hold; -1 where it is null. BadMedia(bad_table) for anything else."""
    return whole_numbers(table[name].combine_chunks(), name)


def whole_numbers(column: Array, name: str) -> npt.NDArray[np.int64]:
    """(T,) of a column of whole numbers, also in lists of one; -1 where it is null. BadMedia(bad_table)."""
    try:
        whole = single(column, name).cast(pa.int64())  # refuses fractions
    except pa.ArrowException as error:
        raise BadMedia("bad_table", f"{name} is {column.type}") from error
    return np.asarray(with_nulls_as(whole, -1).to_numpy(zero_copy_only=False), np.int64)


def floats(columns: Mapping[str, Array], name: str) -> Floats | None:
    """(T, width) float32 of a column of numbers, of lists of them or of lists of lists; None where it is absent.

    A row that is null, and a null within one, is NaN: a reading that was lost. BadMedia: bad_table, ragged_rows.
    """
    column = columns.get(name)
    if column is None or column.null_count == len(column):
        return None
    there = np.asarray(column.is_valid().to_numpy(zero_copy_only=False))
    items, width = column.drop_null(), 1
    while is_list(items.type):
        widths = values_of(pc.unique(pc.list_value_length(items)), int)
        if len(widths) != 1 or items.null_count:
            raise BadMedia("ragged_rows", f"{name} has widths {sorted(map(str, widths))[:4]}")
        width, items = width * widths[0], items_of(items)
    if not is_number(items.type):
        raise BadMedia("bad_table", f"{name} holds {items.type}")
    if not width:
        return None
    flat = (items.cast(pa.uint8()) if pa.types.is_boolean(items.type) else items).to_numpy(zero_copy_only=False)
    out = np.full((len(there), width), np.nan, np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # overflow becomes infinity: a lost reading as well
        out[there] = np.asarray(flat, dtype=np.float32).reshape(-1, width)
    return out


def flattened(rows: pa.Table) -> pa.Table:
    """Objects in a column as columns, {"state": {"arm": ...}} as `state.arm`; of two columns of one name the first."""
    columns: dict[str, Column] = {}
    for i, field in enumerate(rows.schema):
        if pa.types.is_struct(field.type) and not field.name.startswith("language"):
            inner = flattened(rows.select([i]).flatten())
            for name in inner.column_names:
                columns.setdefault(name, inner[name])
        else:
            columns.setdefault(field.name, rows.column(i))
    return table_from(columns)


def is_list(kind: pa.DataType) -> bool:
    """Whether rows of that type are lists."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def is_number(kind: pa.DataType) -> bool:
    """Whether values of that type are numbers, or booleans."""
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind))


def leaf(kind: pa.DataType) -> tuple[pa.DataType, int]:
    """What lists of that type hold in the end, and how many lie one within another."""
    depth = 0
    while is_list(kind):
        kind, depth = cast("pa.ListType[Any]", kind).value_type, depth + 1
    return kind, depth


def single(column: Array, name: str) -> Array:
    """A column of lists of one as a column of values. BadMedia(ragged_rows): lists of other lengths."""
    while is_list(column.type):
        if pc.all(pc.equal(pc.list_value_length(column), pa.scalar(1))).as_py() is False:
            raise BadMedia("ragged_rows", f"{name} holds lists, not one value a row")
        column = cast("Array", pc.list_element(column, 0)) if len(column.drop_null()) else pa.nulls(len(column))
    return column


def answers(columns: Mapping[str, Array], name: str) -> Floats | None:
    """(T,) 1 for yes, 0 for no, NaN for nothing, of a column of booleans, of numbers or of words; None: absent.

    BadMedia(bad_table): something that is neither.
    """
    column = columns.get(name)
    if column is None or column.null_count == len(column):
        return None
    column = single(column, name)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        words = {word: _answer(word, name) for word in values_of(pc.unique(column), str)}
        return np.array([words[word] for word in values_of(column, str)], np.float32)
    out = floats({name: column}, name)
    if out is None:
        return None
    out = out.reshape(-1)
    out[out == _UNSAID] = np.nan
    if not np.isin(out[~np.isnan(out)], (0, 1)).all():
        odd = out[~np.isnan(out) & ~np.isin(out, (0, 1))][0]
        raise BadMedia("bad_table", f"{name} holds {odd:g}, neither 0 nor 1")
    return out


def _answer(word: str | None, name: str) -> float:
    try:
        return {"success": 1.0, "failure": 0.0}.get(outcome_word(word), np.nan)
    except BadMedia as error:
        raise BadMedia("bad_table", f"{name}: {error.detail}") from error


def flags(columns: Mapping[str, Array], name: str) -> Flags | None:
    """(T,) of a column that says yes or no; nothing is no. BadMedia as `answers`."""
    values = answers(columns, name)
    return None if values is None else np.asarray(values == 1)


def scalars(columns: Mapping[str, Array], name: str) -> Floats | None:
    """(T,) of a column of one number a row. BadMedia: bad_table, ragged_rows."""
    values = floats(columns, name)
    if values is not None and values.shape[1] != 1:
        raise BadMedia("ragged_rows", f"{name} has {values.shape[1]} values a row")
    return None if values is None else values.reshape(-1)


def seconds_of(columns: Mapping[str, Array]) -> npt.NDArray[np.float64] | None:
    """(T,) of `timestamp` as it is logged; None where it is absent or no column of seconds."""
    column = columns.get("timestamp")
    if column is None or not pa.types.is_floating(leaf(column.type)[0]):
        return None
    return np.asarray(single(column, "timestamp").cast(pa.float64()).to_numpy(zero_copy_only=False))


def grid(fps_hz: float, count: int) -> Times:
    """ns of `count` steps from the first at that rate."""
    return np.round(np.arange(count) / fps_hz * NS).astype(np.int64)


def times(columns: Mapping[str, Array], fps_hz: float, count: int) -> Times:
    """ns from the first step: the grid of fps where the logged float seconds mean it, else as logged.

    BadMedia: non_finite, time_not_increasing: the log's clock cannot be used.
    """
    seconds = seconds_of(columns)
    if seconds is None:
        return grid(fps_hz, count)
    seconds = seconds - seconds[0]
    if not np.isfinite(seconds).all() or (np.abs(seconds) > 1e9).any():
        raise BadMedia("non_finite", "timestamp")
    if (np.abs(seconds - np.arange(count) / fps_hz) <= OFF_GRID / fps_hz).all():
        return grid(fps_hz, count)
    t_ns = np.asarray(np.round(seconds * NS), np.int64)
    if (np.diff(t_ns) <= 0).any():
        raise BadMedia("time_not_increasing", f"timestamp at step {int(np.argmax(np.diff(t_ns) <= 0)) + 1}")
    return t_ns
