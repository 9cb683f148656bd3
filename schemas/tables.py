"""Tables whose columns are asked for by the names of their row class's fields, which mypy knows."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Generic, TypeVar, cast

import pyarrow as pa

from schemas.arrow import stored_name
from schemas.columns import SortKeys

R = TypeVar("R")
V = TypeVar("V")


@functools.cache
def _names(row: Hashable) -> SimpleNamespace:
    return SimpleNamespace(**{f.name: stored_name(row, f.name) for f in dataclasses.fields(cast(Any, row))})


def columns_of(row: type[R]) -> R:
    """Names of a row class's columns: `DECISION = columns_of(Decision)`, then `table[DECISION.verdict]`.

    What it returns has the columns' stored names (str) for attributes. For mypy it is a row, so that a misspelt column
    is an error, and `table.values(DECISION.start_ns)` is a list of int.
    """
    return cast(R, _names(cast(Hashable, row)))


@dataclass(frozen=True, slots=True)
class TypedTable(Generic[R]):
    """Rows of a class as columns. `row` is a dataclass with slots whose fields are columns of the table.

    The table may hold more columns, or fewer: then `rows` cannot be asked for.
    """

    row: type[R]
    table: pa.Table

    def __len__(self) -> int:
        return self.table.num_rows

    def __getitem__(self, field: object) -> pa.ChunkedArray[Any]:
        """A column as Arrow has it: `clips[CLIP.sha256]`."""
        return self.table[str(field)]

    def values(self, field: V) -> list[V]:
        """A column as Python values: `clips.values(CLIP.sha256)` is a list of str."""
        return cast("list[V]", self.table[str(field)].to_pylist())

    def rows(self) -> list[R]:
        """Every row as an instance of the class: for one batch, never for what grows with the corpus."""
        names = vars(columns_of(self.row))
        plain = self.table.select(list(names.values())).rename_columns(list(names)).to_pylist()
        return [self.row(**row) for row in plain]

    def filter(self, mask: Any) -> TypedTable[R]:
        """The rows where the mask is true; null counts as false."""
        return TypedTable(self.row, self.table.filter(mask))

    def take(self, indices: Any) -> TypedTable[R]:
        """Rows by position."""
        return TypedTable(self.row, self.table.take(indices))

    def sorted_by(self, *fields: object) -> TypedTable[R]:
        """The rows in ascending order of these columns."""
        keys: SortKeys = [(str(field), "ascending") for field in fields]
        return TypedTable(self.row, self.table.sort_by(keys))

    def only(self, fields: Sequence[object]) -> TypedTable[R]:
        """The same rows with these columns alone."""
        return TypedTable(self.row, self.table.select([str(field) for field in fields]))
