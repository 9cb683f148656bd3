"""Pictures in a Parquet file: a column of JPEG or PNG bytes, or of {bytes, path} as Hugging Face datasets write it.

Option of a selector: `rows=<start>-<end>` (half-open, default all).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from infra.readers import picture_spool
from infra.readers.picture_spool import Pixels
from schemas.errors import BadMedia

BATCH_ROWS = 64
BYTES = "bytes"  # the field that holds them, where a row is a struct


def pictures(path: Path, where: str, options: Mapping[str, str]) -> Iterator[bytes | Pixels]:
    """The pictures of the column `where`, in order of rows, as they are.

    BadMedia: missing_array, bad_table, bad_frame (a row holds none), too_large, decoder_*.
    """
    yield from picture_spool.from_child(__name__, [os.path.abspath(path), where, options.get("rows", "")])


def lack_of(path: Path | pa.BufferReader, column: str) -> str | None:
    """Why a column holds no pictures, by the file's schema and statistics; None where it may hold some.

    BadMedia(bad_table): it is no Parquet file.
    """
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if column not in names:
                return "the data file has no such column"
            kind = file.schema_arrow.field(column).type
            if not _holds_bytes(kind):
                return f"its rows hold {str(kind)[:60]}, no JPEG or PNG"
            leaf = f"{column}.{BYTES}" if pa.types.is_struct(kind) else column
            return "its rows hold no bytes" if _all_null(file.metadata, leaf) else None
    except (pa.ArrowException, OSError, ValueError) as error:  # ValueError: a name that is no UTF-8
        raise BadMedia("bad_table", str(error)[:200]) from error


def _all_null(about: pq.FileMetaData, leaf: str) -> bool:
    places = [i for i in range(about.num_columns) if about.schema.column(i).path == leaf]
    chunks = [about.row_group(g).column(i) for g in range(about.num_row_groups) for i in places]
    nulls = sum((c.statistics.null_count or 0) if c.statistics else 0 for c in chunks)
    return bool(about.num_rows) and nulls == about.num_rows


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return any(f.name == BYTES and _holds_bytes(f.type) for f in kind)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def main(argv: list[str]) -> None:
    """The child. argv: the file, the column, the rows, and the file to write."""
    path, where, rows, out = argv
    try:
        with pq.ParquetFile(path) as file, Path(out).open("wb") as spool:
            if where not in file.schema_arrow.names:
                raise BadMedia("missing_array", f"no column {where}")
            start, end = map(int, rows.split("-")) if rows else (0, file.metadata.num_rows)
            for i, picture in enumerate(_read(file, where, start, end)):
                if not picture:
                    raise BadMedia("bad_frame", f"{where}: row {start + i} holds no picture")
                picture_spool.put(spool, picture)
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BadMedia("bad_table", f"{type(error).__name__}: {error}"[:200]) from error


def _read(file: pq.ParquetFile, where: str, start: int, end: int) -> Iterator[bytes | None]:
    """The rows' bytes, of the row groups that hold some of them."""
    first = 0
    for group in range(file.metadata.num_row_groups):
        last = first + file.metadata.row_group(group).num_rows
        at, first = first, last
        if at >= end or last <= start:
            continue
        for batch in file.iter_batches(BATCH_ROWS, row_groups=[group], columns=[where]):
            lo, hi = max(start - at, 0), min(end - at, batch.num_rows)
            at += batch.num_rows
            if lo < hi:
                yield from map(_bytes_of, batch.column(0).slice(lo, hi - lo).to_pylist())


def _bytes_of(value: object) -> bytes | None:
    raw = value.get(BYTES) if isinstance(value, dict) else value
    return raw if isinstance(raw, bytes) else None
