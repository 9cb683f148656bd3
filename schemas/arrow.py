"""Rows to columns: one Arrow schema per row class, with key, unit and doc beside each field."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import pyarrow as pa

# Lance 14: merge_insert on a column with this mark is race-proof (8 writers on one key give one row).
PRIMARY_KEY = {"lance-schema:unenforced-primary-key": "true"}

# A nested value (a struct of an Arrow column) as it is written and read.
Json = dict[str, object]

R = typing.TypeVar("R")

_SCALARS: dict[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    bytes: pa.large_binary(),
}


def column(doc: str, arrow: pa.DataType | None = None, *, stored: str | None = None, **default: Any) -> Any:
    """A dataclass field with its meaning (unit included) and, where the annotation cannot tell, its Arrow type.

    stored: the column's name in the table, where the field is called better.
    """
    return dataclasses.field(metadata={"doc": doc, "arrow": arrow, "stored": stored}, **default)


@functools.cache
def stored_name(row: Hashable, field: str) -> str:
    """The name of a field's column in the table."""
    fields = dataclasses.fields(typing.cast(Any, row))
    return next(f.metadata.get("stored") or f.name for f in fields if f.name == field)


def schema_of(row: type) -> pa.Schema:
    """Arrow schema of a row class. The first field is the table's key; `X | None` is nullable."""
    return _schema_of(row)


@functools.cache
def _schema_of(row: Hashable) -> pa.Schema:
    hints = typing.get_type_hints(row)
    fields = []
    for i, f in enumerate(dataclasses.fields(typing.cast(Any, row))):
        hint, nullable = hints[f.name], False
        if isinstance(hint, types.UnionType):
            nullable = True
            hint = next(a for a in typing.get_args(hint) if a is not type(None))
        arrow = f.metadata["arrow"] or _SCALARS[hint]
        marks = {"doc": f.metadata["doc"]} | (PRIMARY_KEY if i == 0 else {})
        fields.append(pa.field(f.metadata.get("stored") or f.name, arrow, nullable=nullable, metadata=marks))
    return pa.schema(fields)


def key_column(row: type) -> str:
    """Name of the key's column: the row class's first field."""
    return schema_of(row).names[0]


def to_dict(row: Any) -> dict[str, Any]:
    """A row as a plain dict of its columns, without copying their values."""
    return {f.metadata.get("stored") or f.name: getattr(row, f.name) for f in dataclasses.fields(row)}


def table_of(row: type, rows: Iterable[Any]) -> pa.Table:
    """Rows (instances of `row`, or dicts of its fields) as one Arrow table."""
    plain = [r if isinstance(r, dict) else to_dict(r) for r in rows]
    return pa.Table.from_pylist(plain, schema=schema_of(row))


def rows_of(row: type[R], table: pa.Table) -> list[R]:
    """The table's rows as instances of `row`; the table must hold all of its columns."""
    fields = [f.name for f in dataclasses.fields(typing.cast(Any, row))]
    return [row(**r) for r in table.select(schema_of(row).names).rename_columns(fields).to_pylist()]


def empty(row: type, columns: Sequence[str] | None = None) -> pa.Table:
    """An empty table of the row's schema, or of some of its columns."""
    table = schema_of(row).empty_table()
    return table if columns is None else table.select(list(columns))
