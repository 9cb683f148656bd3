"""Which schema a corpus is of: the stamp in its root, and whether this program can read and write it.

A command asks `check` before it reads, a hop `prepare` once it holds its lease. Where the stamp says that the corpus is
as this program has it, either costs one small read, whatever the size of the corpus.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

import pyarrow as pa

from infra.storage import evolution, objects
from infra.storage.tables import Store
from schemas import TABLES
from schemas.arrow import schema_of
from schemas.errors import UsageError
from schemas.keys import digest_of
from schemas.migrations import SCHEMA, recognised_version

FILE = "corpus.json"
RACES = 5  # conditional puts that may be lost before one gives up


@dataclass(frozen=True, slots=True)
class Stamp:
    """What corpus.json says. columns: digest of what its tables were brought to; empty: not known.

    migrating_to: a migration to that schema has begun and not ended.
    """

    schema: int
    columns: str = ""
    migrating_to: int | None = None


def current() -> Stamp:
    """The stamp of a corpus that is as this program has it."""
    columns = {t: [[f.name, str(f.type), f.nullable] for f in schema_of(row)] for t, row in TABLES.items()}
    return Stamp(SCHEMA, digest_of(columns)[:16])


def read_stamp(root: str) -> tuple[Stamp | None, str]:
    """The stamp and its ETag; None where there is none."""
    uri = objects.join(root, FILE)
    try:
        data, etag = objects.read(uri)
    except FileNotFoundError:
        return None, ""
    try:
        plain = json.loads(data)
        return Stamp(int(plain["schema"]), str(plain.get("columns", "")), plain.get("migrating_to")), etag
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise UsageError(f"{uri} does not name a schema ({e}); `handwheel migrate` cannot mend it, a copy can") from e


def put_stamp(root: str, stamp: Stamp, etag: str) -> str:
    """Writes the stamp over the one with this ETag ("": none), returns the new one. Conflict: somebody else did."""
    data = json.dumps(asdict(stamp), sort_keys=True).encode() + b"\n"
    return objects.put(objects.join(root, FILE), data, if_absent=not etag, if_match=etag or None)


def schemas_of(store: Store) -> dict[str, pa.Schema]:
    """The Arrow schema of every table that is there."""
    opened = ((table, store.open(table)) for table in TABLES)
    return {table: dataset.schema for table, dataset in opened if dataset is not None}


def version_of(stamp: Stamp | None, tables: Mapping[str, pa.Schema]) -> int:
    """The corpus's schema: as its stamp says or, where it has none, as its tables' columns tell."""
    if stamp is not None:
        return stamp.schema
    return recognised_version({table: frozenset(schema.names) for table, schema in tables.items()})


def check(store: Store) -> None:
    """UsageError where this program cannot read the corpus; columns that are null in old rows may be absent."""
    stamp, _ = read_stamp(store.root)
    if stamp != current():
        _absent_columns(store, stamp)


def prepare(store: Store) -> None:
    """The same for a hop that is about to write: adds the absent columns and stamps the corpus."""
    for _ in range(RACES):
        stamp, etag = read_stamp(store.root)
        if stamp == current():
            return
        for table, fields in _absent_columns(store, stamp).items():
            evolution.add_columns(store, table, fields)
        try:
            put_stamp(store.root, current(), etag)
        except objects.Conflict:
            continue  # another hop was first, or a migration has begun
        return
    raise UsageError(f"{objects.join(store.root, FILE)} keeps being written by other runs; run the same command again")


def _absent_columns(store: Store, stamp: Stamp | None) -> dict[str, pa.Schema]:
    """Nullable columns that tables lack, by table. UsageError: the corpus is of another schema."""
    tables = schemas_of(store)
    _refuse_other(store.root, version_of(stamp, tables), stamp.migrating_to if stamp else None)
    return {table: fields for table, schema in tables.items() if (fields := lacking(store.root, table, schema))}


def _refuse_other(root: str, version: int, migrating_to: int | None) -> None:
    newest = max(version, migrating_to or 0)
    if newest > SCHEMA:
        raise UsageError(f"{root} is of schema {newest}, made by a newer handwheel; this one reads schema {SCHEMA}")
    if migrating_to is not None:
        raise UsageError(
            f"{root} is in the middle of a migration to schema {migrating_to}: run `handwheel migrate` to finish it"
        )
    if version < SCHEMA:
        raise UsageError(f"{root} is of schema {version}, this program reads {SCHEMA}: run `handwheel migrate`")


def lacking(root: str, table: str, there: pa.Schema) -> pa.Schema:
    """Nullable columns of the row class that a table lacks. UsageError: it differs in anything else."""
    wanted = schema_of(TABLES[table])
    if beyond := sorted(set(there.names) - set(wanted.names)):
        raise UsageError(
            f"{root}: {table} has columns of a newer handwheel than this one ({', '.join(beyond)}); use that one"
        )
    if other := list(_differences(there, wanted)):
        raise UsageError(f"{root}: {table} {'; '.join(other)}: run `handwheel migrate`")
    return pa.schema([field for field in wanted if field.name not in there.names])


def _differences(there: pa.Schema, wanted: pa.Schema) -> Iterator[str]:
    for field in wanted:
        if field.name not in there.names:
            if not field.nullable:
                yield f"lacks {field.name}"
        elif (present := there.field(field.name)).type != field.type or present.nullable != field.nullable:
            yield f"has {field.name} as {present.type}{'' if present.nullable else ' not null'}"
