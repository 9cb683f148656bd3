"""Columns that a table, or the version of it that is pinned, does not have yet: they read as null."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pyarrow as pa

SQL_TYPES = {pa.string(): "string", pa.int64(): "bigint", pa.float64(): "double", pa.bool_(): "boolean"}


def present(there: pa.Schema, columns: Sequence[str] | None) -> list[str] | None:
    """Those of the wanted columns that the table has, or one that gives the number of rows; None: all of them."""
    if columns is None:
        return None
    return [name for name in columns if name in there.names] or there.names[:1]


def filter_of(where: str | None, there: pa.Schema, wanted: pa.Schema) -> str | None:
    """An SQL filter in which absent columns are nulls of their type."""
    absent = {name: SQL_TYPES.get(wanted.field(name).type) for name in wanted.names if name not in there.names}
    if where is None or not absent:
        return where
    names = "|".join(map(re.escape, absent))

    def null(match: re.Match[str]) -> str:  # text in quotes stays
        name = match[1]
        return match[0] if name is None else f"cast(null as {absent[name]})" if absent[name] else "null"

    return re.sub(rf"'(?:[^']|'')*'|\b({names})\b", null, where)


def filled(rows: pa.Table, columns: Sequence[str] | None, wanted: pa.Schema) -> pa.Table:
    """Rows with their absent columns as nulls, in the order of `columns`, or of the row class and what is beyond it."""
    absent = [name for name in (wanted.names if columns is None else columns) if name not in rows.column_names]
    if not absent:
        return rows
    for name in absent:
        field = wanted.field(name).with_nullable(True)
        rows = rows.append_column(field, pa.nulls(rows.num_rows, field.type))
    beyond = [name for name in rows.column_names if name not in wanted.names]
    return rows.select([*wanted.names, *beyond] if columns is None else list(columns))
