"""What a table's columns hold, as a key: equal values have an equal key, however Arrow lays them out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.columns import Array, items_of
from schemas.keys import digest_of


def content_key(columns: Mapping[str, Array]) -> str:
    """32 hex digits over names, types and values, bit for bit; what lies in memory below a null is not in it."""
    digest = hashlib.sha256()
    for name in sorted(columns):
        digest.update(f"{name};".encode())
        _add(columns[name], digest)
    return digest.hexdigest()[:32]


def _add(array: Array, digest: Any) -> None:
    digest.update(f"{array.type};{len(array)};".encode())
    digest.update(pc.is_valid(array).to_numpy(zero_copy_only=False).tobytes())
    there = pc.drop_null(array)
    if pa.types.is_list(array.type):
        digest.update(pc.list_value_length(there).to_numpy(zero_copy_only=False).astype("<i4").tobytes())
        _add(items_of(there), digest)
    elif pa.types.is_string(array.type):
        digest.update(digest_of(there.to_pylist()).encode())
    else:
        values = there.to_numpy(zero_copy_only=False)
        digest.update(values.astype(values.dtype.newbyteorder("<")).tobytes())
