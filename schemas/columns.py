"""Arrow columns with their types: the calls that pyarrow-stubs, written for pyarrow 20, leave out or get wrong.

Each does what the one pyarrow call in it does. A value is wrapped as a scalar, as pyarrow itself would.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, TypeVar, cast

import pyarrow as pa
import pyarrow.compute as pc

# pyarrow's classes take type parameters in the stubs only, hence the quotes.
Array: TypeAlias = "pa.Array[Any]"
Column: TypeAlias = "pa.Array[Any] | pa.ChunkedArray[Any]"
Mask: TypeAlias = "pa.BooleanArray"
SortKeys: TypeAlias = list[tuple[str, Literal["ascending", "descending"]]]

V = TypeVar("V")


def equals(column: Column, value: Column | str) -> Mask:
    """Where the column has the value, or that of the same row of another column; null where either is null."""
    return pc.equal(column, pa.scalar(value) if isinstance(value, str) else value)


def differs(column: Column, value: str) -> Mask:
    """Where the column has another value; null where it is null."""
    return pc.not_equal(column, pa.scalar(value))


def exceeds(column: Column, value: int) -> Mask:
    """Where the column is more than the value; null where it is null."""
    return pc.greater(column, pa.scalar(value))


def values_of(column: Column, kind: type[V]) -> list[V]:
    """The column's values as Python objects of the kind that its schema promises (without nulls)."""
    return cast("list[V]", column.to_pylist())


def with_nulls_as(column: Column, value: str | int | bool) -> Column:
    """The column with the value where it is null."""
    return cast("Column", pc.fill_null(column, cast("Any", value)))


def items_of(lists: Column) -> Array:
    """The items of an array of lists, one after the other; null lists have none."""
    return cast("pa.ListArray[Any]", lists).flatten()


def joined(lists: Column, separator: str) -> Array:
    """The texts of each list as one text."""
    return cast("Array", pc.binary_join(lists, separator))


def table_from(columns: Mapping[str, object], schema: pa.Schema | None = None) -> pa.Table:
    """A table of columns by name: Arrow's, chunked or not, numpy's, or lists."""
    return pa.table(cast("dict[str, Array]", columns), schema)
