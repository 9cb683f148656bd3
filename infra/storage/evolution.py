"""The door to Lance where a table's schema changes: every change is one commit, and what was before stays readable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import lance
import pyarrow as pa

from infra.storage.tables import FORMAT, Store, retrying
from schemas.errors import TransientError

MARK = b"handwheel.schema"  # metadata of a table's schema: the corpus's version that its rows were mapped to
BATCH_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class Old:
    """A table as it was before a step: its version, and the columns that version has."""

    table: str
    version: int
    rows: int
    schema: pa.Schema
    mapped_to: int | None


def old_of(store: Store, table: str) -> Old | None:
    """A table as it is now; None where it is not there."""
    dataset = store.open(table)
    if dataset is None:
        return None
    mark = (dataset.schema.metadata or {}).get(MARK)
    return Old(table, dataset.version, dataset.count_rows(), dataset.schema, int(mark) if mark else None)


def old_rows(store: Store, old: Old) -> Iterator[pa.Table]:
    """Its rows as they are, a part at a time."""
    dataset = _there(store, old.table, old.version)
    for batch in dataset.to_batches(batch_size=BATCH_ROWS):
        yield pa.Table.from_batches([batch])


@retrying
def add_columns(store: Store, table: str, fields: pa.Schema) -> list[str]:
    """Adds those nullable columns that are absent, without touching a data file; of two who add one both succeed."""
    dataset = _there(store, table)
    absent = [field for field in fields if field.name not in dataset.schema.names]
    if absent:
        dataset.add_columns(pa.schema(absent))
    return [field.name for field in absent]


def write_mapped(store: Store, table: str, schema: pa.Schema, parts: Iterable[pa.Table]) -> list[Any]:
    """Writes rows as files that no version names yet; `commit_mapped` makes them the table."""
    batches = (batch for part in parts for batch in part.to_batches())
    return list(
        lance.fragment.write_fragments(
            pa.RecordBatchReader.from_batches(schema, batches),
            store.uri(table),
            schema=schema,
            mode="overwrite",
            data_storage_version=FORMAT,
            enable_stable_row_ids=True,
            storage_options=store.options(),
        )
    )


def commit_mapped(store: Store, old: Old, schema: pa.Schema, fragments: list[Any], version: int) -> int:
    """The table's next version: these rows under this schema, marked with the corpus's version; returns its number.

    The old version is tagged first, so that cleanup keeps it and what releases have tagged. The caller holds the
    leases of everyone who writes the table.
    """
    dataset = _there(store, old.table, old.version)
    name, tags = old_tag(version - 1), dataset.tags.list()
    if name not in tags:
        dataset.tags.create(name, old.version)
    elif tags[name]["version"] != old.version:  # of a run that was killed, and the table was written since
        dataset.tags.update(name, old.version)
    marked = schema.with_metadata({MARK: str(version).encode()})
    committed = lance.LanceDataset.commit(
        store.uri(old.table),
        lance.LanceOperation.Overwrite(marked, fragments),
        read_version=old.version,
        storage_options=store.options(),
        enable_stable_row_ids=True,
    )
    return int(committed.version)


def old_tag(version: int) -> str:
    """Tag of a table's last version under an earlier schema."""
    return f"schema-{version}"


def _there(store: Store, table: str, version: int | None = None) -> lance.LanceDataset:
    dataset = store.open(table, version)
    if dataset is None:
        raise TransientError(f"{store.uri(table)} was removed; run the same command again")
    return dataset
