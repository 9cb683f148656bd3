"""Files and remote objects as seekable binary files; of an object only the ranges that are read travel."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

from infra.storage import objects
from infra.storage.objects import ObjectInfo

BUFFER_BYTES = 64 << 10  # a tar's header, a small sidecar and the next header in one request


def open_seekable(info: ObjectInfo) -> BinaryIO:
    """The object that a listing or `objects.info` found, open for reading."""
    if objects.is_remote(info.uri):
        return io.BufferedReader(Ranged(info), BUFFER_BYTES)
    return open(info.uri, "rb")


class Ranged(io.RawIOBase):
    """A remote object read by ranges. TransientError from a read: it was rewritten since, or its server gave up."""

    def __init__(self, info: ObjectInfo) -> None:
        super().__init__()
        self._info, self._at = info, 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Bytes from the start."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Where the next read starts. ValueError: before the start."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._info.size_bytes}[whence]
        if base + offset < 0:
            raise ValueError(f"negative seek position {base + offset}")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer with one request; 0 at the end."""
        count = min(len(buffer), self._info.size_bytes - self._at)
        if count <= 0:
            return 0
        data = objects.read_range(self._info.uri, self._at, count, self._info.etag)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
