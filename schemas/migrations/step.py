"""What a step from one schema to the next is made of: values and pure functions of tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Mapped:
    """New rows of some old ones. unmapped: how many old rows have none, by the reason in words for people."""

    rows: pa.Table
    unmapped: Mapping[str, int] = field(default_factory=dict)


# New rows, keys included, of a part of a table. All it needs is in the old rows and in columns of other tables: killed
# and started anew, a migration gives the same. It is asked for an empty part too, whose schema is the new table's:
# fields that stay keep their metadata, which marks the key.
MapRows = Callable[[pa.Table], Mapped]


@dataclass(frozen=True, slots=True)
class Change:
    """What a step makes of one table.

    prepare(others): the map of its rows, made once. reads: the columns of other tables that `others` holds, in memory.
    """

    table: str
    prepare: Callable[[Mapping[str, pa.Table]], MapRows]
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """The way from one schema to the next: its changes in order, each seeing those before it as done.

    Columns that are null in old rows need none: they are added when a hop opens the corpus.
    """

    from_version: int
    to_version: int
    changes: tuple[Change, ...]
