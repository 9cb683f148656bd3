"""The files of a LeRobot data set, as they come: JSON, JSON lines, Parquet, and Git LFS pointers in their place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from infra.storage import objects
from infra.storage.objects import ObjectInfo
from pipelines.sources.logs.base import BadEpisode
from pipelines.sources.logs.fields import json_object
from schemas.errors import BadMedia

_TABLE_MAX_BYTES = 2 << 30  # uncompressed, of the columns that are read
_SMALL_BYTES = 1 << 20  # of a table that threads do not make faster
Wanted: TypeAlias = "Collection[str] | Callable[[pa.Field[Any]], bool] | None"  # columns; None: all of them
_POINTER = b"version https://git-lfs.github.com/spec/"
POINTER_MAX_BYTES = 1024  # of a pointer, by its specification


def pointers_among(files: Mapping[str, ObjectInfo]) -> frozenset[str]:
    """Paths of the data and media files that hold a Git LFS pointer; only files as small as one are opened."""
    small = (p for p, o in files.items() if o.size_bytes <= POINTER_MAX_BYTES and not p.startswith("meta/"))
    return frozenset(p for p in small if objects.read_bytes(files[p].uri).startswith(_POINTER))


def lfs_pointer(where: str) -> BadMedia:
    """The refusal of a file that git left in its store."""
    return BadMedia("lfs_pointer", f"{where} is a Git LFS pointer: run `git lfs pull` where it lies")


def read_meta(files: Mapping[str, ObjectInfo], path: str) -> bytes:
    """BadMedia: missing_file, lfs_pointer."""
    if path not in files:
        raise BadMedia("missing_file", path)
    try:
        raw = objects.read_bytes(files[path].uri)
    except FileNotFoundError as error:
        raise BadMedia("missing_file", path) from error
    if raw.startswith(_POINTER):
        raise lfs_pointer(path)
    return raw


def read_parquet(raw: bytes, where: str, columns: Wanted = None) -> pa.Table:
    """The columns that are there, of a table of bounded size. BadMedia: lfs_pointer, bad_table, too_large."""
    if raw.startswith(_POINTER):
        raise lfs_pointer(where)
    return _table_of(pa.BufferReader(raw), where, columns)


def read_columns(info: ObjectInfo, where: str, columns: Wanted) -> pa.Table:
    """The columns that are there, of a file whose other columns are not fetched where it is local."""
    if objects.is_remote(info.uri) or info.size_bytes <= POINTER_MAX_BYTES:
        return read_parquet(objects.read_bytes(info.uri), where, columns)
    return _table_of(info.uri, where, columns)


def _table_of(source: pa.BufferReader | str, where: str, columns: Wanted) -> pa.Table:
    try:
        with pq.ParquetFile(source) as file:
            names = [f.name for f in file.schema_arrow if _is_wanted(f, columns)]
            size = _size_of(file.metadata, names)
            if size > _TABLE_MAX_BYTES:
                raise BadMedia("too_large", f"{where}: {size} bytes, limit {_TABLE_MAX_BYTES}")
            table = file.read(columns=names, use_threads=size > _SMALL_BYTES)
            table.validate(full=True)  # texts that are no UTF-8
            return table
    except (pa.ArrowException, OSError, ValueError) as error:  # ValueError: a name that is no UTF-8
        raise BadMedia("bad_table", f"{where}: {str(error)[:200]}") from error


def _is_wanted(field: pa.Field[Any], columns: Wanted) -> bool:
    if columns is None:
        return True
    return columns(field) if callable(columns) else field.name in columns


def _size_of(about: pq.FileMetaData, names: list[str]) -> int:
    """Uncompressed bytes of the named columns, whose names hold dots, as do the paths of what lies in them."""
    inner = tuple(f"{name}." for name in names)
    paths = [about.schema.column(i).path for i in range(about.num_columns)]
    leaves = [i for i, path in enumerate(paths) if path in names or path.startswith(inner)]
    groups = [about.row_group(i) for i in range(about.num_row_groups)]
    return sum(group.column(i).total_uncompressed_size for group in groups for i in leaves)


def read_lines(
    files: Mapping[str, ObjectInfo], path: str, wanted: tuple[str, ...]
) -> Iterator[Mapping[str, Any] | BadEpisode]:
    """The file's objects in order, and a BadEpisode for a line that is none or lacks what is wanted.

    BadMedia: missing_file, lfs_pointer.
    """
    for i, line in enumerate(read_meta(files, path).split(b"\n")):
        if not line.strip():
            continue
        where = f"{path} line {i + 1}"
        try:
            row = json_object(line, where)
            if lacking := [w for w in wanted if w not in row]:
                raise BadMedia("bad_header", f"{where} lacks {', '.join(lacking)}")
            yield row
        except BadMedia as error:
            yield BadEpisode(name=where, reason=error.reason, detail=error.detail)
