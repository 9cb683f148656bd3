"""One table through one change: its rows mapped part by part, then made the table in one commit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from infra.storage import evolution
from infra.storage.evolution import Old
from infra.storage.tables import Store, first_of_key
from schemas.migrations import Change
from schemas.migrations.step import MapRows

SAME_KEY = "another row has their new key"


@dataclass(slots=True)
class Rewritten:
    """What became of a table. unmapped: old rows without a new one, by reason; they stay in `old_version`."""

    table: str
    old_version: int
    old_rows: int
    rows: int = 0
    version: int | None = None  # None: nothing was written
    unmapped: dict[str, int] = field(default_factory=dict)

    def book(self, why: str, rows: int) -> None:
        """Counts old rows that have no new one."""
        if rows:
            self.unmapped[why] = self.unmapped.get(why, 0) + rows


def map_of(store: Store, change: Change) -> MapRows:
    """The change's map, with what it looks up in other tables as they are now."""
    return change.prepare({table: store.read(table, columns) for table, columns in change.reads.items()})


def mapped(
    store: Store, old: Old, map_rows: MapRows, book: Rewritten, tick: Callable[[int], None]
) -> Iterator[pa.Table]:
    """New rows, a part at a time, each key once."""
    known: list[pa.Table] = []  # the keys so far
    for part in evolution.old_rows(store, old):
        made = map_rows(part)
        for why, count in made.unmapped.items():
            book.book(why, count)
        key = made.rows.column_names[0]
        rows = first_of_key(made.rows, key)
        if known:
            before = pa.concat_tables(known)[key].combine_chunks()
            rows = rows.filter(pc.invert(pc.is_in(rows[key], value_set=before)))
        known.append(rows.select([key]))
        book.book(SAME_KEY, made.rows.num_rows - rows.num_rows)
        book.rows += rows.num_rows
        tick(part.num_rows)
        yield rows.combine_chunks()


def rewrite(
    store: Store, old: Old, change: Change, to_version: int, check: Callable[[], None], tick: Callable[[int], None]
) -> Rewritten:
    """Maps a table and commits it. check: raises where a lease was lost, just before the commit.

    Killed before the commit it leaves files that no version names, which Lance's cleanup takes; the next run starts the
    table anew.
    """
    book = Rewritten(change.table, old.version, old.rows)
    map_rows = map_of(store, change)
    schema = map_rows(old.schema.empty_table()).rows.schema
    fragments = evolution.write_mapped(store, old.table, schema, mapped(store, old, map_rows, book, tick))
    check()
    book.version = evolution.commit_mapped(store, old, schema, fragments, to_version)
    return book


def rehearse(store: Store, old: Old, change: Change, tick: Callable[[int], None]) -> Rewritten:
    """What `rewrite` would do, without writing."""
    book = Rewritten(change.table, old.version, old.rows)
    for _ in mapped(store, old, map_of(store, change), book, tick):
        pass
    return book
