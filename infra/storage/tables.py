"""The door to Lance: tables are sets of rows with a declared key; rows go in if they are absent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import lance
import pyarrow as pa
import pyarrow.compute as pc
from lance.indices import IndexConfig
from tenacity import retry, retry_if_exception, stop_after_attempt, wait_random_exponential

from infra.storage import absent_columns, objects
from schemas import TABLES
from schemas.arrow import empty, key_column, schema_of, table_of
from schemas.columns import table_from, values_of
from schemas.errors import TransientError

FORMAT: Literal["2.2"] = "2.2"
IN_LIST = 2000  # keys in one SQL filter
NUMBERS = 50_000  # the same where they are numbers
ZONE = 1024  # values a page of an index, of which a look-up reads one


def _transient(error: BaseException) -> bool:
    """Lance gives conflicts and network faults as OSError or ValueError with text."""
    text = str(error).lower()
    return isinstance(error, OSError | ValueError | RuntimeError) and any(
        word in text for word in ("conflict", "timeout", "timed out", "connection", "retry", "503", "429", "slow down")
    )


retrying = retry(
    retry=retry_if_exception(_transient),
    stop=stop_after_attempt(5),
    wait=wait_random_exponential(0.1, 5),
    reraise=True,
)


def _quoted(values: Iterable[str]) -> str:
    return ", ".join("'" + v.replace("'", "''") + "'" for v in values)


@dataclass(frozen=True, slots=True)
class Store:
    """Tables under one root, a folder or an S3 prefix. Picklable: a worker opens its own."""

    root: str
    pinned: Mapping[str, int] | None = None  # versions to read; None: the newest

    def at(self, versions: Mapping[str, int]) -> Store:
        """The same tables as they were at these versions: what one reads while others write."""
        return Store(self.root, versions)

    def uri(self, table: str) -> str:
        """Where a table lies."""
        return objects.join(self.root, "tables", f"{table}.lance")

    def options(self) -> dict[str, str] | None:
        """What Lance needs to reach the tables: S3's endpoint and region."""
        return objects.storage_options() if objects.is_s3(self.root) else None

    def open(self, table: str, version: int | str | None = None) -> lance.LanceDataset | None:
        """The table's dataset, or None where it is not there yet."""
        uri = self.uri(table)
        if version is None and self.pinned is not None:
            version = self.pinned.get(table, 0)  # a table that came later was not there
        if version == 0 or not has_versions(uri):
            return None
        return lance.dataset(uri, version=version, storage_options=self.options())

    def dataset(self, path: str, version: int | None = None) -> lance.LanceDataset:
        """A Lance dataset at a path below the root (a release's view)."""
        return lance.dataset(objects.join(self.root, path), version=version, storage_options=self.options())

    def version(self, table: str) -> int:
        """The table's newest version; 0 where it is not there yet."""
        dataset = self.open(table)
        return 0 if dataset is None else int(dataset.version)

    def versions(self) -> dict[str, int]:
        """Every table's newest version."""
        return {name: self.version(name) for name in TABLES}

    @retrying
    def insert(self, table: str, rows: Iterable[Any] | pa.Table, *, run_id: str) -> int:
        """Inserts the rows whose key is absent; returns how many. Races on a key give one row."""
        row = TABLES[table]
        data = rows if isinstance(rows, pa.Table) else table_of(row, rows)
        data = first_of_key(data.select(schema_of(row).names).cast(schema_of(row)), key_column(row))
        if not data.num_rows:
            return 0
        dataset = self.open(table) or self._create(table, run_id)
        if not (absent := self.absent(table, values_of(data[key_column(row)], str))):
            return 0
        data = data.filter(pc.is_in(data[key_column(row)], pa.array(absent)))
        merge = dataset.merge_insert(key_column(row)).when_not_matched_insert_all()
        stats = merge.execute(data)
        return int(stats["num_inserted_rows"])

    def _create(self, table: str, run_id: str) -> lance.LanceDataset:
        """An empty table; of two creators one wins and both use it."""
        try:
            return lance.write_dataset(
                schema_of(TABLES[table]).empty_table(),
                self.uri(table),
                mode="create",
                data_storage_version=FORMAT,
                enable_stable_row_ids=True,
                storage_options=self.options(),
                transaction_properties={"run_id": run_id},
            )
        except (OSError, ValueError) as e:
            if (dataset := self.open(table)) is None:
                raise TransientError(f"{self.uri(table)}: {e}; run the same command again") from e
            return dataset

    def absent(self, table: str, keys: Sequence[str]) -> list[str]:
        """Those of the keys that the table lacks, in their order."""
        column = key_column(TABLES[table])
        dataset = self.open(table)
        if dataset is None or not keys:
            return list(keys)
        if len(keys) <= IN_LIST:
            present = dataset.to_table(columns=[column], filter=f"{column} in ({_quoted(keys)})")[column]
        else:
            present = dataset.to_table(columns=[column])[column]
        wanted = pa.chunked_array([pa.array(keys, pa.string())])
        mask = pc.invert(pc.is_in(wanted, value_set=present.combine_chunks()))
        return [str(k) for k in wanted.filter(mask).to_pylist()]

    def read(
        self,
        table: str,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        version: int | None = None,
    ) -> pa.Table:
        """Columns of the rows that match an SQL filter, absent ones as null; an empty table where there is none."""
        dataset = self.open(table, version)
        if dataset is None:
            return empty(TABLES[table], columns)
        there, wanted = dataset.schema, schema_of(TABLES[table])
        where = absent_columns.filter_of(where, there, wanted)
        rows = dataset.to_table(columns=absent_columns.present(there, columns), filter=where)
        return absent_columns.filled(rows, columns, wanted)

    def scan(self, table: str, columns: Sequence[str], where: str | None = None) -> Iterator[pa.RecordBatch]:
        """The same a batch at a time, for tables that are larger than memory."""
        dataset = self.open(table)
        if dataset is None:
            return
        there, wanted = dataset.schema, schema_of(TABLES[table])
        where = absent_columns.filter_of(where, there, wanted)
        for batch in dataset.to_batches(columns=absent_columns.present(there, columns), filter=where):
            yield from absent_columns.filled(pa.Table.from_batches([batch]), columns, wanted).to_batches()

    def read_keys(
        self, table: str, column: str, values: Sequence[str], columns: Sequence[str] | None = None
    ) -> pa.Table:
        """Rows whose column holds one of the values."""
        parts = [
            self.read(table, columns, f"{column} in ({_quoted(values[i : i + IN_LIST])})")
            for i in range(0, len(values), IN_LIST)
        ]
        return pa.concat_tables(parts) if parts else empty(TABLES[table], columns)

    def lookup(self, table: str, column: str, values: Sequence[int], columns: Sequence[str]) -> pa.Table:
        """Rows whose column of whole numbers holds one of the values; with an `index` on it, those alone are read."""
        dataset = self.open(table)
        if dataset is None or not len(values):
            return empty(TABLES[table], columns)
        parts = [
            dataset.to_table(
                columns=list(columns), filter=f"{column} in ({', '.join(map(str, values[i : i + NUMBERS]))})"
            )
            for i in range(0, len(values), NUMBERS)
        ]
        return pa.concat_tables(parts)

    @retrying
    def index(self, table: str, column: str) -> None:
        """Brings the column's index up to date: new rows with those segments that hold not more than twice as many.

        So a table of n rows has some log n segments, and each row was sorted into one some log n times.
        """
        dataset = self.open(table)
        if dataset is None:
            return
        name = f"{column}_idx"
        if name not in {index.name for index in dataset.describe_indices()}:
            dataset.create_scalar_index(column, IndexConfig("btree", {"zone_size": ZONE}), name=name)
            return
        stats = dataset.stats.index_stats(name)
        rows, merged = stats["num_unindexed_rows"], 0
        for segment_rows in reversed(stats["num_indexed_rows_per_delta"]):
            if segment_rows > 2 * rows:
                break
            rows, merged = rows + segment_rows, merged + 1
        dataset.optimize.optimize_indices(num_indices_to_merge=merged, index_names=[name])

    def write_fragments(self, table: str, batches: Iterable[pa.RecordBatch]) -> list[str]:
        """Writes rows as uncommitted fragments and returns their metadata as JSON; `append` commits them."""
        schema = schema_of(TABLES[table])
        return write_fragments(self.uri(table), pa.RecordBatchReader.from_batches(schema, batches), self.options())

    @retrying
    def append(self, table: str, fragments: Sequence[str], *, run_id: str) -> int:
        """Commits fragments. The caller holds the table's lease and has checked that their keys are absent.

        One that is in the table already stays once: a commit whose answer was lost is tried again.
        """
        if not fragments:
            return 0
        dataset = self.open(table) or self._create(table, run_id)
        there = {path for f in dataset.get_fragments() for path in _files(f.metadata)}
        parsed = [lance.fragment.FragmentMetadata.from_json(f) for f in fragments]
        parsed = [f for f in parsed if there.isdisjoint(_files(f))]
        if not parsed:
            return 0
        operation = lance.LanceOperation.Append(parsed)
        lance.LanceDataset.commit(
            dataset,
            operation,
            read_version=dataset.version,
            commit_message=run_id,
            storage_options=self.options(),
        )
        return sum(int(f.num_rows) for f in parsed)

    def discard(self, table: str, fragments: Sequence[str]) -> None:
        """Removes the files of uncommitted fragments; those that some version of the table names stay.

        The caller holds the table's lease, and the run that wrote them is dead.
        """
        if not fragments:
            return
        dataset = self.open(table)
        tracked = set() if dataset is None else set(dataset.tracked_files().read_all()["path"].to_pylist())
        for fragment in fragments:
            for path in _files(lance.fragment.FragmentMetadata.from_json(fragment)):
                if f"data/{path}" not in tracked:
                    objects.delete(objects.join(self.uri(table), "data", path))

    def tag(self, versions: Mapping[str, int], name: str) -> None:
        """Tags table versions, so that cleanup keeps them. A tag that is there already stays."""
        for table, version in versions.items():
            dataset = self.open(table)
            if dataset is not None and version and name not in dataset.tags.list():
                dataset.tags.create(name, version)


def _files(fragment: lance.fragment.FragmentMetadata) -> list[str]:
    """Names of a fragment's data files, below the table's `data`."""
    return [str(f.path) for f in fragment.files]


def write_fragments(uri: str, reader: pa.RecordBatchReader, options: dict[str, str] | None) -> list[str]:
    """Uncommitted fragments of a dataset that may not be there yet."""
    fragments = lance.fragment.write_fragments(
        reader,
        uri,
        schema=reader.schema,
        mode="append" if has_versions(uri) else "create",
        data_storage_version=FORMAT,
        enable_stable_row_ids=True,
        storage_options=options,
    )
    return [json.dumps(f.to_json()) for f in fragments]


def commit_new(uri: str, schema: pa.Schema, fragments: Sequence[str], options: dict[str, str] | None) -> int:
    """A new dataset of these fragments in one commit; returns its version."""
    parsed = [lance.fragment.FragmentMetadata.from_json(f) for f in fragments]
    dataset = lance.LanceDataset.commit(
        uri,
        lance.LanceOperation.Overwrite(schema, parsed),
        storage_options=options,
        enable_stable_row_ids=True,
    )
    return int(dataset.version)


def has_versions(uri: str) -> bool:
    """Whether a dataset was ever committed there; a creation that was killed leaves folders without a manifest."""
    versions = objects.join(uri, "_versions")
    if not objects.is_s3(uri):
        return next(Path(versions).glob("*.manifest"), None) is not None
    return any(info.uri.endswith(".manifest") for info in objects.list_objects(versions + "/"))


def first_of_key(data: pa.Table, key: str) -> pa.Table:
    """One row a key, the first."""
    rows = table_from({"key": data[key], "row": pa.array(range(data.num_rows), pa.int64())})
    first = rows.group_by("key").aggregate([("row", "min")])["row_min"]
    return data if len(first) == data.num_rows else data.take(first.combine_chunks().sort())
