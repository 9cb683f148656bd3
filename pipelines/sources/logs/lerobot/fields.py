"""What a LeRobot data set holds by its own names: columns of a data file, recordings, labels of its episodes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from math import prod

import pyarrow as pa
import pyarrow.parquet as pq

from infra.storage import objects
from pipelines.sources.logs.base import NUMBERS, OTHER, PICTURES, WORDS, LogField
from pipelines.sources.logs.lerobot.columns import flattened, is_number, leaf
from pipelines.sources.logs.lerobot.meta import DataSet
from schemas.errors import BadMedia

# Columns that every data set has, which say nothing of it.
LAYOUT = re.compile(r"(?:^|_)(?:index|length)$|^(?:data|meta|stats|videos)/")  # of an episode's metadata
COUNTERS = ("timestamp", "frame_index", "episode_index", "index", "task_index")


def fields_of(data_set: DataSet, path: str) -> list[LogField]:
    """Of the data file at `path`, and of the set itself where that is no data file. BadMedia(bad_table)."""
    columns = _columns(data_set, path) if path in data_set.placed else ()
    fields = {name: _column(name, kind, data_set.features.get(name)) for name, kind in columns}
    for key, feature in data_set.features.items():
        if isinstance(feature, Mapping) and feature.get("dtype") == "video":
            fields[key] = LogField(name=key, kind=PICTURES, about=f"video {_shape(feature)}".strip())
    keys = {k for e in data_set.episodes for k, v in e.extra.items() if isinstance(v, str | int | float)}
    labels = sorted(key for key in keys - fields.keys() if not LAYOUT.search(key))
    fields |= {key: LogField(name=key, kind=WORDS, about="of an episode") for key in labels}
    return [field for name, field in fields.items() if name not in COUNTERS]


def _columns(data_set: DataSet, path: str) -> Iterator[tuple[str, pa.DataType]]:
    uri = data_set.files[path].uri
    try:
        source = pa.BufferReader(objects.read_bytes(uri)) if objects.is_remote(uri) else uri
        schema = pq.read_schema(source)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BadMedia("bad_table", f"{path}: {str(error)[:200]}") from error
    pictures = [f.name for f in schema if _holds_bytes(f.type)]
    yield from ((f.name, f.type) for f in schema if f.name in pictures)
    rest = pa.schema([f for f in schema if f.name not in pictures])
    yield from ((f.name, f.type) for f in flattened(rest.empty_table()).schema)


def _holds_bytes(kind: pa.DataType) -> bool:
    inner = [f.type for f in kind] if pa.types.is_struct(kind) else [kind]
    return any(pa.types.is_binary(t) or pa.types.is_large_binary(t) for t in inner)


def _column(name: str, kind: pa.DataType, feature: object) -> LogField:
    value, depth = leaf(kind)
    stated = feature if isinstance(feature, Mapping) else {}
    if _holds_bytes(kind) or stated.get("dtype") == "image":
        return LogField(name=name, kind=PICTURES, about=f"pictures {_shape(stated)}".strip())
    if is_number(value):
        shape = stated.get("shape")
        known = isinstance(shape, list) and all(isinstance(n, int) for n in shape)
        size = kind.list_size if pa.types.is_fixed_size_list(kind) else None
        width = 1 if not depth else prod(shape) if known and isinstance(shape, list) else size
        return LogField(name=name, kind=NUMBERS, about=f"{value} {width or 'list'}", width=width)
    is_words = pa.types.is_string(value) or pa.types.is_large_string(value)
    return LogField(name=name, kind=WORDS if is_words else OTHER, about=str(kind)[:40])


def _shape(feature: Mapping[str, object]) -> str:
    shape = feature.get("shape")
    return "x".join(map(str, shape)) if isinstance(shape, list) else ""
